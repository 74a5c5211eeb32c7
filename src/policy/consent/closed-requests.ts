/** Requests and targets that are remembered at most; beyond it the oldest is forgotten. */
const maxKept = 2_000;

/** Requests that a human declined, and targets whose form was left unanswered, for a while. */
export class ClosedRequests {
  readonly #now: () => number;
  readonly #closedMs: number;
  /** Requests that were declined, by their meaning, with the time until which that holds. */
  readonly #declined = new Map<string, number>();
  /** Targets at which repeating a call is no consent, with the time until which that holds. */
  readonly #codeOnly = new Map<string, number>();

  constructor(now: () => number, closedMs: number) {
    this.#now = now;
    this.#closedMs = closedMs;
  }

  /** A human declined: this request is closed, and no other one at the same target passes by being repeated. */
  decline(meaning: string, target: string): void {
    remember(this.#declined, meaning, this.#now() + this.#closedMs);
    this.leaveUnanswered(target);
  }

  /** A form was left unanswered: repeating a call at this target no longer counts as consent. */
  leaveUnanswered(target: string): void {
    remember(this.#codeOnly, target, this.#now() + this.#closedMs);
  }

  /** How long a request stays declined, in milliseconds; `undefined` when it is not. */
  declinedFor(meaning: string): number | undefined {
    const until = this.#declined.get(meaning);
    return until === undefined || until <= this.#now() ? undefined : until - this.#now();
  }

  /** Whether repeating a call at a target is no consent, so that only a form or a code is. */
  isCodeOnly(target: string): boolean {
    return (this.#codeOnly.get(target) ?? Number.NEGATIVE_INFINITY) > this.#now();
  }

  /** Forgets what is over. */
  prune(): void {
    for (const [meaning, until] of this.#declined) if (until <= this.#now()) this.#declined.delete(meaning);
    for (const [target, until] of this.#codeOnly) if (until <= this.#now()) this.#codeOnly.delete(target);
  }
}

function remember<T>(map: Map<string, T>, key: string, value: T): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > maxKept && oldest !== undefined) map.delete(oldest);
}
