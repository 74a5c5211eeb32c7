import { readdirSync, readFileSync } from "node:fs";

/** What a process holds at a moment. Linux only. */
export interface Sample {
  /** Seconds since the first sample. */
  readonly seconds: number;
  /** Resident memory, in MiB. */
  readonly resident: number;
  /** The anonymous part of it, in MiB: what the process allocated. */
  readonly anonymous: number;
  readonly descriptors: number;
  readonly threads: number;
}

/** Looks at a process. */
export function sampleOf(pid: number, seconds: number): Sample {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const number = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(status)?.[1]);
  return {
    seconds,
    resident: number("VmRSS") / 1024,
    anonymous: number("RssAnon") / 1024,
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: number("Threads"),
  };
}

/** The middle of some numbers, of which there is one at least. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

/**
 * The slope of a line through points, per unit of x: the median of the slopes of all pairs (Theil-Sen), which garbage
 * collections and single peaks do not move.
 */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const slopes = points.flatMap(([x, y], index) =>
    points.slice(index + 1).flatMap(([x2, y2]) => (x2 === x ? [] : [(y2 - y) / (x2 - x)])),
  );
  return median(slopes);
}
