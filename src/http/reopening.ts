/** Messages that wait at the same time; one more is not held. */
const maxWaiting = 256;

/** Old streams that are remembered as continued by new ones; beyond that the oldest are forgotten. */
const maxContinued = 1024;

/**
 * How long after the first stream of a peer others may come, in milliseconds: all reconnect within 250 ms and a round
 * trip. A client that is new sends its handshake within this time.
 */
const settleMs = 500;

/** Session ids of SSE streams are UUIDs; nothing else is waited for. */
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

interface Waiting {
  readonly id: string;
  readonly peer: string;
  readonly resolve: (stream: string | undefined) => void;
}

/**
 * Lets messages wait for the SSE stream that their client is about to open again, and finds out which one it is. A client
 * that sends Last-Event-ID gets its old id again. The SDK's v1 client drops that header (sse.js, `_startOrAuth`), and so
 * does Gemini CLI 0.61; it posts to its old id until it has read the new one. Its stream is told by its peer, if that has
 * no other without a handshake.
 */
export class Reopening {
  readonly #holdMs: number;
  readonly #isSilent: (id: string) => boolean;
  readonly #waiting = new Set<Waiting>();
  /** By peer: the streams that were opened a moment ago, without an id of before. */
  readonly #fresh = new Map<string, string[]>();
  /** Old ids by the ids that continue them. */
  readonly #continued = new Map<string, string>();

  /**
   * @param holdMs how long a message waits at most, in milliseconds.
   * @param isSilent whether the stream with an id is open, and its client has not said on it what it is.
   */
  constructor(holdMs: number, isSilent: (id: string) => boolean) {
    this.#holdMs = holdMs;
    this.#isSilent = isSilent;
  }

  /** The stream that continues an old one, as far as is known already. */
  continuationOf(id: string): string | undefined {
    return this.#continued.get(id);
  }

  /**
   * The id of the stream that continues the one with an id, once it is open; `undefined` when the time is over, it cannot
   * be told, or the client gave the message up.
   * @param peer who sent the message: caller, address and program.
   */
  async wait(id: string, peer: string, signal: AbortSignal): Promise<string | undefined> {
    if (!uuid.test(id) || this.#waiting.size >= maxWaiting) return undefined;
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    const waiting = { id, peer, resolve };
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

  /** A peer opened a stream without saying whether it had one before. */
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

  /** Where several streams or several old ids are a peer's, no message is given to the wrong one. */
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
