import { nearest } from "../../config/nearest.ts";

/** Longer words are no slip of the pen, and comparing them takes time. */
const longest = 64;

/** The candidate that somebody most likely meant by `word`, if there is one and it is another word. */
export function near(word: string, candidates: readonly string[]): string | undefined {
  const found = word.length > longest ? undefined : nearest(word, candidates);
  return found === word ? undefined : found;
}
