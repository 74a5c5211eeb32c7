import { distance } from "fastest-levenshtein";

/** Maximum characters of words that are compared: it takes time in proportion to the product of both lengths. */
const longest = 256;

/**
 * The candidate that `word` most likely is a misspelling of; `undefined` when none is near: more than a third
 * of its letters would have to change. Letter case, `-`, `_`, `.` and spaces count for nothing.
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > longest) return undefined;
  const plain = (text: string) => text.toLowerCase().replaceAll(/[-_. ]/g, "");
  const [best] = candidates
    .filter(({ length }) => length <= longest)
    .map((candidate) => ({ candidate, far: changes(plain(word), plain(candidate)) }))
    .sort((a, b) => a.far - b.far);
  return best !== undefined && best.far <= Math.max(1, best.candidate.length / 3) ? best.candidate : undefined;
}

/** How many letters would have to change; two that are swapped, the commonest slip, count as one. */
function changes(word: string, candidate: string): number {
  const letters = (text: string) => [...text].sort().join("");
  return distance(word, candidate) - (word !== candidate && letters(word) === letters(candidate) ? 1 : 0);
}
