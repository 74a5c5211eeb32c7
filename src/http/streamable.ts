import {
  createMcpHandler,
  isInitializeRequest,
  isLegacyRequest,
  legacyStatelessFallback,
} from "@modelcontextprotocol/server";
import type { Log } from "../log.ts";
import type { ServerFactory } from "../mcp/server.ts";
import { refuse } from "./answers.ts";
import { readJson } from "./body.ts";
import { keepAliveMs } from "./event-stream.ts";
import { type SessionOptions, sessionEndpoint } from "./sessions.ts";

/** Streamable HTTP as the routes see it. */
export interface StreamableEndpoint {
  /** Any request to `/mcp`. */
  serve(request: Request): Promise<Response>;
  /** Ends what is open. */
  close(): Promise<void>;
}

/**
 * Streamable HTTP on one path for all eras: 2026-07-28, which has no sessions; 2025-era clients, which begin one; and
 * single 2025-era requests without one, as scripts send them.
 */
export function streamableEndpoint(
  createServer: ServerFactory,
  log: Log,
  options?: SessionOptions,
): StreamableEndpoint {
  const onerror = (error: Error) => log.debug(`/mcp: ${error.message}`);
  // A call may take minutes. Framed as SSE its headers leave at once and comments follow; a JSON answer that is silent
  // for 60 s is given up by clients (Gemini CLI 0.61) and proxies.
  const modern = createMcpHandler(createServer, { legacy: "reject", responseMode: "sse", keepAliveMs, onerror });
  const sessions = sessionEndpoint(createServer, log, options);
  const single = legacyStatelessFallback(createServer, onerror);

  return {
    async serve(request) {
      const sessionId = request.headers.get("mcp-session-id");
      if (request.method === "GET" || request.method === "DELETE") {
        if (sessionId !== null) return await sessions.serve(sessionId, request);
        return refuse(400, `${request.method} /mcp belongs to a session: send its Mcp-Session-Id header.`);
      }
      if (request.method !== "POST") {
        return refuse(405, "Method not allowed: /mcp takes POST, GET and DELETE.", { Allow: "POST, GET, DELETE" });
      }
      const body = await readJson(request);
      if ("refusal" in body) return body.refusal;
      const { json } = body;
      if (!(await isLegacyRequest(request, json))) return await modern.fetch(request, { parsedBody: json });
      if (isInitializeRequest(json)) return await sessions.begin(request, json);
      if (sessionId !== null) return await sessions.serve(sessionId, request, json);
      return await single(request, { parsedBody: json });
    },

    async close() {
      await Promise.all([modern.close(), sessions.close()]);
    },
  };
}
