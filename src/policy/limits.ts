import type { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import type { Config } from "../config/types.ts";
import { type Caller, rightsOf } from "./caller.ts";

/** A caller has too many calls under way. Nothing was begun. */
export class LimitError extends Error {
  override readonly name = "LimitError";
}

/** How much each caller may ask for, by the configuration of the moment: requests in a minute, calls at the same time. */
export class CallLimits {
  readonly #config: () => Config;
  readonly #running = new Map<string, number>();
  readonly #limiters = new Map<number, RateLimiterMemory>();

  constructor(config: () => Config) {
    this.#config = config;
  }

  /** Counts a request; after how many seconds to come back, where it is one too many. */
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

  /** Loaded when the first caller has a limit: most servers have none, and a start need not pay for it. */
  async #limiter(points: number): Promise<RateLimiterMemory> {
    const { RateLimiterMemory } = await import("rate-limiter-flexible");
    const limiter = this.#limiters.get(points) ?? new RateLimiterMemory({ points, duration: 60 });
    this.#limiters.set(points, limiter);
    return limiter;
  }

  /**
   * Runs a call of a tool as one of those that its caller may have under way.
   * @throws {LimitError} when there are as many already.
   */
  async within<T>(caller: Caller, run: () => Promise<T>): Promise<T> {
    // Whom the configuration does not know any more the policy refuses, and says why.
    const most = rightsOf(caller, this.#config())?.parallelCalls ?? 1;
    const running = this.#running.get(caller.name) ?? 0;
    if (running >= most) {
      throw new LimitError(
        `${running} calls of ${caller.name} are under way, and ${most} may be at the same time (parallel_calls). Wait for one of them, then call again.`,
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
