import type { Caller } from "../../policy/callers/caller.ts";
import { refuse } from "../error-response.ts";

/** How many of a limited number, such as of all SSE streams, one caller may have. */
export type CallerShare = (all: number) => number;

/**
 * A quarter where several callers can come, so that no one of them keeps the others out; everything where there is only
 * one, be it anonymous: addresses do not tell clients apart, since behind a reverse proxy all of them share one.
 * @param callers how many callers the server has at this moment.
 */
export function shareOf(callers: () => number): CallerShare {
  return (all) => (callers() > 1 ? Math.max(1, Math.floor(all / 4)) : all);
}

/** The share of a caller that is the only one. */
export const everything: CallerShare = (all) => all;

/** When a refused client may try again, in seconds. */
const retryAfter = { "Retry-After": "10" };

/** Which limit is reached: that of a caller, or that of all together. */
export type Reached = "caller" | "all";

/** Limits how many of something, such as SSE streams, there are at the same time: in all, and of one caller. */
export class OpenLimit {
  readonly #things: string;
  readonly #all: number;
  readonly #share: CallerShare;

  /** @param things what is limited, in the plural, with its state: `SSE streams open`. */
  constructor(things: string, all: number, share: CallerShare) {
    this.#things = things;
    this.#all = all;
    this.#share = share;
  }

  /**
   * Which limit one more of a caller's would exceed; its own comes first.
   * @param holders the callers of those that there are, each as often as it has one.
   */
  reached(caller: Caller, holders: Iterable<Caller>): Reached | undefined {
    const ids = Array.from(holders, ({ id }) => id);
    const share = this.#share(this.#all);
    if (share < this.#all && ids.filter((id) => id === caller.id).length >= share) return "caller";
    return ids.length >= this.#all ? "all" : undefined;
  }

  /** The response for a limit that was reached: 429 for the caller's own, 503 for that of the server. */
  refusal(reached: Reached, { name }: Caller): Response {
    const share = this.#share(this.#all);
    return reached === "caller"
      ? refuse(
          429,
          `The caller ${name} has ${share} of its ${share} ${this.#things}. Close one, or retry later.`,
          retryAfter,
        )
      : refuse(
          503,
          `This server has ${this.#all} of its ${this.#all} ${this.#things}. Close one, or retry later.`,
          retryAfter,
        );
  }
}
