import { randomInt, timingSafeEqual } from "node:crypto";
import type { ConsentFallback } from "../../config/types.ts";
import type { Call } from "../call.ts";
import type { Facts } from "../plan/facts.ts";
import type { Plan } from "../plan/plan.ts";

/** A request that needs consent. */
export interface Asked {
  /** Caller, cluster and the exact request, as a hash: the same for the same call, whatever the state of its target. */
  readonly key: string;
  /** The same for requests that differ only in how they are written: what a human declined is not asked in other words. */
  readonly meaning: string;
  /** Caller, cluster, method and object, without parameters: after an unanswered form no variant of the call passes alone. */
  readonly target: string;
  readonly plan: Plan;
  /** Whether a model must not be able to go on alone: irreversible calls, and those that extend rights. */
  readonly codeRequired: boolean;
  readonly cluster: string;
  /** `DELETE /nodes/pve1/qemu/104`, for people. */
  readonly request: string;
  readonly fallback: ConsentFallback;
  /** `consent_fallback "code"` and where it is set. */
  readonly setting: string;
}

/** How a question is answered: in the client's form, by a code that a human reads elsewhere, or by repeating the call. */
export type Method = "form" | "code" | "two-step";

/** How a question ended; `undefined` while it waits. */
export type Ending = "used" | "answered" | "declined" | "unanswered" | "replaced" | "rotated" | "revoked" | undefined;

/** A question and what it is bound to. */
export interface Question {
  readonly id: string;
  readonly method: Method;
  /** What answers it: the second part of a code, or the state of a form. */
  readonly secret: string;
  readonly key: string;
  readonly request: string;
  readonly cluster: string;
  /** `undefined` once it ended: of an ended question only the reason is kept, for late answers. */
  plan: Plan | undefined;
  readonly caller: Call["caller"];
  readonly client: string;
  /** On the clock of the consents, in milliseconds. */
  readonly askedAt: number;
  triesLeft: number;
  ending: Ending;
}

/** How long a human may take, and how long a consent counts, in milliseconds. */
export const consentMs = 10 * 60_000;

/**
 * Faster than this, in milliseconds, no human reads a question and answers it: `codex exec` 0.171 declines a form by
 * itself after 5 ms, and accepts one with nothing to type after 19 ms.
 */
export const fastestHumanMs = 300;

/** Wrong codes that are taken before a question is closed. */
export const maxTries = 3;

/** Characters of a code behind the question's id: 60 bits, since a model may have guesses compared by the redactor. */
export const secretLength = 12;

/** Letters and digits of ids and codes, without those that look alike (0 O, 1 I). */
const alphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/** Random characters of {@link alphabet}, five bits each. */
export function randomCharacters(count: number): string {
  return Array.from({ length: count }, () => alphabet[randomInt(alphabet.length)]).join("");
}

/** Id and secret as a human reads and types them: `K7Q2-9FGH-3MNP-4RST`. */
export function codeOf({ id, secret }: Pick<Question, "id" | "secret">): string {
  return [id, ...(secret.match(/.{1,4}/g) ?? [])].join("-");
}

/** A typed code; the id is `undefined` where only the secret part was typed. */
export interface TypedCode {
  readonly id: string | undefined;
  readonly secret: string;
}

/** Reads a code as people write it: dashes, spaces and letter case do not matter. `undefined` when it cannot be one. */
export function readCode(text: string): TypedCode | undefined {
  if (text.length > 60) return undefined;
  const characters = text.toUpperCase().replaceAll(/[^A-Z0-9]/g, "");
  if (characters.length === secretLength) return { id: undefined, secret: characters };
  return characters.length === 4 + secretLength
    ? { id: characters.slice(0, 4), secret: characters.slice(4) }
    : undefined;
}

/** Compares secrets of equal length in constant time. */
export function sameSecret(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

/** Whether two plans were made from the same state of their target. */
export function sameFacts(a: Facts, b: Facts): boolean {
  return a.size === b.size && [...a].every(([label, value]) => b.get(label) === value);
}
