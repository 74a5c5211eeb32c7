import {
  isInitializeRequest,
  type JSONRPCMessage,
  parseJSONRPCMessage,
  type Server,
} from "@modelcontextprotocol/server";
import { fixedPart, type Log } from "../log.ts";
import type { ServerFactory } from "../mcp/server.ts";
import type { Caller } from "../policy/caller.ts";
import { refuse } from "./answers.ts";
import { readJson } from "./body.ts";
import type { SessionIds } from "./session-id.ts";
import { SseTransport } from "./sse-transport.ts";

/** Limits of the HTTP+SSE transport. */
export interface SseOptions {
  /** Open streams at most; one more is refused. Default 256. */
  readonly mostSessions?: number;
  /** Milliseconds between pings. Gemini CLI 0.61 gives a silent stream up after 300 s, proxies earlier. Default 15000. */
  readonly pingMs?: number;
  /** How much may wait for a client that does not read, in bytes, before it is cut off. Default 8 MiB. */
  readonly mostWaitingBytes?: number;
}

interface Session {
  readonly server: Server;
  readonly transport: SseTransport;
  readonly callerId: string;
}

/** HTTP+SSE as the routes see it. */
export interface SseEndpoint {
  /** `GET /sse`: opens a stream with a server of its own. */
  open(request: Request, caller: Caller): Promise<Response>;
  /** `POST /messages?sessionId=...`: a message for the server behind that stream. */
  post(request: Request, caller: Caller): Promise<Response>;
  /** How many streams are open. */
  count(): number;
  /** Tells all clients that tools/list changed. */
  toolsChanged(): void;
  /** Ends all streams. */
  close(): Promise<void>;
}

/** HTTP+SSE of MCP 2024-11-05, what Gemini CLI's `"type": "sse"` speaks. `messagesPath` is told to clients. */
export function sseEndpoint(
  createServer: ServerFactory,
  log: Log,
  ids: SessionIds,
  messagesPath: string,
  { mostSessions = 256, pingMs = 15_000, mostWaitingBytes = 8 * 1024 * 1024 }: SseOptions = {},
): SseEndpoint {
  const sessions = new Map<string, Session>();
  const pings = setInterval(() => {
    for (const { transport } of sessions.values()) transport.ping();
  }, pingMs);
  pings.unref();

  return {
    async open(request, caller) {
      if (sessions.size >= mostSessions) {
        return refuse(
          503,
          `${mostSessions} SSE streams are open, and no more are served. Close one, or come back later.`,
          {
            "Retry-After": "10",
          },
        );
      }
      const transport = new SseTransport(messagesPath, mostWaitingBytes);
      const server = createServer(caller);
      sessions.set(transport.sessionId, { server, transport, callerId: caller.id });
      server.onclose = () => {
        sessions.delete(transport.sessionId);
        log.debug(`SSE stream ${transport.sessionId} closed, ${sessions.size} open`);
      };
      server.onerror = (error) => log.debug(`SSE stream ${transport.sessionId}: ${fixedPart(error)}`);
      await server.connect(transport);
      transport.ping();
      // A client that reconnects does not initialize again: it says by Last-Event-ID what it said the first time.
      const introduction = ids.read(request.headers.get("last-event-id") ?? "", caller);
      if (introduction !== undefined) {
        transport.introduce(introduction);
        transport.nameNextEvent(ids.mint(introduction, caller));
      }
      log.debug(`SSE stream ${transport.sessionId} opened, ${sessions.size} open`);
      return new Response(transport.stream, {
        headers: {
          "Content-Type": "text/event-stream",
          "Cache-Control": "no-cache, no-transform",
          "X-Accel-Buffering": "no",
        },
      });
    },

    async post(request, caller) {
      const id = new URL(request.url).searchParams.get("sessionId");
      const session = id === null ? undefined : sessions.get(id);
      if (session?.callerId !== caller.id) {
        return refuse(404, "There is no SSE stream of this sessionId (any more). Open a new one with GET /sse.");
      }
      const body = await readJson(request);
      if ("refusal" in body) return body.refusal;
      let message: JSONRPCMessage;
      try {
        message = parseJSONRPCMessage(body.json);
      } catch {
        return refuse(400, "Invalid request: the body is not one JSON-RPC message.", {}, -32600);
      }
      if (isInitializeRequest(message)) session.transport.nameNextEvent(ids.mint(message.params, caller));
      session.transport.receive(message, request);
      return new Response("Accepted", { status: 202 });
    },

    count: () => sessions.size,

    toolsChanged() {
      // A stream that ends meanwhile needs no news.
      for (const { server } of sessions.values()) void server.sendToolListChanged().catch(() => undefined);
    },

    async close() {
      clearInterval(pings);
      await Promise.all([...sessions.values()].map(({ transport }) => transport.close()));
    },
  };
}
