import type { ClusterConfig } from "../config/types.ts";
import { Redactor } from "../redact/redactor.ts";
import { type ProxmoxAnswer, readAnswer } from "./answers/answer.ts";
import { type AnswerLease, AnswerMemory } from "./answers/answer-memory.ts";
import { processorTurns } from "./answers/processor-turns.ts";
import type { TokenIdentity } from "./errors/classify-error.ts";
import { nodeOf } from "./errors/error-messages.ts";
import { type Attempted, ProxmoxError, TransportError } from "./errors/proxmox-error.ts";
import { aborted, type Progress, timedOut, unexpected } from "./errors/transport-errors.ts";
import { type HttpReply, invalid, type Message, writeMessage } from "./message.ts";
import { type ApiPath, formatPath, PathError } from "./path.ts";
import type { ProxmoxRequest, Sender, UsedAnswer } from "./request.ts";
import { ownRequests, type Requester } from "./requester.ts";
import type { Endpoint, RequestContext } from "./transport/endpoint.ts";
import { type Attempt, Endpoints } from "./transport/endpoints.ts";
import type { FailoverTimer } from "./transport/failover/failover.ts";
import { RequestCoalescing } from "./transport/request-coalescing.ts";
import type { SlotLimits } from "./transport/slots.ts";
import { type LookUpOptions, recover } from "./write-recovery/recover.ts";
import { WriteJournal } from "./write-recovery/write-journal.ts";

/** An answer, and the memory that it takes. */
interface Received {
  readonly answer: ProxmoxAnswer;
  readonly memory: AnswerLease;
}

/** A page beside the API, which nodes serve to anybody: no token is sent for it. */
export interface PageRequest {
  /** Below the endpoint's base URL, `/pve-docs/api-viewer/apidoc.js`. */
  readonly path: string;
  /** What an earlier read returned: the endpoint that it came from may answer 304, no other one is sent it. */
  readonly validator?: PageValidator | undefined;
  readonly signal?: AbortSignal;
  /** Whether the body of a 200 is the page: a login form in its place has the same status. */
  readonly holds: (text: string) => boolean;
}

/** Which state of a page an endpoint served. */
export interface PageValidator {
  /** The endpoint's base URL. */
  readonly endpoint: string;
  /** Its `Last-Modified`, verbatim. */
  readonly modified: string;
}

/** A page as it came. Disposed of, it is dropped and its memory free for answers. */
export interface ServedPage extends Disposable {
  /** Empty where it did not change since. */
  readonly text: string;
  readonly unchanged: boolean;
  /** `undefined` where the endpoint sent no `Last-Modified`. */
  readonly validator: PageValidator | undefined;
}

/** What is no configuration. */
export interface ProxmoxClientOptions {
  /** A Proxmox inside this process, such as the demo: no sockets, no TLS. */
  readonly fetch?: (request: Request) => Promise<Response>;
  /** The largest answer in bytes, decompressed; 16 MiB. */
  readonly maxAnswerBytes?: number;
  /** What the answers that are read at a time may take, of all clusters together; 256 MiB of this cluster's alone. */
  readonly answerMemory?: AnswerMemory;
  /** The part of it that this cluster's answers may take; all. */
  readonly memoryShare?: number;
  /**
   * How many reads may run at one endpoint at a time, and how many writes beside them; 20 of one requester, as many as
   * one call of a tool sends, and 30 in all.
   */
  readonly slots?: SlotLimits;
  /** How long a connection and its handshake may take, in milliseconds; 10 s. */
  readonly connectTimeoutMs?: number;
  /** How long a silent endpoint holds up a read before the next one is asked too, in milliseconds; 5 s. */
  readonly patienceMs?: number;
  /** How long an endpoint that failed is asked last at most, in milliseconds; 30 s. */
  readonly deadMs?: number;
  /** The writes sent to the same cluster before its configuration was reloaded. */
  readonly writes?: WriteJournal | undefined;
  /**
   * How long a write whose answer was lost is looked for, in milliseconds; 4 s. What was carried out shows at once, and
   * no wait proves that a write will not be carried out later. It comes on top of the time that the request itself may take.
   */
  readonly lookUpMs?: number;
  /** Takes secrets out of every answer; the cluster's own are always among them. */
  readonly redactor?: Redactor;
}

/** The API of one cluster, over as many endpoints as are configured. */
export class ProxmoxClient {
  readonly name: string;
  readonly #config: ClusterConfig;
  readonly #endpoints: Endpoints;
  /** Its own use of an answer ends after those who waited for it have begun theirs. */
  readonly #reads = new RequestCoalescing<Received>(({ memory }) => void setImmediate(() => memory.drop()));
  readonly #answerMemory: AnswerMemory;
  readonly #memoryShare: number;
  readonly #writes: WriteJournal;
  readonly #lookUpMs: number;
  readonly #redactor: Redactor;

  constructor(cluster: ClusterConfig, options: ProxmoxClientOptions = {}) {
    this.name = cluster.name;
    this.#config = cluster;
    this.#writes = options.writes ?? new WriteJournal();
    this.#lookUpMs = options.lookUpMs ?? 4_000;
    this.#redactor = options.redactor ?? new Redactor();
    this.#redactor.add(cluster);
    this.#answerMemory = options.answerMemory ?? new AnswerMemory();
    this.#memoryShare = options.memoryShare ?? 1;
    this.#endpoints = new Endpoints(cluster, {
      fetch: options.fetch,
      maxAnswerBytes: options.maxAnswerBytes ?? 16 * 1024 * 1024,
      slots: options.slots ?? { total: 30, perRequester: 20 },
      // Each endpoint must get its turn within the whole request's time.
      connectMs: Math.min(options.connectTimeoutMs ?? 10_000, Math.ceil(cluster.timeoutMs / cluster.endpoints.length)),
      patienceMs: options.patienceMs ?? 5_000,
      deadMs: options.deadMs ?? 30_000,
      redactor: this.#redactor,
    });
  }

  /** What this client has sent, for the one that comes after it. */
  get writes(): WriteJournal {
    return this.#writes;
  }

  /**
   * Sends a request. A read goes to another endpoint when one fails, answers as something that is not Proxmox or does
   * not reach the node in the path, and is one request for all who ask the same at a time. A write goes to another only
   * when it surely never left, and is never sent twice; one whose answer was lost is looked up.
   * @param requester on whose behalf: requesters share no answers, and divide the slots of each endpoint.
   * @throws ProxmoxError, and nothing else.
   */
  async request(request: ProxmoxRequest, requester = ownRequests): Promise<UsedAnswer> {
    return request.method === "GET" ? await this.#share(request, requester) : await this.#change(request, requester);
  }

  /** What sends requests on behalf of a requester. */
  senderFor(requester: Requester): Sender {
    return { request: (request) => this.request(request, requester) };
  }

  async #share(request: ProxmoxRequest, requester: Requester): Promise<UsedAnswer> {
    const { path, params, signal, timeoutMs, fresh = false, isAdmitted = false } = request;
    const key = JSON.stringify([requester.name, path, params, timeoutMs, fresh, isAdmitted]);
    let isFirst = false;
    try {
      const received = await this.#reads.read(key, signal, fresh ? 0 : keptMs(path), async (over) => {
        isFirst = true;
        const sent = await this.#send({ ...request, signal: over }, requester);
        if (endsTask(path, sent.answer.data)) this.#reads.forget();
        return sent;
      });
      // The first one formats it in the turn in which it was parsed, each of the others in one of its own.
      const turn = isFirst ? undefined : processorTurns.forAnswer(received.memory, requester.name, signal);
      return turn === undefined ? used(received, requester) : await usedAfter(turn, used(received, requester));
    } catch (error) {
      if (error instanceof ProxmoxError) throw error;
      // An asker that left while others still wait for the answer; or something that is no request.
      const fault = signal?.aborted
        ? aborted({ stage: "sent" }, signal.reason)
        : unexpected(error, { stage: "waiting" });
      throw new ProxmoxError(this.#attempted(request), fault.problem);
    }
  }

  /** What was read before a change, or while it was under way, answers nobody who asks after it. */
  async #change(request: ProxmoxRequest, requester: Requester): Promise<UsedAnswer> {
    this.#reads.forget();
    const write = this.#writes.begin(request);
    try {
      const { answer, memory } = await this.#send(request, requester, write.progress);
      this.#writes.settle(write, typeof answer.data === "string" ? answer.data : undefined);
      const given = used({ answer, memory }, requester);
      memory.drop();
      return given;
    } catch (error) {
      if (error instanceof ProxmoxError && error.sent === "maybe") {
        const found = await recover({ request, write, error }, this.#lookUps(requester));
        return { ...found, [Symbol.dispose]: () => undefined };
      }
      this.#writes.settle(write);
      throw error;
    } finally {
      this.#reads.forget();
    }
  }

  #lookUps(requester: Requester): LookUpOptions {
    const send = async (request: ProxmoxRequest) => {
      const { answer, memory } = await this.#send({ ...request, isAdmitted: true }, requester);
      memory.drop();
      return answer;
    };
    const readMs = Math.min(5_000, this.#config.timeoutMs);
    return { send, writes: this.#writes, token: this.#asker().token, forMs: this.#lookUpMs, readMs };
  }

  async #send(
    request: ProxmoxRequest,
    requester: Requester,
    progress: Progress = { stage: "waiting" },
  ): Promise<Received> {
    const attempted = this.#attempted(request);
    const memory = this.#lease(requester);
    const send = async (within: Within) => {
      const message = compose(request);
      const refusal = await requester.count?.(request.isAdmitted === true);
      if (refusal !== undefined) throw rateLimited(refusal);
      const signal = AbortSignal.any([within.signal, memory.ended]);
      const passage = { ...within, signal, requester, memory, authorization: this.#authorization() };
      const reader = { asker: this.#asker(), redactor: this.#redactor };
      const judge = (reply: HttpReply, endpoint: Endpoint) => readAnswer(reply, endpoint.url, attempted, reader);
      const way: Attempt = { message, judge, passage, node: nodeOf(attempted) };
      if (request.method !== "GET") return await this.#endpoints.write(way);
      const [sentAt, began] = [new Date(), performance.now()];
      const answer = await this.#endpoints.read(way);
      this.#writes.saw(request, answer.data, began);
      this.#writes.sawClock(answer, began);
      return { ...answer, sentAt };
    };
    try {
      return { answer: await this.#inTime(attempted, request, send, progress), memory };
    } catch (error) {
      memory.drop();
      throw error;
    }
  }

  /**
   * Reads a page from the first endpoint that serves it.
   * @throws ProxmoxError when none does.
   */
  async page({ path, validator, signal, holds }: PageRequest): Promise<ServedPage> {
    const memory = this.#lease(ownRequests);
    const run = async (within: Within) => {
      const ask = async (endpoint: Endpoint, over: AbortSignal, timer: FailoverTimer) => {
        const signal = AbortSignal.any([within.signal, memory.ended, over]);
        const passage = { ...within, requester: ownRequests, memory, authorization: undefined, signal, timer };
        const since = validator?.endpoint === endpoint.url ? validator : undefined;
        const headers = { ...(since && { "if-modified-since": since.modified }), accept: "*/*" };
        const message: Message = { method: "GET", target: path, body: undefined, headers };
        const page = readPage(await endpoint.read(message, passage), { url: endpoint.url, path, since, holds });
        return { ...page, text: await this.#redactor.incomingLong(page.text) };
      };
      return await this.#endpoints.first(ask, { ...within, signal: AbortSignal.any([within.signal, memory.ended]) });
    };
    try {
      const page = await this.#inTime({ method: "GET", path, cluster: this.name }, { signal }, run);
      return { ...page, [Symbol.dispose]: () => memory.drop() };
    } catch (error) {
      memory.drop();
      throw error;
    }
  }

  /**
   * What tells this cluster's servers from others', for keys of what they served: the endpoints and how their
   * certificates are verified. Holds no secret.
   */
  get identity(): string {
    return JSON.stringify([this.#config.endpoints, this.#config.tls]);
  }

  /** Closes idle connections; requests that run go on. */
  close(): void {
    this.#endpoints.close();
  }

  /** Runs within the time that a request may take, and names the request in what goes wrong with it. */
  async #inTime<T>(
    attempted: Attempted,
    request: { readonly signal?: AbortSignal | undefined; readonly timeoutMs?: number },
    run: (within: Within) => Promise<T>,
    progress: Progress = { stage: "waiting" },
  ): Promise<T> {
    try {
      const timeoutMs = request.timeoutMs ?? this.#config.timeoutMs;
      const deadline = performance.now() + timeoutMs;
      const limit = AbortSignal.timeout(timeoutMs);
      const signal = request.signal === undefined ? limit : AbortSignal.any([request.signal, limit]);
      try {
        signal.throwIfAborted();
        return await run({ signal, deadline, progress });
      } catch (error) {
        // Which of the two came first: the signal of both keeps the first one's reason.
        if (error instanceof TransportError || !signal.aborted) throw error;
        throw signal.reason === limit.reason ? timedOut(timeoutMs, progress) : aborted(progress, signal.reason);
      }
    } catch (error) {
      throw new ProxmoxError(
        attempted,
        (error instanceof TransportError ? error : unexpected(error, progress)).problem,
      );
    }
  }

  #lease(requester: Requester): AnswerLease {
    return this.#answerMemory.lease({ requester: requester.name, cluster: this.name, clusterShare: this.#memoryShare });
  }

  #attempted({ method, path }: ProxmoxRequest): Attempted {
    return { method, path: formatPath(path), cluster: this.name };
  }

  #asker(): TokenIdentity {
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

/** An answer as its requester uses it. */
function used({ answer, memory }: Received, { answers }: Requester): UsedAnswer {
  return { ...answer, [Symbol.dispose]: answers?.use(memory) ?? (() => undefined) };
}

/** An answer that waits for the turn to format it. It is in use from the start, so that its memory is not free before. */
async function usedAfter(turn: Promise<void>, answer: UsedAnswer): Promise<UsedAnswer> {
  using held = new DisposableStack();
  held.use(answer);
  await turn;
  held.move();
  return answer;
}

/** What of a passage is known before a request is composed. */
type Within = Pick<RequestContext, "signal" | "deadline" | "progress">;

/**
 * How long a read's answer serves others too, in milliseconds. The list of all that a cluster has is what every question
 * begins with, and its numbers are up to 10 s old anyway; whatever else is asked for is asked for as it is now.
 */
function keptMs(path: ApiPath): number {
  return path.length === 2 && path[0] === "cluster" && path[1] === "resources" ? 1_000 : 0;
}

/** Whether an answer says that a task has ended, and with it what some write had begun. */
function endsTask(path: ApiPath, data: unknown): boolean {
  if (path[2] !== "tasks" || path[4] !== "status" || typeof data !== "object" || data === null) return false;
  return (data as Record<string, unknown>)["status"] === "stopped";
}

function rateLimited({ what, hint }: { readonly what: string; readonly hint: string }): TransportError {
  return new TransportError({ kind: "rate-limited", sent: "no", what: `it was not sent: ${what}`, hint });
}

function readPage(
  { status, headers, body }: HttpReply,
  asked: {
    readonly url: string;
    readonly path: string;
    readonly since: PageValidator | undefined;
    readonly holds: (text: string) => boolean;
  },
): Omit<ServedPage, keyof Disposable> {
  const { url, path, since, holds } = asked;
  const modified = headers.get("last-modified") ?? undefined;
  if (status === 304 && since !== undefined) return { text: "", unchanged: true, validator: since };
  if (status === 200 && holds(body)) {
    return {
      text: body,
      unchanged: false,
      validator: modified === undefined ? undefined : { endpoint: url, modified },
    };
  }
  const instead = status === 200 ? "with something else: a login page or a proxy's, perhaps" : String(status);
  const what = `${url}${path} answered ${instead}`;
  throw new TransportError({ kind: "not-proxmox", sent: "answered", what, status });
}

function compose({ method, path, params }: ProxmoxRequest): Message {
  try {
    return writeMessage(method, path, params ?? {});
  } catch (error) {
    if (error instanceof PathError) throw invalid(error.message);
    throw error;
  }
}
