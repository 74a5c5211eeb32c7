import { type Server, WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/server";
import type { Log } from "../log.ts";
import type { ServerFactory } from "../mcp/server.ts";
import { refuse } from "./answers.ts";
import { keepAliveMs, withHeadAtOnce } from "./event-stream.ts";

/** Limits of 2025-era sessions. */
export interface SessionOptions {
  /** Sessions kept at most; for one more the longest unused one without an open stream goes. Default 256. */
  readonly mostSessions?: number;
  /** After so many milliseconds without a request or an open stream a session goes. Default 30 minutes. */
  readonly idleMs?: number;
}

interface Session {
  readonly server: Server;
  readonly transport: WebStandardStreamableHTTPServerTransport;
  lastUsed: number;
  /** Streams that the client holds open with GET. */
  openStreams: number;
}

/** Streamable HTTP for clients of 2025-03-26 to 2025-11-25, which initialize and keep a session. */
export interface SessionEndpoint {
  /** Begins a session with an initialize request. */
  begin(request: Request, message: unknown): Promise<Response>;
  /** A POST (with its parsed body), GET or DELETE within a session. */
  serve(sessionId: string, request: Request, message?: unknown): Promise<Response>;
  /** Ends all sessions. */
  close(): Promise<void>;
}

/** Keeps the sessions of 2025-era clients, with a cap and a reaper for idle ones. */
export function sessionEndpoint(
  createServer: ServerFactory,
  log: Log,
  { mostSessions = 256, idleMs = 30 * 60_000 }: SessionOptions = {},
): SessionEndpoint {
  const sessions = new Map<string, Session>();
  const reaper = setInterval(
    () => {
      for (const [id, session] of sessions) if (isIdle(session, idleMs)) end(id, session, "idle");
    },
    Math.min(idleMs, 60_000),
  );
  reaper.unref();

  function end(id: string, { server }: Session, why: string): void {
    sessions.delete(id);
    log.debug(`session ${id} ended (${why}), ${sessions.size} left`);
    server.close().catch((error: unknown) => log.error(`closing session ${id}`, error));
  }

  /** Makes room for one more session, if there is one that nobody would miss at once. */
  function makeRoom(): boolean {
    if (sessions.size < mostSessions) return true;
    const unused = [...sessions]
      .filter(([, session]) => isIdle(session, 0))
      .sort(([, a], [, b]) => a.lastUsed - b.lastUsed);
    const [oldest] = unused;
    if (oldest === undefined) return false;
    end(...oldest, "room for another");
    return true;
  }

  return {
    async begin(request, message) {
      if (!makeRoom()) {
        return refuse(503, `${mostSessions} sessions are in use, and no more are served. Come back later.`, {
          "Retry-After": "10",
        });
      }
      const server = createServer();
      const transport = new WebStandardStreamableHTTPServerTransport({
        sessionIdGenerator: () => crypto.randomUUID(),
        keepAliveMs,
        onsessioninitialized: (id) => {
          sessions.set(id, { server, transport, lastUsed: Date.now(), openStreams: 0 });
          log.debug(`session ${id} began, ${sessions.size} in all`);
        },
        onsessionclosed: (id) => {
          sessions.delete(id);
          log.debug(`session ${id} ended (by its client), ${sessions.size} left`);
        },
      });
      server.onerror = (error) => log.debug(`session ${transport.sessionId}: ${error.message}`);
      await server.connect(transport);
      return await transport.handleRequest(request, { parsedBody: message });
    },

    async serve(sessionId, request, message) {
      const session = sessions.get(sessionId);
      if (session === undefined) {
        return refuse(404, "Session not found: it ended, or this server was restarted. Initialize anew.", {}, -32001);
      }
      session.lastUsed = Date.now();
      const response = await session.transport.handleRequest(
        request,
        message === undefined ? {} : { parsedBody: message },
      );
      if (request.method !== "GET" || !response.ok) return response;
      session.openStreams++;
      request.signal.addEventListener("abort", () => {
        session.openStreams--;
        session.lastUsed = Date.now();
      });
      return withHeadAtOnce(response);
    },

    async close() {
      clearInterval(reaper);
      await Promise.all([...sessions.values()].map(({ server }) => server.close()));
      sessions.clear();
    },
  };
}

function isIdle({ openStreams, lastUsed }: Session, idleMs: number): boolean {
  return openStreams === 0 && lastUsed + idleMs <= Date.now();
}
