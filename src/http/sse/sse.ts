import {
  DEFAULT_NEGOTIATED_PROTOCOL_VERSION,
  isInitializeRequest,
  isJSONRPCRequest,
  type JSONRPCMessage,
  parseJSONRPCMessage,
  type Server,
} from "@modelcontextprotocol/server";
import { fixedPart, type Log } from "../../log.ts";
import { RunningRequests } from "../../mcp/running-requests.ts";
import type { ServerFactory } from "../../mcp/server.ts";
import type { Caller } from "../../policy/callers/caller.ts";
import { refuse, refuseStopping } from "../error-response.ts";
import { readJson } from "../gates/body.ts";
import { type CallerShare, everything, OpenLimit } from "../sessions/open-limit.ts";
import type { Introduction, SessionIds } from "../sessions/session-id.ts";
import { Reopening } from "./reopening.ts";
import { SseTransport } from "./sse-transport.ts";

/** Limits of the HTTP+SSE transport. */
export interface SseOptions {
  /** Open streams at most; one more is refused. Default 256. */
  readonly maxSessions?: number;
  /** How many of them one caller may have. Default: all. */
  readonly share?: CallerShare;
  /** Milliseconds between pings. Gemini CLI 0.61 gives a silent stream up after 300 s, proxies earlier. Default 15000. */
  readonly pingMs?: number;
  /** How much may wait for a client that does not read, in bytes, before it is cut off. Default 8 MiB. */
  readonly maxWaitingBytes?: number;
  /**
   * How long a message for a stream that is not open waits for the client to open it again, in milliseconds. Default
   * 4000: streams of older versions are reopened after EventSource's own 3 s.
   */
  readonly holdMs?: number;
}

interface Session {
  readonly server: Server;
  readonly transport: SseTransport;
  readonly caller: Caller;
  readonly running: RunningRequests;
  /** Whether its client initialized, on this stream or on a known earlier one. */
  isIntroduced: boolean;
}

/** The address of a request's client; `undefined` when it is gone already. */
export type Address = () => string | undefined;

/** HTTP+SSE as the routes see it. */
export interface SseEndpoint {
  /** `GET /sse`: opens a stream with a server of its own. */
  open(request: Request, caller: Caller, address?: Address): Promise<Response>;
  /** `POST /messages?sessionId=...`: a message for the server behind that stream. */
  post(request: Request, caller: Caller, address?: Address): Promise<Response>;
  /** How many streams are open. */
  count(): number;
  /** Tells all clients that tools/list changed. */
  toolsChanged(): void;
  /** Refuses new streams and requests; answers and cancellations for what runs still pass. */
  refuse(): void;
  /** Ends the streams of callers that are not known any more. */
  endRevoked(knows: (caller: Caller) => boolean): void;
  /** Ends all streams. */
  close(): Promise<void>;
}

function unknownClient({ headers }: Request): Introduction {
  const name = headers.get("user-agent") ?? "unknown";
  const protocolVersion = headers.get("mcp-protocol-version") ?? DEFAULT_NEGOTIATED_PROTOCOL_VERSION;
  return { protocolVersion, capabilities: {}, clientInfo: { name, version: "" } };
}

/** Identifies the sender of a request by caller, address and program; two clients that share all three are one peer. */
function peerOf({ headers }: Request, { id }: Caller, address: Address = () => undefined): string {
  return JSON.stringify([id, address(), headers.get("user-agent")]);
}

const streamHeaders = {
  "Content-Type": "text/event-stream",
  "Cache-Control": "no-cache, no-transform",
  "X-Accel-Buffering": "no",
} as const;

/** When a client that reconnected to a stopping server tries again, in milliseconds. */
const stoppingRetryMs = 1000;

/** For a reconnecting EventSource: any status but 200 would make it give up for good (HTML, 9.2.3). */
function endedStream(): Response {
  return new Response(`retry: ${stoppingRetryMs}\n\n`, { headers: streamHeaders });
}

/** HTTP+SSE of MCP 2024-11-05, what Gemini CLI's `"type": "sse"` speaks. Clients learn `messagesPath` from it. */
export function sseEndpoint(
  createServer: ServerFactory,
  log: Log,
  ids: SessionIds,
  messagesPath: string,
  {
    maxSessions = 256,
    share = everything,
    pingMs = 15_000,
    maxWaitingBytes = 8 * 1024 * 1024,
    holdMs = 4_000,
  }: SseOptions = {},
): SseEndpoint {
  const sessions = new Map<string, Session>();
  const limit = new OpenLimit("SSE streams open", maxSessions, share);
  const reopening = new Reopening(holdMs, (id) => sessions.get(id)?.isIntroduced === false, share);
  let isRefusing = false;
  const pings = setInterval(() => {
    for (const { transport } of sessions.values()) transport.ping();
  }, pingMs);
  pings.unref();

  return {
    async open(request, caller, address) {
      const lastEventId = request.headers.get("last-event-id");
      if (isRefusing) return lastEventId === null ? refuseStopping() : endedStream();
      const holders = Array.from(sessions.values(), (session) => session.caller);
      const reached = limit.reached(caller, holders);
      if (reached !== undefined) return limit.refusal(reached, caller);
      // A client that reconnects does not initialize again: Last-Event-ID carries what it said the first time.
      const introduction = lastEventId === null ? undefined : ids.read(lastEventId, caller);
      const isFree = introduction !== undefined && !sessions.has(introduction.nonce);
      const transport = new SseTransport(messagesPath, maxWaitingBytes, isFree ? introduction.nonce : undefined);
      const server = createServer(caller);
      const running = new RunningRequests(transport);
      sessions.set(transport.sessionId, {
        server,
        transport,
        caller,
        running,
        isIntroduced: introduction !== undefined,
      });
      server.onclose = () => {
        sessions.delete(transport.sessionId);
        log.debug(`SSE stream ${transport.sessionId} closed, ${sessions.size} open`);
      };
      server.onerror = (error) => log.debug(`SSE stream ${transport.sessionId}: ${fixedPart(error)}`);
      await server.connect(transport);
      transport.ping();
      if (introduction !== undefined) {
        transport.introduce(introduction);
        transport.nameNextEvent(ids.mint(introduction, caller, transport.sessionId));
        if (isFree) reopening.reopened(transport.sessionId);
      }
      // Either a first stream or the next one of a client that does not say so.
      else reopening.openedBy(peerOf(request, caller, address), transport.sessionId);
      log.debug(`SSE stream ${transport.sessionId} opened, ${sessions.size} open`);
      return new Response(transport.stream, { headers: streamHeaders });
    },

    async post(request, caller, address) {
      const id = new URL(request.url).searchParams.get("sessionId") ?? "";
      const body = await readJson(request);
      if ("refusal" in body) return body.refusal;
      let message: JSONRPCMessage;
      try {
        message = parseJSONRPCMessage(body.json);
      } catch {
        return refuse(400, "Invalid request: the body is not one JSON-RPC message.", {}, -32600);
      }
      if (isRefusing && isJSONRPCRequest(message)) return refuseStopping();
      // After a restart of this server the client reopens its stream within a moment.
      const known = sessions.has(id) ? id : reopening.continuationOf(id);
      const streamId =
        known ?? (await reopening.wait(id, peerOf(request, caller, address), caller, request.signal)) ?? id;
      const session = sessions.get(streamId);
      if (session?.caller.id !== caller.id) {
        return refuse(404, "There is no SSE stream of this sessionId (any more). Open a new one with GET /sse.");
      }
      // On the stream the client would take an error with this id for the answer to the first request.
      const repeated = session.running.begin(message);
      if (repeated !== undefined) return refuse(400, repeated, {}, -32600);
      if (isInitializeRequest(message)) {
        session.transport.nameNextEvent(ids.mint(message.params, caller, session.transport.sessionId));
      } else if (!session.isIntroduced) {
        // Its handshake was with an earlier process of this server; only the User-Agent is known.
        session.transport.introduce(unknownClient(request));
      }
      session.isIntroduced = true;
      session.transport.receive(message, request);
      return new Response("Accepted", { status: 202 });
    },

    count: () => sessions.size,

    toolsChanged() {
      // A stream that ends meanwhile needs no news.
      for (const { server } of sessions.values()) void server.sendToolListChanged().catch(() => undefined);
    },

    refuse() {
      isRefusing = true;
    },

    endRevoked(knows) {
      for (const { caller, transport } of sessions.values()) if (!knows(caller)) void transport.close();
    },

    async close() {
      clearInterval(pings);
      await Promise.all([...sessions.values()].map(({ transport }) => transport.close()));
    },
  };
}
