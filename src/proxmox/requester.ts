import type { UsedAnswers } from "./answer-memory.ts";

/** On whose behalf requests are sent. */
export interface Requester {
  /** Reads under way are shared, and connections divided, by this name: a caller's, or that of {@link ownRequests}. */
  readonly name: string;
  /** What it uses of answers; without it their memory counts as free once they are handed over. */
  readonly answers?: UsedAnswers;
}

/** For reads that this server makes for all callers together, such as the API schema. Callers' names hold no brackets. */
export const ownRequests: Requester = { name: "(server)" };
