import { distance } from "fastest-levenshtein";
import type { ApiPath } from "../proxmox/path.ts";

/** What a segment costs that is too many, or that is missing, against 1 for a wholly different one. */
const [surplus, missing] = [0.9, 0.5];

/** The longest path that is compared, in segments, and the longest segment, in characters; no endpoint is near a longer one. */
const [maxSegments, maxCharacters] = [20, 64];

/** The templates that a path comes nearest to, best first; none that share less than half of it. */
export function nearestTemplates(given: ApiPath, templates: readonly string[], limit: number): readonly string[] {
  if (given.length > maxSegments) return [];
  const path = given.map((segment) => segment.slice(0, maxCharacters));
  return templates
    .map((template) => ({ template, far: farness(path, template.split("/").slice(1)) }))
    .filter(({ far }) => far <= path.length / 2)
    .sort((a, b) => a.far - b.far)
    .slice(0, limit)
    .map(({ template }) => template);
}

/** The edit distance between two paths, in segments. */
function farness(path: ApiPath, template: readonly string[]): number {
  let row = Array.from({ length: template.length + 1 }, (_, at) => at * missing);
  for (const [index, segment] of path.entries()) {
    const next = [(index + 1) * surplus];
    for (const [at, other] of template.entries()) {
      const replaced = (row[at] ?? 0) + difference(segment, other);
      next.push(Math.min(replaced, (row[at + 1] ?? 0) + surplus, (next[at] ?? 0) + missing));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

/** From 0, the same, to 1. A value may stand for a variable, yet an equal word is nearer. */
function difference(segment: string, other: string): number {
  if (segment === other) return 0;
  if (other.startsWith("{")) return segment.startsWith("{") || /\d/.test(segment) ? 0.05 : 0.15;
  const letters = distance(segment.toLowerCase(), other.toLowerCase());
  return Math.min(1, (1.5 * letters) / Math.max(segment.length, other.length));
}
