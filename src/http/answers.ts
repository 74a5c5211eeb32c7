/**
 * A refusal before MCP: JSON-RPC's error form, so that MCP clients show the sentence, with an HTTP status that others
 * understand.
 */
export function refuse(status: number, message: string, headers: Record<string, string> = {}, code = -32000): Response {
  return Response.json({ jsonrpc: "2.0", error: { code, message }, id: null }, { status, headers });
}
