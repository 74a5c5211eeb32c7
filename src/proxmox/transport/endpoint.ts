import type { ClusterConfig, ProxyConfig } from "../../config/types.ts";
import type { Redactor } from "../../redact/redactor.ts";
import type { AnswerLease } from "../answers/answer-memory.ts";
import { processorTurns } from "../answers/processor-turns.ts";
import { TransportError } from "../errors/proxmox-error.ts";
import { lostAnswer, type Progress, unexpected } from "../errors/transport-errors.ts";
import { type HttpReply, headersOf, type Message } from "../message.ts";
import type { Requester } from "../requester.ts";
import type { Certificate } from "../tls/certificate.ts";
import { untrusted } from "../tls/errors.ts";
import { isTlsCode, poolTrust, poolTrustOfLeaf } from "../tls/modes.ts";
import { abortable } from "./abortable.ts";
import { type Reading, readBody } from "./body.ts";
import { withConnectTimeout } from "./connect-timeout.ts";
import { codeOf, type Destination, openConnection, readCertificate, unreachable } from "./connection.ts";
import { exchange } from "./exchange.ts";
import type { FailoverTimer } from "./failover/failover.ts";
import { FairSlots, type SlotLimits } from "./slots.ts";
import type { UpstreamWork } from "./upstream-work.ts";

/** How endpoints are talked to, with every default filled in. */
export interface EndpointOptions {
  readonly fetch: ((request: Request) => Promise<Response>) | undefined;
  readonly maxAnswerBytes: number;
  /** For reads, and for writes. */
  readonly slots: SlotLimits;
  readonly connectMs: number;
  readonly redactor: Redactor;
}

/** One message on its way: for whom, with which token, until when, and how far it is. */
export interface RequestContext {
  readonly requester: Requester;
  /** `undefined` sends no token. */
  readonly authorization: string | undefined;
  readonly signal: AbortSignal;
  /** When the signal ends it for want of time, by `performance.now()`. */
  readonly deadline: number;
  readonly progress: Progress;
  /** Called when an endpoint begins with it, which may be long after it was given to that endpoint. */
  readonly onStart?: () => void;
  /** Whether another endpoint has the message and is silent: then it is that one which delays it. */
  readonly isElsewhere?: () => boolean;
  /** What the answer takes. */
  readonly memory: AnswerLease;
  readonly timer?: FailoverTimer;
}

/** A message on its way to one endpoint. Its signal ends the attempt there, later than the passage's where that goes on. */
interface Attempt extends RequestContext {
  readonly upstream: UpstreamWork;
}

/** Below the 5 s after which Proxmox closes an idle connection; Bun's timer rounds it up to a step of 4 s. */
const idleSeconds = 3;

/** Codes with which the runtime's fetch says that no connection came about. */
const neverConnected = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EMFILE",
  "ENFILE",
  "ESERVFAIL",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ERR_PROXY_TUNNEL",
]);

/** A pinned certificate that the server showed, and the pool that trusts it alone. */
interface Trusted {
  readonly leaf: Certificate;
  readonly session: Bun.FetchSession;
  /** Whether the runtime's own verification accepts it; it refuses an expired one even then. */
  readonly verifiable: boolean;
}

/**
 * One address of a cluster. Reads share the runtime's pool of connections. Each write, and each read under a pin that
 * the runtime cannot verify, has a connection of its own, whose server was judged before the first byte. Reads and writes
 * have slots of their own, so that no number of slow reads holds up a write.
 */
export class Endpoint {
  readonly url: string;
  readonly #to: Destination;
  readonly #options: EndpointOptions;
  readonly #readSlots: FairSlots;
  readonly #writeSlots: FairSlots;
  #session: Bun.FetchSession | undefined;
  #trusted: Promise<Trusted> | undefined;

  constructor(url: string, cluster: ClusterConfig, options: EndpointOptions) {
    this.url = url;
    const { connectMs, redactor } = options;
    this.#to = { endpoint: url, tls: cluster.tls, proxy: cluster.proxies?.[url], connectMs, redactor };
    this.#options = options;
    this.#readSlots = new FairSlots(`read slots of ${url}`, options.slots);
    this.#writeSlots = new FairSlots(`write slots of ${url}`, options.slots);
  }

  /** Sends a read. The runtime may repeat it on a fresh connection when a used one turns out to be closed. */
  async read(message: Message, passage: RequestContext): Promise<HttpReply> {
    return await this.#inTurn(this.#readSlots, passage, async (attempt) => {
      const reply = await this.#readOnce(message, attempt);
      // In its slot, so that answers arrive no faster than they are processed.
      const turn = processorTurns.forAnswer(passage.memory, passage.requester.name, passage.signal);
      if (turn !== undefined) await processorTime(turn, passage);
      return reply;
    });
  }

  async #readOnce(message: Message, attempt: Attempt): Promise<HttpReply> {
    if (this.#options.fetch !== undefined) return await this.#inProcess(this.#options.fetch, message, attempt);
    return this.#to.tls.mode === "fingerprint"
      ? await this.#readPinned(message, attempt)
      : await this.#readPooled(this.#pool(this.#to.tls), message, attempt);
  }

  /** Sends a write once, on a connection of its own. */
  async write(message: Message, passage: RequestContext): Promise<HttpReply> {
    return await this.#inTurn(this.#writeSlots, passage, async (attempt) =>
      this.#options.fetch === undefined
        ? await this.#alone(message, attempt)
        : await this.#inProcess(this.#options.fetch, message, attempt),
    );
  }

  /** Closes idle connections. */
  close(): void {
    this.#session?.close();
    this.#trusted?.then(({ session }) => session.close()).catch(() => undefined);
  }

  async #inTurn(
    slots: FairSlots,
    passage: RequestContext,
    run: (attempt: Attempt) => Promise<HttpReply>,
  ): Promise<HttpReply> {
    const { requester, signal, progress, onStart, isElsewhere } = passage;
    let wait: Progress["waitsFor"];
    const onWait = (usage: () => string) => {
      wait = () =>
        isElsewhere?.() === true
          ? undefined
          : { what: usage(), hint: "Send fewer requests at a time, or retry later." };
      progress.waitsFor = wait;
    };
    try {
      return await slots.run(requester.name, signal, onWait, async (upstream) => {
        if (progress.waitsFor === wait) progress.waitsFor = undefined;
        onStart?.();
        return await run({ ...passage, signal: upstream.signal, upstream });
      });
    } catch (error) {
      if (error instanceof TransportError) throw error;
      signal.throwIfAborted();
      throw unexpected(error, progress, this.url);
    }
  }

  async #inProcess(
    fetch: (request: Request) => Promise<Response>,
    message: Message,
    attempt: Attempt,
  ): Promise<HttpReply> {
    const { signal, progress, upstream } = attempt;
    const request = new Request(`${this.url}${message.target}`, { ...this.#init(message, attempt), signal });
    progress.stage = "sent";
    progress.sentAt = performance.now();
    upstream.begin();
    return await this.#receive(await fetch(request), message, attempt);
  }

  #pool(tls: Exclude<ClusterConfig["tls"], { mode: "fingerprint" }>): Bun.FetchSession {
    this.#session ??= this.#openPool(this.url.startsWith("https:") ? poolTrust(tls) : {});
    return this.#session;
  }

  #openPool(tls: BunFetchRequestInitTLS): Bun.FetchSession {
    return new Bun.FetchSession({
      tls,
      keepAlive: { idleTimeout: idleSeconds, maxIdleSockets: this.#options.slots.total },
    });
  }

  async #readPooled(session: Bun.FetchSession, message: Message, attempt: Attempt): Promise<HttpReply> {
    const { signal, progress, upstream } = attempt;
    progress.stage = "sent";
    upstream.begin();
    let response: Response | undefined;
    try {
      const init = {
        ...this.#init(message, attempt),
        signal,
        proxy: poolProxy(this.#to.proxy),
        redirect: "manual",
      } as const;
      response = await withConnectTimeout(
        this.#to,
        attempt.deadline,
        session.fetch(`${this.url}${message.target}`, init),
      );
      return await this.#receive(response, message, attempt);
    } catch (error) {
      upstream.end();
      signal.throwIfAborted();
      if (error instanceof TransportError) throw error;
      const code = codeOf(error);
      if (response === undefined && isTlsCode(code)) {
        throw untrusted(this.url, this.#to.tls, code, await readCertificate(this.#to, signal));
      }
      if (code !== undefined && neverConnected.has(code)) throw unreachable(this.#to, code);
      throw lostAnswer(this.url, code, response?.status);
    }
  }

  /**
   * A pinned read goes over a pool that trusts the one certificate seen last. When the pool refuses what it is shown,
   * the read goes alone, and the certificate is looked at anew for the next ones: another pinned one makes a new pool;
   * the same one means that the runtime can never verify it (it expired, say), and from then on all reads go alone.
   */
  async #readPinned(message: Message, attempt: Attempt): Promise<HttpReply> {
    attempt.progress.stage = "connecting";
    const trusted = await this.#trust(attempt.signal);
    if (trusted.verifiable) {
      try {
        return await this.#readPooled(trusted.session, message, attempt);
      } catch (error) {
        if (!(error instanceof TransportError && error.problem.kind === "tls")) throw error;
      }
      await this.#trustAnew(trusted, attempt.signal);
    }
    return await this.#alone(message, attempt);
  }

  async #trustAnew(old: Trusted, signal: AbortSignal): Promise<void> {
    old.session.close();
    // Another read may have been quicker.
    if ((await this.#trusted) === old) this.#trusted = undefined;
    const trusted = await this.#trust(signal);
    if (trusted.leaf.fingerprint !== old.leaf.fingerprint) return;
    this.#trusted = Promise.resolve({ ...trusted, verifiable: false });
  }

  /** What the pinned server shows. All who ask share one look, so no one asker's abort may end it. */
  async #trust(signal: AbortSignal): Promise<Trusted> {
    if (this.#trusted === undefined) {
      const look = this.#look();
      this.#trusted = look;
      look.catch(() => {
        if (this.#trusted === look) this.#trusted = undefined;
      });
    }
    return await abortable(signal, this.#trusted);
  }

  /** Reads the certificate on a connection that carries nothing else and that nobody can abort. */
  async #look(): Promise<Trusted> {
    const { socket, certificate } = await openConnection(this.#to, new AbortController().signal);
    socket.destroy();
    if (certificate === undefined) throw untrusted(this.url, this.#to.tls, undefined, undefined);
    return { leaf: certificate, session: this.#openPool(poolTrustOfLeaf(certificate)), verifiable: true };
  }

  async #alone(message: Message, attempt: Attempt): Promise<HttpReply> {
    const { authorization, signal, progress, upstream } = attempt;
    progress.stage = "connecting";
    const connection = await openConnection(this.#to, signal);
    progress.stage = "sent";
    progress.sentAt = performance.now();
    const reading = this.#reading(message, attempt);
    upstream.begin();
    const onHead = () => upstream.end();
    return await exchange(connection, message, { endpoint: this.url, authorization, reading, onHead });
  }

  #init(message: Message, attempt: Attempt): { method: string; headers: Record<string, string>; body?: string } {
    const headers = headersOf(message, attempt.authorization);
    return { method: message.method, headers, ...(message.body !== undefined && { body: message.body }) };
  }

  async #receive(response: Response, message: Message, attempt: Attempt): Promise<HttpReply> {
    attempt.upstream.end();
    const { status, statusText: reason, headers } = response;
    const body = response.body === null ? "" : await readBody(response.body, this.#reading(message, attempt));
    return { status, reason, headers, body };
  }

  #reading({ method }: Message, { memory, signal, progress, timer }: RequestContext): Reading {
    return { maxBytes: this.#options.maxAnswerBytes, memory, waits: method === "GET", signal, progress, timer };
  }
}

/** The endpoint has answered: while the answer waits, it is this server that is slow. */
async function processorTime(turn: Promise<void>, { requester, progress, timer }: RequestContext): Promise<void> {
  progress.waitsFor = () => processorTurns.describe(requester.name);
  timer?.pause();
  await turn;
  timer?.resume();
  progress.waitsFor = undefined;
}

/** A proxy in the form of the runtime's fetch, which must not look into the environment itself. */
function poolProxy(proxy: ProxyConfig | undefined): Bun.FetchProxyOption {
  if (proxy === undefined) return false;
  const { url, authorization } = proxy;
  const headers = authorization === undefined ? {} : { "Proxy-Authorization": authorization.reveal() };
  return { url, headers, respectNoProxy: false };
}
