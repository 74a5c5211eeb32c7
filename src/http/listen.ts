import { isJSONRPCNotification, isJSONRPCResponse } from "@modelcontextprotocol/server";
import type { CallerConfig, ServerConfig } from "../config/types.ts";
import { moreDescriptors } from "../descriptors.ts";
import type { Log } from "../log.ts";
import type { RunningCalls } from "../mcp/running-calls.ts";
import type { ServerFactory } from "../mcp/server.ts";
import type { Caller } from "../policy/callers/caller.ts";
import type { CallLimits, Exceeded } from "../policy/callers/limits.ts";
import type { Redactor } from "../redact/redactor.ts";
import type { Signer } from "../signer.ts";
import { within } from "../within.ts";
import { loadCertificate, onNewCertificate, type TlsPair } from "./certificate.ts";
import { watchDescriptors } from "./descriptor-watch.ts";
import { redacted, refuse } from "./error-response.ts";
import { authenticator } from "./gates/authenticate.ts";
import { bodySizeGate, maxBodyBytes, readJson } from "./gates/body.ts";
import { firstRefusal } from "./gates/gate.ts";
import { hostGate } from "./gates/host.ts";
import { originGate, preflight, withCors } from "./gates/origin.ts";
import { shareOf } from "./sessions/open-limit.ts";
import { SessionIds } from "./sessions/session-id.ts";
import { type Address, type SseOptions, sseEndpoint } from "./sse/sse.ts";
import { type StreamableOptions, streamableEndpoint } from "./streamable.ts";

/** What is served over HTTP. */
export interface Served {
  readonly createServer: ServerFactory;
  /** Who may call, at this moment. */
  readonly callers: () => readonly CallerConfig[];
  /** Whether a caller is one of them, under this name and with this token. */
  readonly knows: (caller: Caller) => boolean;
  readonly calls: Pick<RunningCalls, "settled">;
  readonly limits: CallLimits;
  /** Signs session ids. */
  readonly seal: Signer;
  readonly log: Log;
  /** What the text of every refusal passes. */
  readonly redactor: Redactor;
}

/** Limits that tests make small. */
export interface ListenOptions {
  readonly sse?: SseOptions;
  readonly sessions?: StreamableOptions;
}

/** A listening server. */
export interface Listening {
  /** `http://127.0.0.1:8000`, as to be told to people. */
  readonly url: string;
  /** Open HTTP+SSE streams, and sessions of Streamable HTTP in memory. */
  sessions(): { readonly sse: number; readonly streamable: number };
  /** Tells clients on all transports that tools/list changed. */
  toolsChanged(): void;
  /** Refuses new requests and streams with 503 and Retry-After from now on; what runs can finish. */
  refuse(): void;
  /** Ends the streams and sessions of revoked callers, once their cancelled calls have answered. */
  endRevoked(): Promise<void>;
  /** Stops listening, ends all streams and sessions, and waits up to a second for answers to reach their clients. */
  close(): Promise<void>;
}

/** Answers a request that passed the gates. */
type Route = (request: Request, caller: Caller, address: Address) => Promise<Response> | Response;

/** Where each transport is reached. */
export const paths = { streamable: "/mcp", sse: "/sse", messages: "/messages" } as const;

/** How long a POST may stay silent before Bun cuts it, in seconds. Slow answers send comments, so only dead ones do. */
const postTimeoutSeconds = 255;

/** How long the calls of a revoked caller may take to answer before its streams end, in milliseconds. */
const revocationMs = 500;

/** How long answers may take to reach their clients before their connections are cut, in milliseconds. */
const closeMs = 1000;

/**
 * Serves all HTTP transports from one `Bun.serve`.
 * @throws {Error} when the address is taken or not ours, or the certificate cannot be used.
 */
export function listen(
  config: ServerConfig,
  { createServer, callers, knows, calls, limits, seal, log, redactor }: Served,
  options: ListenOptions = {},
): Listening {
  const ids = new SessionIds(seal);
  const share = shareOf(() => callers().length + (config.authToken === undefined ? 0 : 1));
  const mcp = streamableEndpoint(createServer, log, ids, { share, ...options.sessions });
  const sse = sseEndpoint(createServer, log, ids, paths.messages, { share, ...options.sse });
  const refusedEarly = firstRefusal([hostGate(config.allowedHosts, config.host), originGate(config.allowedOrigins)]);
  const authenticate = authenticator(config.authToken, callers);
  let isRefusing = false;

  const route = async (request: Request, path: string, server: Bun.Server<undefined>): Promise<Response> => {
    const serve = routes[path];
    if (serve === undefined) {
      return refuse(
        404,
        `There is nothing at ${path}. MCP is at ${paths.streamable} (Streamable HTTP) and ${paths.sse} (SSE).`,
      );
    }
    const caller = authenticate(request);
    if (caller instanceof Response) return caller;
    const tooLarge = bodySizeGate(request);
    if (tooLarge !== undefined) return tooLarge;
    const exceeded = request.method === "POST" ? await limits.count(caller) : undefined;
    if (exceeded !== undefined && !(await endsRequestsOnly(request.clone() as Request))) return tooMany(exceeded);
    // Only now: connections that did not pass the gates are closed after Bun's 10 s of silence.
    server.timeout(request, request.method === "GET" ? 0 : postTimeoutSeconds);
    return await serve(request, caller, () => server.requestIP(request)?.address);
  };
  const routes: Readonly<Record<string, Route>> = {
    [paths.streamable]: (request, caller) =>
      mcp.serve(request, caller, async (batch) => {
        const exceeded = await limits.count(caller, batch.length - 1);
        return exceeded === undefined || endRequests(batch) ? undefined : tooMany(exceeded);
      }),
    [paths.sse]: (request, caller, address) =>
      request.method === "GET" ? sse.open(request, caller, address) : onlyMethod("GET", paths.sse),
    [paths.messages]: (request, caller, address) =>
      request.method === "POST" ? sse.post(request, caller, address) : onlyMethod("POST", paths.messages),
  };

  const bind = (port: number, tls: TlsPair | undefined) =>
    Bun.serve({
      hostname: config.host,
      port,
      // Beyond this Bun answers 413 itself; up to there our own gate says how much is taken.
      maxRequestBodySize: 2 * maxBodyBytes,
      ...(tls !== undefined && { tls: { cert: tls.cert, key: tls.key } }),
      async fetch(request, server) {
        // A Host header that is none, or missing, leaves no URL; its gate refuses it.
        const pathname = URL.parse(request.url)?.pathname ?? "";
        // Probes come by address, and learn nothing.
        if (pathname === "/readyz" && isRefusing) return new Response("stopping\n", { status: 503 });
        if (pathname === "/healthz" || pathname === "/readyz") return new Response("ok\n");
        const refusal = refusedEarly(request);
        if (refusal !== undefined) return await redacted(refusal, redactor);
        const response = preflight(request) ?? (await route(request, pathname, server));
        return withCors(request, await redacted(response, redactor));
      },
      error(error) {
        log.error("a request failed", error);
        return refuse(500, "The server failed by a fault of its own. Its log says more.");
      },
    });

  let pair = loadCertificate(config.tls);
  const first = bind(config.port, pair);
  const { port = config.port, url } = first;
  let current: Bun.Server<undefined> | undefined = first;
  /** Servers that take no new connections and finish the open ones. */
  const ending = new Set<Bun.Server<undefined>>();
  const retire = () => {
    const server = current;
    current = undefined;
    if (server === undefined) return;
    ending.add(server);
    void server.stop().then(() => ending.delete(server));
  };
  const stopWatchingFiles = onNewCertificate(config.tls, log, (next) => {
    if (current !== undefined) {
      // Bun's `reload` keeps the certificate.
      retire();
      try {
        current = bind(port, next);
      } catch (error) {
        current = bind(port, pair);
        throw error;
      }
    }
    pair = next;
  });
  const stopWatchingDescriptors = watchDescriptors({
    pause() {
      retire();
      log.error(`No file descriptor is left: new connections are refused until some are free. ${moreDescriptors}`);
    },
    resume() {
      current = bind(port, pair);
      log.info("File descriptors are free again: new connections are taken.");
    },
  });

  return {
    url: url.href.replace(/\/$/, ""),
    sessions: () => ({ sse: sse.count(), streamable: mcp.count() }),
    toolsChanged() {
      mcp.toolsChanged();
      sse.toolsChanged();
    },
    refuse() {
      isRefusing = true;
      mcp.refuse();
      sse.refuse();
    },
    async endRevoked() {
      await within(
        revocationMs,
        calls.settled((caller) => !knows(caller)),
      );
      mcp.endRevoked(knows);
      sse.endRevoked(knows);
    },
    async close() {
      stopWatchingFiles();
      stopWatchingDescriptors();
      const servers = [...ending, ...(current === undefined ? [] : [current])];
      // First of all: a client whose stream ends reconnects at once, and an EventSource gives up for good when it gets
      // an error in place of a connection refused.
      const ended = Promise.all(servers.map((server) => server.stop()));
      await Promise.all([mcp.close(), sse.close()]);
      await within(closeMs, ended);
      await Promise.all(servers.map((server) => server.stop(true)));
    },
  };
}

function tooMany({ what, hint, retryAfterSeconds }: Exceeded): Response {
  return refuse(429, `${what}. ${hint}`, { "Retry-After": String(retryAfterSeconds) });
}

/**
 * Whether messages are nothing but answers to questions of this server, and cancellations: refused, a human's answer
 * would be lost, and what was cancelled would go on.
 */
function endRequests(messages: readonly unknown[]): boolean {
  return messages.every((message) => isJSONRPCResponse(message) || isCancellation(message));
}

async function endsRequestsOnly(post: Request): Promise<boolean> {
  const body = await readJson(post);
  return !("refusal" in body) && endRequests(Array.isArray(body.json) ? body.json : [body.json]);
}

function isCancellation(message: unknown): boolean {
  return isJSONRPCNotification(message) && message.method === "notifications/cancelled";
}

function onlyMethod(method: string, path: string): Response {
  return refuse(405, `Method not allowed: ${path} takes ${method} only.`, { Allow: method });
}
