import { until } from "./abortable.ts";

/** How many requests of one kind may run at one endpoint at a time. */
export interface SlotLimits {
  readonly total: number;
  /** By one requester; the rest is for others. */
  readonly perRequester: number;
}

/** What one requester has at an endpoint. */
interface Share {
  running: number;
  /** Each starts one that waits; in the order in which they came. */
  readonly waiting: Set<() => void>;
}

/**
 * The slots of one endpoint for requests of one kind, divided among requesters. A slot that becomes free goes to the
 * waiting requester that has the fewest, and among equals to the one that got a slot longest ago. p-queue has one order
 * for all: the requester that sends most would have all slots.
 */
export class FairSlots {
  readonly #kind: "read" | "write";
  readonly #limits: SlotLimits;
  #running = 0;
  /** Of those that have a request here, the one that got a slot longest ago first. */
  readonly #shares = new Map<string, Share>();

  constructor(kind: "read" | "write", limits: SlotLimits) {
    this.#kind = kind;
    this.#limits = limits;
  }

  /**
   * Runs something in a slot.
   * @param name the requester's.
   * @param onWait called when it must wait for a slot.
   * @throws what `work` throws; the signal's reason when it is aborted, which frees the slot although Bun's fetch may
   * never settle (measured after a `101 Switching Protocols`).
   */
  async run<T>(name: string, signal: AbortSignal, onWait: () => void, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const share = this.#shares.get(name) ?? { running: 0, waiting: new Set() };
    this.#shares.set(name, share);
    if (this.#mayStart(share)) this.#take(name, share);
    else {
      onWait();
      await this.#slot(name, share, signal);
    }
    try {
      // It may have been aborted after it got its slot, before it runs on.
      signal.throwIfAborted();
      return await until(signal, work());
    } finally {
      this.#running -= 1;
      share.running -= 1;
      this.#forgetIdle(name, share);
      this.#startNext();
    }
  }

  /** Who uses the slots, as the end of `it waited for`. */
  describe(name: string, endpoint: string): string {
    const own = this.#shares.get(name)?.running ?? 0;
    const { perRequester, total } = this.#limits;
    return `one of the ${total} ${this.#kind} slots of ${endpoint}: caller ${name} uses ${own} (at most ${perRequester}), other callers ${this.#running - own}`;
  }

  async #slot(name: string, share: Share, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const giveUp = () => {
      share.waiting.delete(resolve);
      this.#forgetIdle(name, share);
      reject(signal.reason);
    };
    share.waiting.add(resolve);
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  #mayStart({ running }: Share): boolean {
    return this.#running < this.#limits.total && running < this.#limits.perRequester;
  }

  #take(name: string, share: Share): void {
    this.#running += 1;
    share.running += 1;
    this.#shares.delete(name);
    this.#shares.set(name, share);
  }

  /** One slot has become free, so at most one can start. */
  #startNext(): void {
    let next: [name: string, share: Share] | undefined;
    for (const [name, share] of this.#shares) {
      if (share.waiting.size === 0 || !this.#mayStart(share)) continue;
      if (next === undefined || share.running < next[1].running) next = [name, share];
    }
    if (next === undefined) return;
    const [name, share] = next;
    const [start] = share.waiting;
    if (start === undefined) return;
    share.waiting.delete(start);
    this.#take(name, share);
    start();
  }

  #forgetIdle(name: string, { running, waiting }: Share): void {
    if (running === 0 && waiting.size === 0) this.#shares.delete(name);
  }
}
