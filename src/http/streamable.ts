import {
  type AuthInfo,
  createMcpHandler,
  type InitializeRequest,
  isInitializeRequest,
  isJSONRPCRequest,
  isLegacyRequest,
} from "@modelcontextprotocol/server";
import { fixedPart, type Log } from "../log.ts";
import { repeatedId } from "../mcp/running-requests.ts";
import type { ServerFactory } from "../mcp/server.ts";
import { anonymous, type Caller } from "../policy/callers/caller.ts";
import { refuse, refuseStopping } from "./error-response.ts";
import { keepAliveMs, streamedIfSlow } from "./event-stream.ts";
import { readJson } from "./gates/body.ts";
import type { SessionIds } from "./sessions/session-id.ts";
import { type SessionOptions, sessionEndpoint } from "./sessions/sessions.ts";
import { Subscriptions } from "./sessions/subscriptions.ts";

/** Limits of Streamable HTTP. */
export interface StreamableOptions extends SessionOptions {
  /** Open `subscriptions/listen` streams of 2026-07-28 at most; one more is refused. Default 256. */
  readonly maxSubscriptions?: number;
}

/** Counts the messages of a batch beyond the first, which its POST counted. Returns the response that refuses all. */
export type CountBatch = (batch: readonly unknown[]) => Promise<Response | undefined>;

/** Streamable HTTP as the routes see it. */
export interface StreamableEndpoint {
  /**
   * Any request to `/mcp`.
   * @param countBatch counts the messages of a batch, and may refuse it. A single message needs no further count.
   */
  serve(request: Request, caller: Caller, countBatch: CountBatch): Promise<Response>;
  /** How many sessions are in memory. */
  count(): number;
  /** Tells all clients that listen that tools/list changed. */
  toolsChanged(): void;
  /** Refuses new streams and requests; answers and cancellations for what runs still pass. */
  refuse(): void;
  /** Ends the sessions and subscriptions of callers that are not known any more. */
  endRevoked(knows: (caller: Caller) => boolean): void;
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
  ids: SessionIds,
  { maxSubscriptions = 256, ...options }: StreamableOptions = {},
): StreamableEndpoint {
  const onerror = (error: Error) => log.debug(`/mcp: ${fixedPart(error)}`);
  const sessionless = createMcpHandler(({ authInfo }) => createServer(callerOf(authInfo)), { keepAliveMs, onerror });
  const sessions = sessionEndpoint(createServer, log, ids, options);
  const subscriptions = new Subscriptions(maxSubscriptions, options.share);
  let isRefusing = false;

  return {
    async serve(request, caller, countBatch) {
      const sessionId = request.headers.get("mcp-session-id");
      if (request.method === "GET" && isRefusing) return refuseStopping();
      if (request.method === "GET" || request.method === "DELETE") {
        if (sessionId !== null) return await sessions.serve(sessionId, request, caller);
        return refuse(400, `${request.method} /mcp belongs to a session: send its Mcp-Session-Id header.`);
      }
      if (request.method !== "POST") {
        return refuse(405, "Method not allowed: /mcp takes POST, GET and DELETE.", { Allow: "POST, GET, DELETE" });
      }
      const body = await readJson(request);
      if ("refusal" in body) return body.refusal;
      const { json } = body;
      if (isRefusing && hasRequest(json)) return refuseStopping();
      const uncounted = Array.isArray(json) && json.length > 1 ? await countBatch(json) : undefined;
      if (uncounted !== undefined) return uncounted;
      if (await isLegacyRequest(request, json)) {
        if (beginsSession(json)) return await sessions.begin(request, json, caller);
        if (sessionId !== null) return await sessions.serve(sessionId, request, caller, json);
      }
      // Requests without a session have no ids in common but within a batch.
      const repeated = Array.isArray(json) ? repeatedId(json) : undefined;
      if (repeated !== undefined) return refuse(400, repeated, {}, -32600);
      const fetch = (given: Request) => sessionless.fetch(given, { parsedBody: json, authInfo: infoOf(caller) });
      return await streamedIfSlow(isSubscription(json) ? subscriptions.serve(request, caller, fetch) : fetch(request));
    },

    count: () => sessions.count(),

    toolsChanged() {
      sessionless.notify.toolsChanged();
      sessions.toolsChanged();
    },

    refuse() {
      isRefusing = true;
    },

    endRevoked(knows) {
      subscriptions.endRevoked(knows);
      sessions.endRevoked(knows);
    },

    async close() {
      await Promise.all([sessionless.close(), sessions.close()]);
    },
  };
}

/** The SDK's own check tries its whole schema on every message, which costs more than most calls. */
function beginsSession(message: unknown): message is InitializeRequest {
  const { method } = (message ?? {}) as { method?: unknown };
  return method === "initialize" && isInitializeRequest(message);
}

/** Whether a message, or one of a batch, wants an answer. */
function hasRequest(json: unknown): boolean {
  return Array.isArray(json) ? json.some(isJSONRPCRequest) : isJSONRPCRequest(json);
}

/** Whether a request opens a stream of notifications that stays open (2026-07-28). */
function isSubscription(json: unknown): boolean {
  return (json as { method?: unknown } | null)?.method === "subscriptions/listen";
}

/** How a caller gets through the SDK, which hands this on as it is. */
function infoOf(caller: Caller): AuthInfo {
  return { token: "", clientId: caller.name, scopes: [], extra: { caller } };
}

function callerOf(info: AuthInfo | undefined): Caller {
  return (info?.extra?.["caller"] as Caller | undefined) ?? anonymous;
}
