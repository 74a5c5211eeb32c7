import { stem } from "./words.ts";

/** So many characters of one text are indexed: Proxmox's longest description has 187, its longest list of names 1,100. */
const maxText = 2000;

/** So many characters of all texts are indexed: Proxmox's have 65,000. */
const maxTexts = 500_000;

/** The longest word that is indexed: Proxmox's longest has 16. */
const maxWordLength = 32;

/** So many different words are indexed: Proxmox has 925, and each takes some 600 bytes. */
const maxWords = 10_000;

/** So many words are indexed, the same ones counted each time: Proxmox's texts have 9,200. */
const maxPlaces = 100_000;

/**
 * Bounds the memory and the time of a search index over texts of the far end: what exceeds a limit is not indexed, the
 * endpoint is still found by what was indexed before.
 */
export class IndexLimits {
  readonly #words = new Set<string>();
  #places = 0;
  #characters = 0;

  /** As much of a text as is indexed. */
  cut(text: string): string {
    const kept = text.slice(0, Math.min(maxText, maxTexts - this.#characters));
    this.#characters += kept.length;
    return kept;
  }

  /** A word as it is indexed; `undefined` for one that is not. */
  admit(word: string): string | undefined {
    if (word.length > maxWordLength || this.#places >= maxPlaces) return undefined;
    const stemmed = stem(word);
    if (!this.#words.has(stemmed) && this.#words.size >= maxWords) return undefined;
    this.#words.add(stemmed);
    this.#places += 1;
    return stemmed;
  }
}
