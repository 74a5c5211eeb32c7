import { plainLine } from "../../sanitize.ts";
import { fittingLines, maxCharacters } from "../output/output-budget.ts";
import { table } from "../output/table.ts";
import { type Finding, urgencies } from "./finding.ts";
import { counted, duration, listed } from "./wording.ts";

/** A finding, where it is, and for how long it has been so. */
export interface Placed extends Finding {
  readonly cluster: string;
  /** Seconds. */
  readonly age?: number | undefined;
}

/** More than this no human acts on at once. */
const maxRows = 80;

/** Longer no cell is, in characters: names and versions come from the cluster. */
const maxCellLength = 800;

/** Nor what was not looked at on one cluster, and on all of them together. */
const maxGapLength = 4000;
const maxGaps = 12_000;

/** Above and below the rows, in characters: what was seen, and how many rows are left out. */
const maxFrame = 2000;

/**
 * The whole answer. `seen` says what was looked at (`2 clusters, 3 nodes, 16 guests`), `gaps` what was not, a line each, also
 * where a node's or storage's name would break it.
 */
export function report(findings: readonly Placed[], seen: string, missed: readonly string[]): string {
  const longest = Math.min(maxGapLength, Math.floor(maxGaps / missed.length));
  const gaps = missed.map((gap) => cut(plainLine(gap), longest));
  if (findings.length === 0) {
    const head = gaps.length === 0 ? "All well" : "Nothing found, as far as could be looked";
    return [`${head}: ${seen}.`, ...gaps].join("\n");
  }
  const counts = urgencies.map((urgency) => ({
    urgency,
    count: findings.filter((finding) => finding.urgency === urgency).length,
  }));
  const shown = counts.filter(({ count }) => count > 0).map(({ urgency, count }) => `${count} ${urgency}`);
  const room = maxCharacters - maxFrame - gaps.join("\n").length;
  const ranked = urgencies.map((urgency) => findings.filter((finding) => finding.urgency === urgency));
  const all = fitted(ranked.flat(), room);
  const { lines, left } = all.left.length === 0 ? all : fitted(ranked.flatMap(dealt), room);
  return [
    `${counted(findings.length, "finding")} (${shown.join(", ")}) on ${cut(seen, maxCellLength)}.`,
    ...lines,
    ...(left.length > 0 ? [cut(`And ${left.length} more: ${whichAre(left)}.`, maxCellLength)] : []),
    ...gaps,
  ].join("\n");
}

/** The table of as many findings as there is room for, and those that are left. */
function fitted(findings: readonly Placed[], room: number): { lines: readonly string[]; left: readonly Placed[] } {
  const rows = findings.slice(0, maxRows).map(({ urgency, cluster, object, what, age, next }) => {
    const ago = age === undefined ? "" : `${duration(age)} ago`;
    return [urgency, cluster, ...[object, what, ago, next].map((text) => cut(text, maxCellLength))];
  });
  const lines = table(["urgency", "cluster", "object", "what is wrong", "since", "next step"], rows).split("\n");
  const fitting = lines.slice(0, fittingLines(lines, room));
  return { lines: fitting, left: findings.slice(fitting.length - 1) };
}

/** Each cluster's first, then each one's second, and so on: one that has many must not crowd out the others. */
function dealt(findings: readonly Placed[]): Placed[] {
  const hands = [...Map.groupBy(findings, ({ cluster }) => cluster).values()];
  const ranks = hands.flatMap((hand) => hand.map((finding, rank) => ({ finding, rank })));
  return ranks.sort((a, b) => a.rank - b.rank).map(({ finding }) => finding);
}

/** `118 now on alpha, 3 later on beta` */
function whichAre(findings: readonly Placed[]): string {
  const alike = Map.groupBy(findings, ({ urgency, cluster }) => `${urgency} on ${plainLine(cluster)}`);
  return listed([...alike].map(([where, of]) => `${of.length} ${where}`));
}

function cut(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest)}...` : text;
}
