import type { UsedAnswers } from "./memory/used-answers.ts";

/** On whose behalf requests are sent. */
export interface Requester {
  /** By it equal reads in flight are shared, and slots and memory divided: a caller's name, or that of {@link ownRequests}. */
  readonly name: string;
  /** The answers that it uses; without this an answer's memory counts as free once it is handed over. */
  readonly answers?: UsedAnswers;
  /**
   * Counts a request that is about to be sent, and may refuse it, unless it `isAdmitted`. Without this nothing is counted.
   * @returns why it must not be sent, and when it may be.
   */
  count?(isAdmitted: boolean): Promise<{ readonly what: string; readonly hint: string } | undefined>;
}

/** For reads that this server makes for all callers together, such as the API schema. Callers' names hold no brackets. */
export const ownRequests: Requester = { name: "(server)" };
