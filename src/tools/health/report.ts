import { plainLine } from "../../plain.ts";
import { fittingLines, mostCharacters } from "../room.ts";
import { table } from "../table.ts";
import { type Finding, urgencies } from "./finding.ts";
import { counted, duration } from "./wording.ts";

/** A finding, where it is, and for how long it has been so. */
export interface Placed extends Finding {
  readonly cluster: string;
  /** Seconds. */
  readonly age?: number | undefined;
}

/** More than this no human acts on at once; what is least urgent is left out. */
const mostRows = 80;

/** Longer no cell is, in characters: names and versions come from the cluster. */
const longestCell = 800;

/** Nor what was not looked at on one cluster, and on all of them together. */
const longestGap = 4000;
const mostGaps = 12_000;

/** Above and below the rows, in characters: what was seen, and how many rows are left out. */
const mostFrame = 2000;

/**
 * The whole answer. `seen` says what was looked at (`2 clusters, 3 nodes, 16 guests`), `gaps` what was not, a line each, also
 * where a node's or storage's name would break it.
 */
export function report(findings: readonly Placed[], seen: string, missed: readonly string[]): string {
  const longest = Math.min(longestGap, Math.floor(mostGaps / missed.length));
  const gaps = missed.map((gap) => cut(plainLine(gap), longest));
  if (findings.length === 0) {
    const head = gaps.length === 0 ? "All well" : "Nothing found, as far as could be looked";
    return [`${head}: ${seen}.`, ...gaps].join("\n");
  }
  const sorted = urgencies.flatMap((urgency) => findings.filter((finding) => finding.urgency === urgency));
  const counts = urgencies.map((urgency) => ({
    urgency,
    count: findings.filter((finding) => finding.urgency === urgency).length,
  }));
  const shown = counts.filter(({ count }) => count > 0).map(({ urgency, count }) => `${count} ${urgency}`);
  const rows = sorted.slice(0, mostRows).map(({ urgency, cluster, object, what, age, next }) => {
    const ago = age === undefined ? "" : `${duration(age)} ago`;
    return [urgency, cluster, ...[object, what, ago, next].map((text) => cut(text, longestCell))];
  });
  const lines = table(["urgency", "cluster", "object", "what is wrong", "since", "next step"], rows).split("\n");
  const fitting = lines.slice(0, fittingLines(lines, mostCharacters - mostFrame - gaps.join("\n").length));
  const left = sorted.length - (fitting.length - 1);
  return [
    `${counted(findings.length, "finding")} (${shown.join(", ")}) on ${cut(seen, longestCell)}.`,
    ...fitting,
    ...(left > 0 ? [`And ${left} more of the least urgent.`] : []),
    ...gaps,
  ].join("\n");
}

function cut(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest)}...` : text;
}
