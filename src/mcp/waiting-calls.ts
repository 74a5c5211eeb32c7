import type { Caller } from "../policy/callers/caller.ts";
import { maxOpen } from "../policy/consent/store.ts";

/**
 * The calls of each caller that wait for its human, who may take ten minutes: they are not among its concurrent calls
 * meanwhile (`parallel_calls`). More than there can be open questions would wait for an answer that does not count.
 */
export class WaitingCalls {
  readonly #waiting = new Map<string, number>();

  /** Why another call of this caller cannot wait, as a sentence without a full stop; `undefined` when it can. */
  refusal({ name, id }: Caller): string | undefined {
    const waiting = this.#waiting.get(id) ?? 0;
    if (waiting < maxOpen.form) return undefined;
    return `${waiting} calls of ${name} already wait for a human's answer; call again when one has been answered`;
  }

  /** Counts a call while it waits. */
  async during<T>({ id }: Caller, wait: () => Promise<T>): Promise<T> {
    this.#add(id, 1);
    try {
      return await wait();
    } finally {
      this.#add(id, -1);
    }
  }

  #add(id: string, change: number): void {
    const waiting = (this.#waiting.get(id) ?? 0) + change;
    if (waiting === 0) this.#waiting.delete(id);
    else this.#waiting.set(id, waiting);
  }
}
