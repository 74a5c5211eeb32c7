import { Fault } from "./errors.ts";

/**
 * Collects a body, decompressed, as long as it stays below the limit.
 * @throws Fault `too-large`, and whatever the source throws when the connection breaks.
 */
export async function readBody(source: AsyncIterable<Uint8Array>, limit: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    size += chunk.byteLength;
    if (size > limit) {
      throw new Fault({
        kind: "too-large",
        sent: "answered",
        what: `the answer is larger than ${limit} bytes and was not read further`,
        hint: "Ask for less: a narrower path, a filter, or the endpoint's own limit and start parameters.",
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
