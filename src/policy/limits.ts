import type { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import type { Config } from "../config/types.ts";
import { type Caller, rightsOf } from "./caller.ts";

/** A caller has too many concurrent calls. Nothing was started. */
export class LimitError extends Error {
  override readonly name = "LimitError";
}

/** The limits of each caller under the current configuration: requests per minute and concurrent calls. */
export class CallLimits {
  readonly #config: () => Config;
  readonly #running = new Map<string, number>();
  readonly #limiters = new Map<number, RateLimiterMemory>();

  constructor(config: () => Config) {
    this.#config = config;
  }

  /** Counts a request; the seconds after which to retry when it exceeds the limit. */
  async retryAfter(caller: Caller): Promise<number | undefined> {
    const most = rightsOf(caller, this.#config())?.requestsPerMinute;
    if (most === undefined) return undefined;
    const limiter = await this.#limiter(most);
    try {
      await limiter.consume(caller.name);
      return undefined;
    } catch (refusal) {
      if (refusal instanceof Error) throw refusal;
      return Math.max(1, Math.ceil((refusal as RateLimiterRes).msBeforeNext / 1000));
    }
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
