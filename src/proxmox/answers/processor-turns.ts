import type { Wait } from "../errors/transport-errors.ts";
import type { AnswerLease } from "./answer-memory.ts";

/**
 * From this weight on an answer is processed in a turn, in bytes: JSON of 16 KiB, which takes about a millisecond to
 * parse, redact and format (measured on lists of guests).
 */
const largeWeight = 64 * 1024;

/**
 * Processor time, divided among requesters. Answers that have arrived would be parsed, redacted and formatted one after
 * the other without the event loop taking a new connection: 2,000 lists of 63 kB held it for 2 s, and to send the
 * requests for them another 0.5 s (measured). So a large answer, or a number of requests, is processed in a turn, one turn
 * for each iteration of the event loop, and the requesters that wait get theirs round-robin.
 */
export class ProcessorTurns {
  readonly #schedule: (next: () => void) => void;
  /** By requester, the one that had a turn longest ago first; none is empty. */
  readonly #waiting = new Map<string, Set<() => void>>();
  /** Whether this iteration's turn is taken. */
  #isTaken = false;

  /** @param schedule calls a function in the next iteration of the event loop. */
  constructor(schedule: (next: () => void) => void = (next) => void setImmediate(next)) {
    this.#schedule = schedule;
  }

  /** {@link ProcessorTurns.next} for an answer; `undefined` for a small one, too. */
  forAnswer(lease: AnswerLease, name: string, signal: AbortSignal | undefined): Promise<void> | undefined {
    return lease.size < largeWeight ? undefined : this.next(name, signal);
  }

  /**
   * A requester's next turn, which lasts until it awaits anything that is not settled yet.
   * @returns `undefined` when it is now, else what waits for it and throws the signal's reason when that is aborted.
   */
  next(name: string, signal?: AbortSignal): Promise<void> | undefined {
    if (this.#isTaken) return this.#wait(name, signal);
    this.#take();
    return undefined;
  }

  /** What this requester waits for. */
  describe(name: string): Wait {
    return {
      what: `processor time: ${this.#waiting.get(name)?.size ?? 0} large answers or groups of requests of caller ${name} are processed one by one`,
      hint: "Request less at a time, or retry later.",
    };
  }

  async #wait(name: string, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting = this.#waiting.get(name) ?? new Set();
    const giveUp = () => {
      waiting.delete(resolve);
      if (waiting.size === 0) this.#waiting.delete(name);
      reject(signal?.reason);
    };
    signal?.throwIfAborted();
    waiting.add(resolve);
    this.#waiting.set(name, waiting);
    signal?.addEventListener("abort", giveUp, { once: true });
    try {
      await promise;
    } finally {
      signal?.removeEventListener("abort", giveUp);
    }
  }

  #take(): void {
    this.#isTaken = true;
    this.#schedule(() => this.#startNext());
  }

  #startNext(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#isTaken = false;
      return;
    }
    const [name, waiting] = next;
    const [start] = waiting;
    this.#waiting.delete(name);
    if (start === undefined) return;
    waiting.delete(start);
    if (waiting.size > 0) this.#waiting.set(name, waiting);
    this.#take();
    start();
  }
}

/** Of this process, over all clusters: they share its event loop. */
export const processorTurns = new ProcessorTurns();
