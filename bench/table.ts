import type { Budget } from "./budgets.ts";
import { median, type Sample } from "./sample.ts";

/** A line of the table: cells of what was measured, or why it was not. */
export type Row = readonly string[];

/** The names of the columns. */
export const header: Row = ["what", "ours", "theirs", "measured", "least to most", "budget", ""];

/** A budget and its samples, for people. The figure is taken sample by sample: what slows both for a while cancels out. */
export function row({ what, unit, figure, limit }: Budget, samples: readonly Sample[]): Row {
  const figures = samples.map(({ ours, theirs = Number.NaN }) =>
    figure === "own" ? ours : figure === "ratio" ? ours / theirs : ours - theirs,
  );
  const written = (value: number) => (figure === "ratio" ? `${number(value)} x` : `${number(value)} ${unit}`);
  const measured = median(figures);
  const within = "atMost" in limit ? measured <= limit.atMost : measured >= limit.atLeast;
  return [
    what,
    `${number(median(samples.map(({ ours }) => ours)))} ${unit}`,
    figure === "own" ? "" : `${number(median(samples.map(({ theirs = Number.NaN }) => theirs)))} ${unit}`,
    written(measured),
    samples.length === 1 ? "" : `${number(Math.min(...figures))} to ${number(Math.max(...figures))}`,
    "atMost" in limit ? `at most ${written(limit.atMost)}` : `at least ${written(limit.atLeast)}`,
    within ? "within" : "NOT WITHIN",
  ];
}

/** The line of a budget that could not be measured. */
export function failed({ what }: Budget, error: unknown): Row {
  return [what, "", "", `not measured: ${error instanceof Error ? error.message : error}`];
}

/** Rows under one another, each column as wide as its widest cell. */
export function aligned(rows: readonly Row[]): string {
  const widths = header.map((_, column) => Math.max(...rows.map((cells) => cells.at(column)?.length ?? 0)));
  const line = (cells: Row) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
  return rows.map((cells) => line(cells).trimEnd()).join("\n");
}

/** Three digits that count, and all of a large number. */
function number(value: number): string {
  const digits = { maximumSignificantDigits: 3, minimumFractionDigits: 0 };
  return value >= 1000 ? Math.round(value).toLocaleString("en") : value.toLocaleString("en", digits);
}
