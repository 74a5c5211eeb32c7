import type { Folded, Kind, Literal, Spellings } from "./spellings.ts";
import { shortestFolded } from "./spellings.ts";
import { asciiSymbol, beginsEscape, lengthOf, readSymbol, symbolOf } from "./symbols.ts";

/** Part of a text, from `start` to before `end`, that shows something. */
export interface Match {
  readonly start: number;
  readonly end: number;
  readonly kind: Kind;
}

/** Bits of the filter; a power of two. */
const filterBits = 1 << 18;

/**
 * Finds spellings in texts: a rolling hash over the last 8 symbols meets the beginning of any spelling, however many
 * there are, and only there is compared. Time grows with the length of the text, times the longest spelling at worst.
 */
export class Matcher {
  /** One bit for the hash of each beginning. */
  readonly #filter = new Uint32Array(filterBits / 32);
  readonly #beginnings = new Map<number, Folded[]>();
  /** The indexes of the last 8 symbols of the searched text, as a ring buffer. */
  readonly #places = new Uint32Array(shortestFolded);
  readonly #literals: readonly Literal[];

  constructor(all: readonly Spellings[]) {
    this.#literals = all.flatMap(({ literals }) => literals);
    for (const folded of all.flatMap((spellings) => spellings.folded)) {
      let hash = 0;
      for (const symbol of folded.symbols.subarray(0, shortestFolded)) hash = roll(hash, symbol);
      const bit = bitOf(hash);
      this.#filter[bit >>> 5] = (this.#filter[bit >>> 5] ?? 0) | (1 << (bit & 31));
      this.#beginnings.set(hash, [...(this.#beginnings.get(hash) ?? []), folded]);
    }
  }

  /** All matches, in no order; they may overlap. `common` looks for words too that texts hold anyway. */
  find(text: string, common: boolean): Match[] {
    const matches: Match[] = [];
    const keep = (match: Match) => matches.push(match);
    if (this.#beginnings.size > 0 && text.length >= shortestFolded) {
      const hasEscapes = this.#findFolded(text, { common, decode: false, keep });
      if (hasEscapes) this.#findFolded(text, { common, decode: true, keep });
    }
    for (const literal of this.#literals) if (common || !literal.isCommon) findLiteral(text, literal, keep);
    return matches;
  }

  /** Gives whether the text has characters that escapes begin with. */
  #findFolded(text: string, how: Search): boolean {
    const { decode } = how;
    const filter = this.#filter;
    const places = this.#places;
    let hasEscapes = false;
    let count = 0;
    let hash = 0;
    for (let at = 0; at < text.length; ) {
      const code = text.charCodeAt(at);
      let symbol: number;
      let length = 1;
      if (code < 128 && !(decode && beginsEscape(code))) {
        symbol = asciiSymbol(code);
        if (symbol === 0 && beginsEscape(code)) hasEscapes = true;
      } else {
        const read = readSymbol(text, at, decode);
        symbol = symbolOf(read);
        length = lengthOf(read);
      }
      if (symbol !== 0) {
        hash = roll(hash, symbol);
        places[count & (shortestFolded - 1)] = at;
        count++;
        const bit = bitOf(hash);
        if (((filter[bit >>> 5] ?? 0) & (1 << (bit & 31))) !== 0 && count >= shortestFolded) {
          const start = places[count & (shortestFolded - 1)] ?? 0;
          this.#compare(text, start, hash, how);
        }
      }
      at += length;
    }
    return hasEscapes;
  }

  #compare(text: string, start: number, hash: number, { common, decode, keep }: Search): void {
    for (const folded of this.#beginnings.get(hash) ?? []) {
      if (!common && folded.isCommon) continue;
      const end = matchEnd(text, start, folded, decode);
      if (end !== undefined) keep(rangeOf(text, start, end, folded));
    }
  }
}

/** How a text is looked at. */
interface Search {
  readonly common: boolean;
  readonly decode: boolean;
  readonly keep: (match: Match) => void;
}

/** Four bits a symbol, so that the ninth before falls out of 32 bits by itself. */
function roll(hash: number, symbol: number): number {
  return ((hash << 4) + symbol) | 0;
}

function bitOf(hash: number): number {
  return Math.imul(hash, 0x9e3779b1) >>> 14;
}

/**
 * The end of a spelling that begins at `start`; `undefined` where the text differs. A spelling that is cut off by the
 * end of the text counts if enough of it is there.
 */
function matchEnd(text: string, start: number, { symbols, enough }: Folded, decode: boolean): number | undefined {
  let matched = 0;
  let end = start;
  for (let at = start; at < text.length && matched < symbols.length; ) {
    const read = readSymbol(text, at, decode);
    at += lengthOf(read);
    if (symbolOf(read) === 0) continue;
    if (symbolOf(read) !== symbols[matched]) return undefined;
    matched++;
    end = at;
  }
  return matched >= enough ? end : undefined;
}

function rangeOf(text: string, start: number, end: number, { kind, inBase64 }: Folded): Match {
  if (!inBase64) return { start, end, kind };
  const before = start > 0 && isBase64(text.charCodeAt(start - 1)) ? start - 1 : start;
  return { start: before, end: isBase64(text.charCodeAt(end)) ? end + 1 : end, kind };
}

/** A letter, a digit, or one of `+/-_`. */
function isBase64(code: number): boolean {
  return asciiSymbol(code) !== 0 || code === 43 || code === 45 || code === 47 || code === 95;
}

function findLiteral(text: string, { text: wanted, kind }: Literal, keep: (match: Match) => void): void {
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
    keep({ start: at, end: at + wanted.length, kind });
  }
}
