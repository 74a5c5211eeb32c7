import type { AnswerLease } from "./answer-memory.ts";

/** The answers that a call uses. Their memory is free when the call drops them, and at its end at the latest. */
export class UsedAnswers implements Disposable {
  readonly #leases = new Set<AnswerLease>();
  #isOver = false;

  /** Uses an answer. Returns what drops it. */
  use(lease: AnswerLease): () => void {
    // Such as a read that a call began and did not wait for.
    if (this.#isOver) return () => undefined;
    lease.use();
    this.#leases.add(lease);
    return () => {
      if (this.#leases.delete(lease)) lease.drop();
    };
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    for (const lease of this.#leases) lease.drop();
    this.#leases.clear();
  }
}
