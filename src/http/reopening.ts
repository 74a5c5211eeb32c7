/** Messages that wait at the same time; one more is not held. */
const maxWaiting = 256;

/** Session ids of SSE streams are UUIDs; nothing else is waited for. */
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Lets messages wait for the SSE stream that their client is about to open again. */
export class Reopening {
  readonly #holdMs: number;
  readonly #waiting = new Map<string, Set<() => void>>();
  #count = 0;

  /** @param holdMs how long a message waits at most, in milliseconds. */
  constructor(holdMs: number) {
    this.#holdMs = holdMs;
  }

  /** Resolves when a stream of this id was opened, the time is over, or the client gave the message up. */
  async wait(id: string, signal: AbortSignal): Promise<void> {
    if (!uuid.test(id) || this.#count >= maxWaiting) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const waiting = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiting.add(resolve));
    this.#count += 1;
    const timer = setTimeout(resolve, this.#holdMs);
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    clearTimeout(timer);
    this.#count -= 1;
    waiting.delete(resolve);
    if (waiting.size === 0) this.#waiting.delete(id);
  }

  /** A stream of this id is open. */
  opened(id: string): void {
    for (const resolve of this.#waiting.get(id) ?? []) resolve();
  }
}
