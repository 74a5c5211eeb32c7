import type { UsedAnswers } from "./answer-memory.ts";

/** On whose behalf requests are sent. */
export interface Requester {
  /** Reads under way are shared, and connections divided, by this name: a caller's, or that of {@link ownRequests}. */
  readonly name: string;
  /** What it uses of answers; without it their memory counts as free once they are handed over. */
  readonly answers?: UsedAnswers;
  /**
   * Counts a request that is about to be sent, and may refuse it; one that is `isAdmitted` it only counts. Without it
   * nothing is counted.
   * @returns why it must not be sent, and when it may be.
   */
  count?(isAdmitted: boolean): Promise<{ readonly what: string; readonly hint: string } | undefined>;
}

/** For reads that this server makes for all callers together, such as the API schema. Callers' names hold no brackets. */
export const ownRequests: Requester = { name: "(server)" };
