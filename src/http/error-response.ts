import type { Redactor } from "../redact/redactor.ts";

/**
 * A refusal before MCP: JSON-RPC's error form, so that MCP clients show the sentence, with an HTTP status that others
 * understand.
 */
export function refuse(status: number, message: string, headers: Record<string, string> = {}, code = -32000): Response {
  return Response.json({ jsonrpc: "2.0", error: { code, message }, id: null }, { status, headers });
}

/** The refusal of new work by a server that is about to end; another one may be there soon. */
export function refuseStopping(): Response {
  return refuse(503, "The server is stopping. Nothing was done; try again in a few seconds.", { "Retry-After": "5" });
}

/**
 * Redacts the body of an error response: it may quote what the client sent, and the SDK's own errors do. Other bodies
 * are streams or results, whose texts were redacted earlier.
 */
export async function redacted(response: Response, redactor: Redactor): Promise<Response> {
  if (response.ok || response.body === null) return response;
  const { status, statusText, headers } = response;
  return new Response(redactor.outgoing(await response.text()), { status, statusText, headers });
}
