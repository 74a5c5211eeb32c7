import type { Caller } from "../../policy/callers/caller.ts";
import { type CallerShare, everything, OpenLimit } from "../sessions/open-limit.ts";

/** Messages that wait at the same time; one more is not held. */
const maxWaiting = 256;

/** Old streams that are remembered as continued by new ones; beyond that the oldest are forgotten. */
const maxContinued = 1024;

/**
 * How long after a peer's first stream to wait for its others, in milliseconds: clients reconnect within 250 ms and a
 * round trip, and a new client sends its handshake within this time.
 */
const settleMs = 500;

/** Session ids of SSE streams are UUIDs; nothing else is waited for. */
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

interface Waiting {
  readonly id: string;
  readonly peer: string;
  readonly caller: Caller;
  readonly resolve: (stream: string | undefined) => void;
}

/**
 * Holds messages until their client has reopened its SSE stream, and matches them to it. A client that sends
 * Last-Event-ID keeps its id. The SDK's v1 client drops that header (sse.js, `_startOrAuth`), and so does Gemini CLI
 * 0.61; it posts to its old id until it has read the new one. Such a stream is identified by its peer, if that has no
 * other stream without a handshake.
 */
export class Reopening {
  readonly #holdMs: number;
  readonly #isSilent: (id: string) => boolean;
  readonly #limit: OpenLimit;
  readonly #waiting = new Set<Waiting>();
  /** By peer: the streams that were just opened without Last-Event-ID. */
  readonly #fresh = new Map<string, string[]>();
  /** Old ids by the ids that continue them. */
  readonly #continued = new Map<string, string>();

  /**
   * @param holdMs how long a message waits at most, in milliseconds.
   * @param isSilent whether the stream with an id is open and has had no handshake.
   * @param share how many of the waiting messages may be one caller's.
   */
  constructor(holdMs: number, isSilent: (id: string) => boolean, share: CallerShare = everything) {
    this.#holdMs = holdMs;
    this.#isSilent = isSilent;
    this.#limit = new OpenLimit("messages waiting", maxWaiting, share);
  }

  /** The id of the stream that continues an old one, if it is known already. */
  continuationOf(id: string): string | undefined {
    return this.#continued.get(id);
  }

  /**
   * Resolves with the id of the stream that continues `id`, once it is open; with `undefined` after `holdMs`, when too
   * many messages wait, in all or of this caller, or when the request is aborted.
   * @param peer who sent the message: caller, address and program.
   */
  async wait(id: string, peer: string, caller: Caller, signal: AbortSignal): Promise<string | undefined> {
    const holders = Array.from(this.#waiting, (each) => each.caller);
    if (!uuid.test(id) || this.#limit.reached(caller, holders) !== undefined) return undefined;
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    const waiting = { id, peer, caller, resolve };
    this.#waiting.add(waiting);
    const timer = setTimeout(resolve, this.#holdMs, undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(waiting);
    }
  }

  /** A stream with a known id is open again. */
  reopened(id: string): void {
    for (const waiting of this.#waiting) if (waiting.id === id) waiting.resolve(id);
  }

  /** A peer opened a stream without Last-Event-ID. */
  openedBy(peer: string, id: string): void {
    const known = this.#fresh.get(peer);
    if (known !== undefined) {
      known.push(id);
      return;
    }
    const streams = [id];
    this.#fresh.set(peer, streams);
    setTimeout(() => {
      this.#fresh.delete(peer);
      this.#match(peer, streams);
    }, settleMs).unref();
  }

  /** With several streams or several old ids of one peer nothing is matched: a message could reach the wrong one. */
  #match(peer: string, streams: readonly string[]): void {
    const [only, ...others] = streams.filter(this.#isSilent);
    const waiting = [...this.#waiting].filter((each) => each.peer === peer);
    const [old, ...olds] = new Set(waiting.map(({ id }) => id));
    if (only === undefined || old === undefined || others.length > 0 || olds.length > 0) return;
    this.#continued.set(old, only);
    const [oldest] = this.#continued.keys();
    if (this.#continued.size > maxContinued && oldest !== undefined) this.#continued.delete(oldest);
    for (const { resolve } of waiting) resolve(only);
  }
}
