import { Cancellation } from "../cancellation.ts";

/**
 * How long an endpoint is asked to finish a request that was given up, in milliseconds. Proxmox's worker does not see
 * that its client went away and goes on until it is done (measured: 2,398 reads at work at a time where slots were freed
 * at once); most reads take less than a second.
 */
export const defaultAbandonedMs = 5_000;

/**
 * The part of a request during which the endpoint works on it: from when it left until the head of its answer. A request
 * that is given up meanwhile stays open until that head arrives, because only this shows when the work has ended; its
 * requester does not wait for it.
 */
export class UpstreamWork implements Disposable {
  readonly #given: AbortSignal;
  readonly #abandonedMs: number;
  readonly #over = new AbortController();
  #isRunning = false;
  #limit: NodeJS.Timeout | undefined;

  /**
   * @param given the requester's signal.
   * @param abandonedMs how long the request stays open at most after that is aborted, in milliseconds.
   */
  constructor(given: AbortSignal, abandonedMs: number) {
    this.#given = given;
    this.#abandonedMs = abandonedMs;
    if (given.aborted) this.#giveUp();
    else given.addEventListener("abort", this.#giveUp, { once: true });
  }

  /** Aborted, with the reason of the requester's signal, once nothing more is to come of the request. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** The request leaves. */
  begin(): void {
    this.#isRunning = true;
  }

  /** The head of the answer arrived. */
  end(): void {
    this.#isRunning = false;
    if (this.#given.aborted) this.#close();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#limit);
    this.#given.removeEventListener("abort", this.#giveUp);
  }

  readonly #giveUp = () => {
    // What this server itself ends is not repeated by its requester.
    if (!this.#isRunning || this.#given.reason instanceof Cancellation) this.#close();
    else this.#limit = setTimeout(() => this.#close(), this.#abandonedMs);
  };

  #close(): void {
    this.#over.abort(this.#given.reason);
  }
}
