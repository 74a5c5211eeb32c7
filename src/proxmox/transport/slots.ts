import { abortable } from "./abortable.ts";
import { defaultAbandonedMs, UpstreamWork } from "./upstream-work.ts";

/** How many requests of one kind may run at one endpoint at a time. */
export interface SlotLimits {
  readonly total: number;
  /** By one requester; the rest is for others. */
  readonly perRequester: number;
  /** How long a request that was given up may keep its slot while the endpoint goes on with it, in milliseconds; 5 s. */
  readonly abandonedMs?: number;
}

/** Called with what tells who uses the slots, as the end of `it waited for`. */
type OnWait = (usage: () => string) => void;

/** What runs in a slot. It says when the endpoint begins and ends to work on it, and ends with the signal of that. */
export type SlotWork<T> = (upstream: UpstreamWork) => Promise<T>;

/** What one requester has at an endpoint. */
interface Share {
  running: number;
  /** Of `running`, those that were given up while the endpoint goes on with them. */
  abandoned: number;
  /** Each starts one that waits; in the order in which they came. */
  readonly waiting: Set<() => void>;
}

/**
 * The slots of one endpoint for requests of one kind, divided among requesters. A slot that becomes free goes to the
 * waiting requester that has the fewest, and among equals to the one that got a slot longest ago. p-queue has one order
 * for all: the requester that sends most would have all slots.
 */
export class FairSlots {
  readonly #what: string;
  readonly #limits: SlotLimits;
  #running = 0;
  /** Of those that have a request here, the one that got a slot longest ago first. */
  readonly #shares = new Map<string, Share>();

  /** @param what these are, for messages: `read slots of https://pve1:8006`. */
  constructor(what: string, limits: SlotLimits) {
    this.#what = what;
    this.#limits = limits;
  }

  /**
   * Runs something in a slot. When the signal is aborted it ends for the requester at once, and keeps the slot while
   * the endpoint goes on with it: else a requester that gives up all it asks for could have any number of requests there.
   * @param name the requester's.
   * @param onWait called when it must wait for a slot, with what tells who uses them: at the moment, or when the wait ended.
   * @param work must end, in whatever way, once its signal is aborted or the endpoint is done.
   * @throws what `work` throws; the signal's reason when it is aborted.
   */
  async run<T>(name: string, signal: AbortSignal, onWait: OnWait, work: SlotWork<T>): Promise<T> {
    signal.throwIfAborted();
    const share = this.#shares.get(name) ?? { running: 0, abandoned: 0, waiting: new Set() };
    this.#shares.set(name, share);
    if (this.#mayStart(share)) this.#take(name, share);
    else await this.#slot(name, share, signal, onWait);
    // It may have been aborted after it got its slot, before it runs on.
    if (signal.aborted) {
      this.#free(name, share);
      throw signal.reason;
    }
    const working = this.#work(name, share, signal, work);
    try {
      return await abortable(signal, working);
    } catch (error) {
      if (signal.aborted) noteAbandoned(share, working);
      throw error;
    }
  }

  /** Keeps the slot until the work is over. Bun's fetch may never settle (measured after a `101 Switching Protocols`). */
  async #work<T>(name: string, share: Share, signal: AbortSignal, work: SlotWork<T>): Promise<T> {
    using upstream = new UpstreamWork(signal, this.#limits.abandonedMs ?? defaultAbandonedMs);
    try {
      return await abortable(upstream.signal, work(upstream));
    } finally {
      this.#free(name, share);
    }
  }

  #free(name: string, share: Share): void {
    this.#running -= 1;
    share.running -= 1;
    this.#forgetIdle(name, share);
    this.#startNext();
  }

  /** Who uses the slots, as the end of `it waited for`. */
  #describe(name: string, { running, abandoned }: Share): string {
    const { perRequester, total } = this.#limits;
    const still = abandoned === 0 ? "" : `, ${abandoned} of them for requests that were given up but not yet answered`;
    return `one of the ${total} ${this.#what}: caller ${name} uses ${running} (at most ${perRequester})${still}, other callers ${this.#running - running}`;
  }

  async #slot(name: string, share: Share, signal: AbortSignal, onWait: OnWait): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let atEnd: string | undefined;
    onWait(() => atEnd ?? this.#describe(name, share));
    const giveUp = () => {
      // What ends this wait ends other requests of the call too, which free their slots before an error is worded.
      atEnd = this.#describe(name, share);
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

function noteAbandoned(share: Share, working: Promise<unknown>): void {
  share.abandoned += 1;
  const end = () => {
    share.abandoned -= 1;
  };
  working.then(end, end);
}
