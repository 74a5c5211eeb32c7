import { distance } from "fastest-levenshtein";

/**
 * The candidate that somebody most likely meant by `word`; `undefined` when none is near: more than a third
 * of its letters would have to change. Letter case, `-`, `_`, `.` and spaces count for nothing.
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[-_. ]/g, "");
  const [best] = candidates
    .map((candidate) => ({ candidate, far: distance(plain(word), plain(candidate)) }))
    .sort((a, b) => a.far - b.far);
  return best !== undefined && best.far <= Math.max(1, best.candidate.length / 3) ? best.candidate : undefined;
}
