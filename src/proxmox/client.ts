import type { ClusterConfig } from "../config/types.ts";
import { type ProxmoxAnswer, readAnswer } from "./answer.ts";
import { Endpoint, type Progress } from "./endpoint.ts";
import { type Attempted, Fault, ProxmoxError } from "./errors.ts";
import type { Asker } from "./explain.ts";
import { AllFailed, EndpointOrder, firstAnswer } from "./failover.ts";
import { type Message, type Method, type Reply, writeMessage } from "./message.ts";
import { aborted, allFailed, forMethod, invalid, timedOut } from "./outcome.ts";
import type { Params } from "./params.ts";
import { type ApiPath, formatPath, PathError } from "./path.ts";

export type { ProxmoxAnswer } from "./answer.ts";

/** One request to a cluster's API. */
export interface ProxmoxRequest {
  readonly method: Method;
  readonly path: ApiPath;
  readonly params?: Params;
  readonly signal?: AbortSignal;
  /** Instead of the cluster's own, in milliseconds. */
  readonly timeoutMs?: number;
}

/** A page beside the API, which nodes serve to anybody: no token is sent for it. */
export interface PageRequest {
  /** Below the endpoint's base URL, `/pve-docs/api-viewer/apidoc.js`. */
  readonly path: string;
  /** The page's own `Last-Modified` from an earlier time: the answer is then 304 where it is still the same. */
  readonly modifiedSince?: string | undefined;
  readonly signal?: AbortSignal;
  /** Whether the body of a 200 is the page: a login form in its place has the same status. */
  readonly holds: (text: string) => boolean;
}

/** A page as it came. */
export interface Page {
  /** Empty where it did not change since. */
  readonly text: string;
  readonly unchanged: boolean;
  /** `Last-Modified`, in the server's own words. */
  readonly modified: string | undefined;
}

/** What is no configuration. */
export interface ProxmoxClientOptions {
  /** A Proxmox inside this process, such as the demo: no sockets, no TLS. */
  readonly fetch?: (request: Request) => Promise<Response>;
  /** The largest answer in bytes, decompressed; 16 MiB. */
  readonly maxAnswerBytes?: number;
  /** How many requests may run at one endpoint at a time; 8. */
  readonly maxParallel?: number;
  /** How long a connection and its handshake may take, in milliseconds; 10 s. */
  readonly connectTimeoutMs?: number;
  /** How long a silent endpoint holds up a read before the next one is asked too, in milliseconds; 5 s. */
  readonly patienceMs?: number;
  /** How long an endpoint that failed is asked last, in milliseconds; 30 s. */
  readonly deadMs?: number;
}

/** The API of one cluster, over as many endpoints as are configured. */
export class ProxmoxClient {
  readonly name: string;
  readonly #config: ClusterConfig;
  readonly #endpoints: readonly Endpoint[];
  readonly #order: EndpointOrder;
  readonly #patienceMs: number;

  constructor(cluster: ClusterConfig, options: ProxmoxClientOptions = {}) {
    this.name = cluster.name;
    this.#config = cluster;
    this.#patienceMs = options.patienceMs ?? 5_000;
    const endpointOptions = {
      fetch: options.fetch,
      maxAnswerBytes: options.maxAnswerBytes ?? 16 * 1024 * 1024,
      maxParallel: options.maxParallel ?? 8,
      // Each endpoint must get its turn within the whole request's time.
      connectMs: Math.min(options.connectTimeoutMs ?? 10_000, Math.ceil(cluster.timeoutMs / cluster.endpoints.length)),
    };
    this.#endpoints = cluster.endpoints.map((url) => new Endpoint(url, cluster, endpointOptions));
    this.#order = new EndpointOrder(this.#endpoints, options.deadMs ?? 30_000);
  }

  /**
   * Sends a request. A read goes to another endpoint when one fails. A write goes to another only when it surely never
   * left, and is never sent twice.
   * @throws ProxmoxError
   */
  async request(request: ProxmoxRequest): Promise<ProxmoxAnswer> {
    const attempted = { method: request.method, path: formatPath(request.path), cluster: this.name };
    return await this.#named(attempted, async () => await this.#answer(request, attempted));
  }

  /**
   * Reads a page from the first endpoint that serves it.
   * @throws ProxmoxError when none does.
   */
  async page({ path, modifiedSince, signal, holds }: PageRequest): Promise<Page> {
    const headers = modifiedSince === undefined ? {} : { "if-modified-since": modifiedSince };
    const message: Message = { method: "GET", target: path, body: undefined, headers: { ...headers, accept: "*/*" } };
    return await this.#named({ method: "GET", path, cluster: this.name }, async () => {
      return await this.#inTime({ signal }, async (within, progress) => {
        const ask = async (endpoint: Endpoint, over: AbortSignal): Promise<Page> => {
          const way = { authorization: undefined, signal: AbortSignal.any([within, over]), progress };
          return readPage(await endpoint.read(message, way), `${endpoint.url}${path}`, modifiedSince, holds);
        };
        return await this.#firstOf(ask, within);
      });
    });
  }

  /** Closes idle connections; requests that run go on. */
  close(): void {
    for (const endpoint of this.#endpoints) endpoint.close();
  }

  async #answer(request: ProxmoxRequest, attempted: Attempted): Promise<ProxmoxAnswer> {
    const message = compose(request);
    const authorization = this.#authorization();
    return await this.#inTime(request, async (signal, progress) => {
      const way: Way = { message, authorization, signal, progress };
      const { reply, endpoint } = request.method === "GET" ? await this.#read(way) : await this.#write(way);
      return readAnswer(reply, endpoint.url, attempted, this.#asker());
    });
  }

  /** Names the request in what goes wrong with it. */
  async #named<T>(attempted: Attempted, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      if (error instanceof Fault) throw new ProxmoxError(attempted, forMethod(error.problem, attempted));
      throw error;
    }
  }

  /** Runs within the time that a request may take, and says what its end means. */
  async #inTime<T>(
    request: { readonly signal?: AbortSignal | undefined; readonly timeoutMs?: number },
    run: (signal: AbortSignal, progress: Progress) => Promise<T>,
  ): Promise<T> {
    const timeoutMs = request.timeoutMs ?? this.#config.timeoutMs;
    const limit = AbortSignal.timeout(timeoutMs);
    const signal = request.signal === undefined ? limit : AbortSignal.any([request.signal, limit]);
    const progress: Progress = { stage: "waiting" };
    try {
      signal.throwIfAborted();
      return await run(signal, progress);
    } catch (error) {
      if (error instanceof Fault) throw error;
      // Which of the two came first: the signal of both keeps the first one's reason.
      if (signal.aborted) throw signal.reason === limit.reason ? timedOut(timeoutMs, progress) : aborted(progress);
      throw error;
    }
  }

  async #read({ message, ...passage }: Way): Promise<Answered> {
    const ask = async (endpoint: Endpoint, over: AbortSignal): Promise<Answered | Fault> => {
      try {
        const reply = await endpoint.read(message, { ...passage, signal: AbortSignal.any([passage.signal, over]) });
        return { reply, endpoint };
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        if (error.problem.sent === "answered") return error;
        this.#order.failed(endpoint);
        throw error;
      }
    };
    const first = await this.#firstOf(ask, passage.signal);
    if (first instanceof Fault) throw first;
    this.#order.worked(first.endpoint);
    return first;
  }

  async #firstOf<T>(ask: (endpoint: Endpoint, over: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    return await firstAnswer(this.#order.list(), this.#patienceMs, ask).catch((error: unknown) => {
      signal.throwIfAborted();
      throw error instanceof AllFailed ? allFailed(error.errors) : error;
    });
  }

  async #write({ message, ...passage }: Way): Promise<Answered> {
    const faults: unknown[] = [];
    for (const endpoint of this.#order.list()) {
      try {
        const reply = await endpoint.write(message, passage);
        this.#order.worked(endpoint);
        return { reply, endpoint };
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        if (error.problem.sent !== "answered") this.#order.failed(endpoint);
        if (error.problem.sent !== "no") throw error;
        faults.push(error);
      }
    }
    throw allFailed(faults);
  }

  #asker(): Asker {
    return { user: this.#config.user, token: `${this.#config.user}!${this.#config.tokenId}` };
  }

  /** Checked here, because the runtime's complaint about a header would quote it. */
  #authorization(): string {
    const value = `PVEAPIToken=${this.#asker().token}=${this.#config.tokenSecret.reveal()}`;
    if (/^[\x21-\x7e]+$/.test(value)) return value;
    throw invalid(
      "user, token_id or token_secret holds characters that no header can carry",
      "Set them again, without spaces and line ends.",
    );
  }
}

/** A message and all that it needs on its way. */
interface Way {
  readonly message: Message;
  readonly authorization: string;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

interface Answered {
  readonly reply: Reply;
  readonly endpoint: Endpoint;
}

function readPage(
  { status, headers, body }: Reply,
  url: string,
  modifiedSince: string | undefined,
  holds: (text: string) => boolean,
): Page {
  const modified = headers.get("last-modified") ?? undefined;
  if (status === 304 && modifiedSince !== undefined) return { text: "", unchanged: true, modified };
  if (status === 200 && holds(body)) return { text: body, unchanged: false, modified };
  const instead = status === 200 ? "with something else: a login page or a proxy's, perhaps" : String(status);
  const what = `${url} answered ${instead}`;
  throw new Fault({ kind: "not-proxmox", sent: "answered", what, status });
}

function compose({ method, path, params }: ProxmoxRequest): Message {
  try {
    return writeMessage(method, path, params ?? {});
  } catch (error) {
    if (error instanceof PathError) throw invalid(error.message);
    throw error;
  }
}
