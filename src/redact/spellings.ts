import { symbolsIn } from "./symbols.ts";

/** What a text must not show: configured for good, or the code of an open question. */
export type Kind = "secret" | "code";

/** A spelling that is found whatever its case and whatever separators stand in it. */
export interface Folded {
  readonly kind: Kind;
  /** At least {@link shortestFolded}. */
  readonly symbols: Uint8Array;
  /** Whether one more character of base64 on either side holds some bits of the value. */
  readonly inBase64: boolean;
  /** Whether it may be a word that texts hold anyway. */
  readonly isCommon: boolean;
  /** How many symbols are enough at the end of a text, which may have been cut there. */
  readonly enough: number;
}

/** A spelling that is found letter for letter only. */
export interface Literal {
  readonly kind: Kind;
  readonly text: string;
  readonly isCommon: boolean;
}

/** All spellings of one value. */
export interface Spellings {
  readonly folded: readonly Folded[];
  readonly literals: readonly Literal[];
}

/** Fewer letters and digits would be found in texts by chance. */
export const shortestFolded = 8;

/**
 * The shortest beginning of a secret that is taken out where a text ends in it. What is taken out tells a model that
 * its guess was right, so a beginning must be too long to be guessed: with 8 characters the rest of a token was found
 * one character at a time, by 286 reads.
 */
const shortestBeginning = { characters: 16, share: 0.75 } as const;

/** Shorter values stay: every text holds them, and they protect nothing. */
const shortestValue = 4;

/** What texts hold anyway: `production`, `proxmox-token`. Who reads only part of such a text must not miss it. */
const word = /^[a-z]+(?:[-_.:][a-z]+)*$/i;
const maxWordLength = 15;

/** What codes are joined with where they are encoded as a whole. */
const joints = ["-", "", " ", "_", "."];

/**
 * The spellings of a configured secret: as it is, escaped, in hexadecimal and in base64, alone or within a longer text.
 * @param isWhole whether only the whole value counts, since its beginning is known, such as `user:` of a password.
 */
export function spellSecret(value: string, isWhole = false): Spellings {
  const common = value.length < shortestFolded || (value.length <= maxWordLength && word.test(value));
  const share = isWhole
    ? 1
    : Math.min(1, Math.max(shortestBeginning.characters / value.length, shortestBeginning.share));
  const basics = { kind: "secret", isCommon: common, share } as const;
  const verbatim = { ...basics, text: value };
  if (value.length < shortestFolded) {
    return { folded: [], literals: value.length < shortestValue ? [] : [verbatim] };
  }
  const own = foldedOnes(basics, [symbolsIn(value), symbolsIn(value, true)]);
  const encoded = encodings([value]);
  return {
    folded: [...own, ...foldedOnes(basics, [symbolsIn(encoded.hex.join(""))]), ...inBase64(basics, encoded.base64)],
    literals: [
      // Signs alone have no symbols; folded, their escapes would have those of anything.
      ...(own.length > 0 ? [] : escapes(value).map((text) => ({ ...basics, text }))),
      ...encoded.base64.filter((text) => symbolsIn(text).length < shortestFolded).map((text) => ({ ...basics, text })),
    ],
  };
}

/**
 * The spellings of a consent code, `K7Q2-9FGH-3MNP`: forwards, backwards, in hexadecimal and in base64. Its first group
 * is the question's public id where the others are long enough to stand for the code.
 */
export function spellCode(code: string): Spellings {
  const groups = code.split(/[^0-9a-z]+/i).filter((group) => group !== "");
  const rest = groups.slice(1);
  const secret = rest.join("").length >= shortestFolded ? rest : groups;
  const basics = { kind: "code", isCommon: false, share: 1 } as const;
  const plain = [groups, secret].map((each) => symbolsIn(each.join("")));
  const forms = joints.flatMap((joint) => [secret.join(joint).toUpperCase(), secret.join(joint).toLowerCase()]);
  const { hex, base64 } = encodings(forms);
  return {
    folded: [
      ...foldedOnes(basics, [
        ...plain,
        ...plain.map((each) => each.toReversed()),
        ...hex.map((each) => symbolsIn(each)),
      ]),
      ...inBase64(basics, base64),
    ],
    literals: [],
  };
}

function encodings(texts: readonly string[]): { readonly hex: readonly string[]; readonly base64: readonly string[] } {
  const all = texts.map((text) => Buffer.from(text));
  return { hex: all.map((bytes) => bytes.toString("hex")), base64: all.flatMap(base64Cores) };
}

/**
 * What the base64 of any text that holds these bytes has in it: where they begin at a multiple of three bytes, and one
 * and two behind. Characters that share bits with what stands around are left out.
 */
function base64Cores(bytes: Buffer): string[] {
  return [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes])
      .toString("base64")
      .replaceAll("=", "");
    const shared = (offset + bytes.length) % 3 === 0 ? 0 : 1;
    return text.slice(offset === 0 ? 0 : offset + 1, text.length - shared);
  });
}

function inBase64(basics: Basics, cores: readonly string[]): Folded[] {
  const all = foldedOnes(
    basics,
    cores.map((core) => symbolsIn(core)),
  );
  return all.map((each) => ({ ...each, inBase64: true }));
}

/** What all spellings of a value have in common; `share` is the part of one that is enough at the end of a text. */
type Basics = Pick<Folded, "kind" | "isCommon"> & { readonly share: number };

function foldedOnes({ share, ...basics }: Basics, spellings: readonly Uint8Array[]): Folded[] {
  const unique = new Map(spellings.map((symbols) => [symbols.join(), symbols]));
  return [...unique.values()]
    .filter(({ length }) => length >= shortestFolded)
    .map((symbols) => ({ ...basics, symbols, inBase64: false, enough: Math.ceil(symbols.length * share) }));
}

/** A value in JSON, in HTML and in a URL, with upper-case and lower-case hexadecimal digits. */
function escapes(value: string): string[] {
  const json = JSON.stringify(value).slice(1, -1);
  const html = Bun.escapeHTML(value);
  const url = encodeURIComponent(value.toWellFormed());
  const whole = [...Buffer.from(value)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
  const lower = url.replaceAll(/%../g, (byte) => byte.toLowerCase());
  return [...new Set([value, json, html, url, lower, whole, whole.toUpperCase()])];
}
