import type { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import type { Config } from "../../config/types.ts";
import { type Caller, rightsOf } from "./caller.ts";

/** A caller has too many concurrent calls. Nothing was started. */
export class LimitError extends Error {
  override readonly name = "LimitError";
}

/** A caller has used up its requests of the minute. */
export interface Exceeded {
  /** Who, how many and under which setting, as a sentence without a full stop. */
  readonly what: string;
  /** When to come back, as a sentence. */
  readonly hint: string;
  readonly retryAfterSeconds: number;
}

/**
 * The limits of each caller under the current configuration: requests per minute and concurrent calls. What counts as a
 * request is work: each message of a client (a tool call or one of the protocol), and each request to Proxmox that a
 * call causes; an answer that is shared or kept causes none.
 */
export class CallLimits {
  readonly #config: () => Config;
  readonly #running = new Map<string, number>();
  readonly #limiters = new Map<number, RateLimiterMemory>();

  constructor(config: () => Config) {
    this.#config = config;
  }

  /**
   * Counts a request of a caller, or several of which all or none are carried out; those that are refused do not count.
   * Returns why they must not be carried out, `undefined` where they may.
   */
  async count(caller: Caller, requests = 1): Promise<Exceeded | undefined> {
    const most = this.#mostOf(caller);
    if (most === undefined) return undefined;
    const limiter = await this.#limiter(most);
    try {
      await limiter.consume(caller.name, requests);
      return undefined;
    } catch (refusal) {
      if (refusal instanceof Error) throw refusal;
      await limiter.reward(caller.name, requests);
      const seconds = Math.max(1, Math.ceil((refusal as RateLimiterRes).msBeforeNext / 1000));
      return {
        what: `${caller.name} has used up its requests of this minute (requests_per_minute: ${most}; each message, tool call and request to Proxmox counts)`,
        hint: `Retry in ${seconds} s, or send fewer requests.`,
        retryAfterSeconds: seconds,
      };
    }
  }

  /** Counts a request that is sent even above the limit: work already begun would be lost otherwise. */
  async countAdmitted(caller: Caller): Promise<void> {
    const most = this.#mostOf(caller);
    if (most !== undefined) await (await this.#limiter(most)).penalty(caller.name);
  }

  #mostOf(caller: Caller): number | undefined {
    return rightsOf(caller, this.#config())?.requestsPerMinute;
  }

  /** Loaded for the first caller with a limit: most servers have none, and it would slow down their start. */
  async #limiter(points: number): Promise<RateLimiterMemory> {
    const { RateLimiterMemory } = await import("rate-limiter-flexible");
    const limiter = this.#limiters.get(points) ?? new RateLimiterMemory({ points, duration: 60 });
    this.#limiters.set(points, limiter);
    return limiter;
  }

  /**
   * Runs a tool call as one of its caller's concurrent calls.
   * @throws {LimitError} when the caller has as many already.
   */
  async within<T>(caller: Caller, run: () => Promise<T>): Promise<T> {
    // Unknown callers are rejected by the policy, with a reason.
    const most = rightsOf(caller, this.#config())?.parallelCalls ?? 1;
    const running = this.#running.get(caller.name) ?? 0;
    if (running >= most) {
      throw new LimitError(
        `${caller.name} has reached its limit of concurrent calls (parallel_calls: ${most}). Retry when one of them has finished.`,
      );
    }
    this.#running.set(caller.name, running + 1);
    try {
      return await run();
    } finally {
      const left = (this.#running.get(caller.name) ?? 1) - 1;
      if (left === 0) this.#running.delete(caller.name);
      else this.#running.set(caller.name, left);
    }
  }
}
