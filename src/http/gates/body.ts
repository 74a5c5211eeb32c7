import { isJsonContentType, readRequestBody } from "@modelcontextprotocol/server";
import { refuse } from "../error-response.ts";
import type { Gate } from "./gate.ts";

/** The largest message taken, in bytes. Proxmox takes 512 KiB, so nothing that could be passed on is larger. */
export const maxBodyBytes = 1024 * 1024;

/** Refuses a body that says it is too large before a byte of it is read. */
export const bodySizeGate: Gate = (request) => {
  return Number(request.headers.get("content-length") ?? 0) > maxBodyBytes ? tooLarge() : undefined;
};

/** The JSON of a request's body, or the response that refuses it. A body that does not say its size is counted. */
export async function readJson(request: Request): Promise<{ json: unknown } | { refusal: Response }> {
  if (!isJsonContentType(request.headers.get("content-type"))) {
    return { refusal: refuse(415, "The body must be JSON, with the header `Content-Type: application/json`.") };
  }
  const text = await readText(request);
  if (text === undefined) return { refusal: tooLarge() };
  try {
    return { json: JSON.parse(text) };
  } catch {
    return { refusal: refuse(400, "Parse error: the body is not JSON.", {}, -32700) };
  }
}

/** A length that is said was judged by the gate, and Bun reads no more than that; reading by the stream costs 20 us more. */
async function readText(request: Request): Promise<string | undefined> {
  if (request.headers.has("content-length")) return await request.text();
  const body = await readRequestBody(request, maxBodyBytes);
  return body.tooLarge ? undefined : body.text;
}

function tooLarge(): Response {
  return refuse(413, `The body is too large: at most ${maxBodyBytes} bytes are taken.`);
}
