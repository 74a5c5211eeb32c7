import { Secret } from "../config/secret.ts";
import { type Match, Matcher } from "./matcher.ts";
import { type Kind, type Spellings, spellCode, spellSecret } from "./spellings.ts";

/** What replaces each kind of match. */
const replacements: Readonly<Record<Kind, string>> = { secret: "[secret]", code: "[consent code]" };

/** Characters of a long text that are searched in one step, which takes about 2 ms (measured). */
const step = 65_536;

/** Characters searched beyond a step, for a secret that begins in it: 2,700 characters written as `\u0041`. */
const overlap = 16_384;

/**
 * Takes out of texts what this process must not tell: the secrets that it was configured with, and the codes of open
 * questions, in every spelling of {@link spellSecret} and {@link spellCode}. What passes through it comes from Proxmox,
 * which may echo the headers of a request, or goes to a client, to the log, to the audit or to a terminal.
 */
export class Redactor {
  readonly #secrets = new Map<string, Spellings>();
  #codes: () => readonly string[] = () => [];
  #spelledCodes = new Map<string, Spellings>();
  #matcher: Matcher | undefined;

  /**
   * Adds every {@link Secret} found anywhere in a value, such as a whole configuration. None is ever forgotten:
   * what was sent with a secret that was replaced may be echoed later.
   */
  add(value: unknown): void {
    if (value instanceof Secret) this.#addSecret(value.reveal());
    else if (typeof value === "object" && value !== null) for (const part of Object.values(value)) this.add(part);
  }

  /** Sets where the codes of the questions come from that are open at the moment of a call. */
  followCodes(codes: () => readonly string[]): void {
    this.#codes = codes;
  }

  /**
   * A text or parsed JSON from outside, which this process still works with. JSON is changed in place, values and keys;
   * it may hold a guest's name or state, so secrets that are words or have fewer than 8 characters stay:
   * {@link Redactor.outgoing} takes them out.
   */
  incoming<T>(value: T): T {
    const matcher = this.#current();
    if (matcher === undefined) return value;
    const redact = (text: string) => replaced(text, matcher.find(text, false));
    return sweep(value, redact, redact);
  }

  /**
   * {@link Redactor.incoming} for a long text, which yields to the event loop between steps of a few milliseconds. Of a
   * spelling that separators spread over more than 16,384 characters the end may stay.
   */
  async incomingLong(text: string): Promise<string> {
    const matcher = this.#current();
    if (matcher === undefined) return text;
    const found: Match[] = [];
    for (let from = 0; from < text.length; from += step) {
      const part = text.slice(from, from + step + overlap);
      const matches = matcher.find(part, false).filter(({ start }) => start < step);
      found.push(...matches.map(({ start, end, kind }) => ({ start: from + start, end: from + end, kind })));
      await new Promise((resolve) => setTimeout(resolve));
    }
    return replaced(text, found);
  }

  /** A text or a value of JSON on its way out of this process. Keys that are words stay, since a program reads them. */
  outgoing<T>(value: T): T {
    const matcher = this.#current();
    if (matcher === undefined) return value;
    return sweep(
      typeof value === "string" ? value : structuredClone(value),
      (text) => replaced(text, matcher.find(text, true)),
      (key) => replaced(key, matcher.find(key, false)),
    );
  }

  #addSecret(value: string, isWhole = false): void {
    if (this.#secrets.has(value)) return;
    this.#secrets.set(value, spellSecret(value, isWhole));
    this.#matcher = undefined;
    const [, encoded] = /^Basic ([A-Za-z0-9+/]+=*)$/.exec(value) ?? [];
    if (encoded === undefined) return;
    // What a proxy may quote of it (RFC 7617): the header's value, both parts, or the password.
    const pair = Buffer.from(encoded, "base64").toString();
    // The beginning of the pair is the user's name, which is no secret.
    this.#addSecret(pair, true);
    for (const part of [encoded, pair.slice(pair.indexOf(":") + 1)]) this.#addSecret(part);
  }

  /** For one value as a whole: made again when there are other secrets or codes; none where there is nothing to find. */
  #current(): Matcher | undefined {
    const codes = this.#codes();
    if (this.#secrets.size === 0 && codes.length === 0) return undefined;
    const isSame = codes.length === this.#spelledCodes.size && codes.every((code) => this.#spelledCodes.has(code));
    if (this.#matcher !== undefined && isSame) return this.#matcher;
    this.#spelledCodes = new Map(codes.map((code) => [code, this.#spelledCodes.get(code) ?? spellCode(code)]));
    this.#matcher = new Matcher([...this.#secrets.values(), ...this.#spelledCodes.values()]);
    return this.#matcher;
  }
}

/** A text with its matches replaced; those that overlap are one. */
function replaced(text: string, matches: readonly Match[]): string {
  if (matches.length === 0) return text;
  const parts: string[] = [];
  let done = 0;
  for (const { start, end, kind } of matches.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    if (start >= done) parts.push(text.slice(done, start), replacements[kind]);
    done = Math.max(done, end);
  }
  parts.push(text.slice(done));
  return parts.join("");
}

/** Keys whose redaction is remembered: rows have some tens, and a million that differ would take 100 MiB. */
const maxKnownKeys = 4096;

type Container = Record<string, unknown>;

/** Changes all strings and keys of a value in place; without recursion, since who answers may nest it as deep as it likes. */
function sweep<T>(value: T, ofText: (text: string) => string, ofKey: (key: string) => string): T {
  if (typeof value === "string") return ofText(value) as T;
  const waiting: unknown[] = [value];
  // Rows have the same keys, all of them.
  const keys = new Map<string, string>();
  const keyOf = (key: string) => {
    const known = keys.get(key) ?? ofKey(key);
    if (keys.size < maxKnownKeys) keys.set(key, known);
    return known;
  };
  while (waiting.length > 0) {
    const container = waiting.pop() as Container | unknown[];
    if (Array.isArray(container)) {
      // By index: Object.keys makes a text of each, which for 15 MB of empty texts took 500 MiB and ten seconds (measured).
      for (let index = 0; index < container.length; index += 1) {
        const part: unknown = container[index];
        const kept = typeof part === "string" ? ofText(part) : part;
        if (kept !== part) container[index] = kept;
        if (typeof part === "object" && part !== null) waiting.push(part);
      }
      continue;
    }
    for (const key of Object.keys(container ?? {})) {
      const part = container[key];
      const kept = typeof part === "string" ? ofText(part) : part;
      const name = keyOf(key);
      if (name !== key) delete container[key];
      if (name !== key || kept !== part) container[name] = kept;
      if (typeof part === "object" && part !== null) waiting.push(part);
    }
  }
  return value;
}
