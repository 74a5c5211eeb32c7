import type { Caller } from "../callers/caller.ts";
import { type Ending, type Method, maxTries, type Question, randomCharacters } from "./question.ts";

/**
 * Questions of one caller that may be open at the same time. More codes are refused, so that no caller can bury a human in
 * questions; of the others the oldest is forgotten and has to be asked again.
 */
export const maxOpen: Readonly<Record<Method, number>> = { code: 8, form: 64, "two-step": 32 };

/** Ended questions of one caller that are kept, so that a late answer gets the reason why it does not count. */
const maxEnded = 128;

/** The questions of this process. What one caller asks never displaces a question of another. */
export class QuestionStore {
  readonly #now: () => number;
  readonly #lifeMs: number;
  /** By id, the oldest first. */
  readonly #questions = new Map<string, Question>();

  /** @param lifeMs how long a question can be answered; it is remembered for as long again. */
  constructor(now: () => number, lifeMs: number) {
    this.#now = now;
    this.#lifeMs = lifeMs;
  }

  /** Every question that can be answered, the oldest first. */
  open(): readonly Question[] {
    return [...this.#questions.values()].filter((question) => this.isOpen(question));
  }

  isOpen({ ending, askedAt }: Question): boolean {
    return ending === undefined && askedAt + this.#lifeMs >= this.#now();
  }

  /** The open questions of a caller by method. */
  openOf(method: Method, caller: Caller): readonly Question[] {
    return this.open().filter((one) => one.method === method && isOf(one, caller));
  }

  /** A question of this caller, open or not. */
  find(id: string, caller: Caller): Question | undefined {
    const question = this.#questions.get(id);
    return question !== undefined && isOf(question, caller) ? question : undefined;
  }

  /** Wrong codes that are still taken for a request: a change of its target, which a model can cause, gives none back. */
  triesLeft(key: string, caller: Caller): number {
    const recent = [...this.#questions.values()].filter(
      (one) =>
        one.key === key && one.method === "code" && isOf(one, caller) && one.askedAt + this.#lifeMs >= this.#now(),
    );
    return Math.min(maxTries, ...recent.flatMap((one) => (one.ending === "replaced" ? [one.triesLeft] : [])));
  }

  /** Adds a question under a new id, and forgets those of the same caller that are too many. */
  add(question: Omit<Question, "id" | "ending" | "askedAt">): Question {
    let id = randomCharacters(4);
    while (this.#questions.has(id)) id = randomCharacters(4);
    const added: Question = { ...question, id, ending: undefined, askedAt: this.#now() };
    this.#questions.set(id, added);
    const { method, caller } = added;
    if (method !== "code") this.#drop(this.openOf(method, caller), maxOpen[method]);
    const ended = [...this.#questions.values()].filter((one) => isOf(one, caller) && !this.isOpen(one));
    this.#drop(ended, maxEnded);
    return added;
  }

  /** Ends a question; of its plan nothing is kept. */
  end(question: Question, ending: Exclude<Ending, undefined>): void {
    question.ending = ending;
    question.plan = undefined;
  }

  /** Ends every open question that fits. */
  endWhere(fits: (question: Question) => boolean, ending: Exclude<Ending, undefined>): void {
    for (const question of this.open()) if (fits(question)) this.end(question, ending);
  }

  /** Drops the plans of questions that expired, and forgets those that no answer is expected for any more. */
  prune(): void {
    for (const question of this.#questions.values()) {
      const ageMs = this.#now() - question.askedAt;
      if (ageMs > this.#lifeMs) question.plan = undefined;
      if (ageMs > 2 * this.#lifeMs) this.#questions.delete(question.id);
    }
  }

  #drop(oldestFirst: readonly Question[], kept: number): void {
    for (const { id } of oldestFirst.slice(0, Math.max(0, oldestFirst.length - kept))) this.#questions.delete(id);
  }
}

function isOf({ caller }: Question, { name, id }: Caller): boolean {
  return caller.name === name && caller.id === id;
}
