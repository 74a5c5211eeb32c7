import type { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/server";
import type { Introduction } from "./session-id.ts";

/** The id of the initialize that a rebuilt session is given; no client uses it, and no client sees the answer. */
export const introductionId = "proxmox-mcp/rebuilt";

/** The messages with which a client of this introduction would begin. */
export function introductionMessages({ protocolVersion, capabilities, clientInfo }: Introduction) {
  return [
    {
      jsonrpc: "2.0",
      id: introductionId,
      method: "initialize",
      params: { protocolVersion, capabilities, clientInfo },
    },
    { jsonrpc: "2.0", method: "notifications/initialized" },
  ] as const;
}

/**
 * Puts a fresh transport and its server into the state after the handshake. The SDK's transport cannot be built that
 * way, so it is given the handshake as if the client had sent it.
 */
export async function introduce(
  transport: WebStandardStreamableHTTPServerTransport,
  sessionId: string,
  introduction: Introduction,
): Promise<void> {
  for (const message of introductionMessages(introduction)) {
    const request = new Request("http://localhost/mcp", {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-session-id": sessionId,
      },
    });
    const response = await transport.handleRequest(request, { parsedBody: message });
    await response.text();
  }
}
