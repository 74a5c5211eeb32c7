import {
  type InitializeRequest,
  type Server,
  WebStandardStreamableHTTPServerTransport,
} from "@modelcontextprotocol/server";
import { fixedPart, type Log } from "../../log.ts";
import { RunningRequests } from "../../mcp/running-requests.ts";
import type { ServerFactory } from "../../mcp/server.ts";
import type { Caller } from "../../policy/callers/caller.ts";
import { refuse } from "../error-response.ts";
import { keepAliveMs, withHeadAtOnce } from "../event-stream.ts";
import { type CallerShare, everything, OpenLimit, type Reached } from "./open-limit.ts";
import type { ReadId, SessionIds } from "./session-id.ts";
import { introduce } from "./session-restore.ts";

/** Limits of 2025-era sessions. */
export interface SessionOptions {
  /** Sessions kept at most; for one more the longest unused one without an open stream goes. Default 256. */
  readonly maxSessions?: number;
  /** How many of them one caller may have. Default: all. */
  readonly share?: CallerShare;
  /** After so many milliseconds without a request or an open stream a session's memory is freed. Default 30 minutes. */
  readonly idleMs?: number;
}

interface Session {
  readonly server: Server;
  readonly transport: WebStandardStreamableHTTPServerTransport;
  readonly caller: Caller;
  /** When its id ends, in milliseconds since 1970. */
  readonly until: number;
  readonly running: RunningRequests;
  lastUsed: number;
  /** Streams that the client holds open with GET. */
  openStreams: number;
}

/** Streamable HTTP for clients of 2025-03-26 to 2025-11-25, which initialize and keep a session. */
export interface SessionEndpoint {
  /** Begins a session with an initialize request. */
  begin(request: Request, message: InitializeRequest, caller: Caller): Promise<Response>;
  /** A POST (with its parsed body), GET or DELETE within a session. */
  serve(id: string, request: Request, caller: Caller, message?: unknown): Promise<Response>;
  /** How many sessions are in memory. */
  count(): number;
  /** Tells the clients of all sessions in memory that tools/list changed. */
  toolsChanged(): void;
  /** Frees the sessions of callers that are not known any more. */
  endRevoked(knows: (caller: Caller) => boolean): void;
  /** Frees all sessions. */
  close(): Promise<void>;
}

/**
 * Keeps the sessions of 2025-era clients, with a cap and a reaper for idle ones. Both free memory only: a session that
 * is not in memory, be it reaped or from before a restart, is rebuilt from its id.
 */
export function sessionEndpoint(
  createServer: ServerFactory,
  log: Log,
  ids: SessionIds,
  { maxSessions = 256, share = everything, idleMs = 30 * 60_000 }: SessionOptions = {},
): SessionEndpoint {
  const sessions = new Map<string, Session>();
  const limit = new OpenLimit("sessions in use", maxSessions, share);
  const rebuilding = new Map<string, Promise<Session | Reached>>();
  const reaper = setInterval(
    () => {
      for (const [id, session] of sessions) if (isIdle(session, idleMs)) free(id, session, "idle");
    },
    Math.min(idleMs, 60_000),
  );
  reaper.unref();

  function free(id: string, { server }: Session, why: string): void {
    sessions.delete(id);
    log.debug(`session ${short(id)} freed (${why}), ${sessions.size} left`);
    server.close().catch((error: unknown) => log.error(`closing session ${short(id)}`, error));
  }

  /**
   * Makes room for one more session of a caller, where it takes one that is not in use: one of the caller's own, or of
   * another caller while this one has less than its share.
   * @returns the limit that it reached when there is none.
   */
  function makeRoom(caller: Caller): Reached | undefined {
    const reached = limit.reached(caller, callersOf(sessions.values()));
    if (reached === undefined) return undefined;
    const unused = [...sessions]
      .filter(([, session]) => isIdle(session, 0))
      .sort(([, a], [, b]) => a.lastUsed - b.lastUsed);
    const own = unused.find(([, session]) => session.caller.id === caller.id);
    const freed = own ?? (reached === "caller" ? undefined : unused[0]);
    if (freed === undefined) return reached;
    free(...freed, "room for another");
    return undefined;
  }

  async function create(id: string, caller: Caller, until: number): Promise<Session> {
    const server = createServer(caller);
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => id,
      keepAliveMs,
      onsessionclosed: () => {
        ids.end(id, caller);
        sessions.delete(id);
        log.debug(`session ${short(id)} ended by its client, ${sessions.size} left`);
      },
    });
    server.onerror = (error) => log.debug(`session ${short(id)}: ${fixedPart(error)}`);
    // The SDK ends a response with its last answer, and a cancelled request gets none: its connection would stay open.
    const running = new RunningRequests(transport, (cancelled) => transport.closeSSEStream(cancelled));
    const session = { server, transport, running, caller, until, lastUsed: Date.now(), openStreams: 0 };
    // Before anything is waited for: the next one must find the room taken.
    sessions.set(id, session);
    await server.connect(transport);
    return session;
  }

  async function rebuild(id: string, said: ReadId, caller: Caller): Promise<Session | Reached> {
    const reached = makeRoom(caller);
    if (reached !== undefined) return reached;
    const session = await create(id, caller, said.until);
    try {
      await introduce(session.transport, id, said);
    } catch (error) {
      free(id, session, "could not be rebuilt");
      throw error;
    }
    log.debug(`session ${short(id)} rebuilt, ${sessions.size} in all`);
    return session;
  }

  /** The session of an id, from memory or rebuilt; two requests at once rebuild it once. */
  async function find(id: string, caller: Caller): Promise<Session | Response> {
    const known = sessions.get(id);
    const isReady = known !== undefined && !rebuilding.has(id);
    // In memory it outlives a change of the key, but neither its time nor its caller.
    if (isReady && known.caller.id === caller.id && !ids.isOver(known.until)) return known;
    const said = isReady ? undefined : ids.read(id, caller);
    if (said === undefined) {
      return refuse(404, "Session not found or expired; re-initialize.", {}, -32001);
    }
    const begun = rebuilding.get(id) ?? rebuild(id, said, caller);
    rebuilding.set(id, begun);
    const session = await begun.finally(() => rebuilding.delete(id));
    return typeof session === "string" ? limit.refusal(session, caller) : session;
  }

  return {
    async begin(request, message, caller) {
      const reached = makeRoom(caller);
      if (reached !== undefined) return limit.refusal(reached, caller);
      const id = ids.mint(message.params, caller);
      const session = await create(id, caller, ids.read(id, caller)?.until ?? 0);
      log.debug(
        `session ${short(id)} of ${JSON.stringify(message.params.clientInfo.name.slice(0, 100))} began, ${sessions.size} in all`,
      );
      session.running.begin(message);
      const response = await session.transport.handleRequest(request, { parsedBody: message });
      if (!response.ok) free(id, session, "its initialize was refused");
      return response;
    },

    async serve(id, request, caller, message) {
      if (request.method === "DELETE" && !sessions.has(id) && ids.read(id, caller) !== undefined) {
        // Nothing in memory is to be ended, and nothing is built for it.
        ids.end(id, caller);
        return new Response(null, { status: 200 });
      }
      const session = await find(id, caller);
      if (session instanceof Response) return session;
      const repeated = session.running.begin(message);
      if (repeated !== undefined) return refuse(400, repeated, {}, -32600);
      session.lastUsed = Date.now();
      const response = await session.transport.handleRequest(
        request,
        message === undefined ? {} : { parsedBody: message },
      );
      if (!response.ok) session.running.forget(message);
      // A client that has left already ends no stream any more.
      if (request.method !== "GET" || !response.ok || request.signal.aborted) return response;
      session.openStreams++;
      request.signal.addEventListener("abort", () => {
        session.openStreams--;
        session.lastUsed = Date.now();
      });
      return withHeadAtOnce(response);
    },

    count: () => sessions.size,

    toolsChanged() {
      // A client without an open stream cannot be told; it sees the new list when it asks.
      for (const { server } of sessions.values()) void server.sendToolListChanged().catch(() => undefined);
    },

    endRevoked(knows) {
      // A caller that was renamed goes on with its id: the session is rebuilt under its new name.
      for (const [id, session] of sessions) if (!knows(session.caller)) free(id, session, "its caller is gone");
    },

    async close() {
      clearInterval(reaper);
      await Promise.all([...sessions.values()].map(({ server }) => server.close()));
      sessions.clear();
    },
  };
}

function callersOf(sessions: Iterable<Session>): readonly Caller[] {
  return Array.from(sessions, ({ caller }) => caller);
}

function isIdle({ openStreams, running, lastUsed }: Session, idleMs: number): boolean {
  return openStreams === 0 && running.size === 0 && lastUsed + idleMs <= Date.now();
}

/** An id in a log: enough to tell sessions apart, not enough to use one. */
function short(id: string): string {
  return id.slice(-8);
}
