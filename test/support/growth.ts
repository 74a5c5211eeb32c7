import { expect } from "bun:test";

/** How often each size is measured; the cheapest round counts, for collector and compiler only ever add to it. */
const rounds = 4;

/** What the smaller input costs at least, in milliseconds: below that the collector and the compiler are measured. */
const floorMs = 2;

interface Growth {
  /** The smaller size; the larger one is ten times as much. */
  readonly small?: number;
  /** How many times as much the larger size may cost at most. */
  readonly factor?: number;
  /** What an input of no size costs, in milliseconds of CPU time: the least that the smaller size costs. */
  readonly baseMs?: number;
}

/**
 * Holds that a call's cost grows no faster than its input: ten times as much may cost at most `factor` times as much.
 * `make` gives an input of a size, and is not measured.
 * The cost is CPU time, and it is compared with that of the same call, so that a slow or busy machine does not matter.
 */
export async function expectLinear<Input>(
  make: (size: number) => Input,
  run: (input: Input) => unknown,
  growth: Growth = {},
): Promise<void> {
  const { factor = 12 } = growth;
  expect(await growthOf(make, run, growth)).toBeLessThanOrEqual(factor);
}

/** How many times as much ten times as large an input costs; no more than `factor` where one round already shows that. */
export async function growthOf<Input>(
  make: (size: number) => Input,
  run: (input: Input) => unknown,
  { small = 100_000, factor = 12, baseMs = 0 }: Growth = {},
): Promise<number> {
  const many = make(10 * small);
  const least = Math.max(baseMs, floorMs);
  const once = (await cpuMs(() => run(many))) / least;
  if (once <= factor) return once;
  const few = make(small);
  let ratio = Number.POSITIVE_INFINITY;
  // Whatever disturbs all rounds of one size gets another chance; what grows with the square is clear at once.
  for (let attempt = 0; attempt < 12 && ratio > factor && (attempt === 0 || ratio < 3 * factor); attempt++) {
    const best = { small: Number.POSITIVE_INFINITY, large: Number.POSITIVE_INFINITY };
    for (let round = 0; round < rounds; round++) {
      best.small = Math.min(best.small, await cpuMs(() => run(few)));
      best.large = Math.min(best.large, await cpuMs(() => run(many)));
    }
    ratio = best.large / Math.max(best.small, least);
  }
  return ratio;
}

/** The CPU time that a call costs this process, in milliseconds. */
async function cpuMs(run: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** What a call costs in the cheapest of several rounds, in milliseconds of CPU time. */
export async function cheapestMs(run: () => unknown): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 2 * rounds; round++) least = Math.min(least, await cpuMs(run));
  return least;
}

/** Texts that made something take quadratic time, or could; each of about a size, in characters. */
export const hostileTexts: readonly (readonly [name: string, make: (size: number) => string])[] = [
  ["one letter", (size) => "a".repeat(size)],
  ["digits before a letter", (size) => `${"1".repeat(size)}x`],
  ["spaces before a letter", (size) => `${" ".repeat(size)}x`],
  ["line ends", (size) => "\n".repeat(size)],
  ["commas", (size) => ",".repeat(size)],
  ["equal signs", (size) => "=".repeat(size)],
  ["parts", (size) => "a=b,".repeat(size / 4)],
  ["braces", (size) => "{".repeat(size)],
  ["slashes", (size) => "a/".repeat(size / 2)],
  ["colons", (size) => "a:".repeat(size / 2)],
  ["dots", (size) => "a.".repeat(size / 2)],
  ["stars", (size) => "a*".repeat(size / 2)],
  ["quotes", (size) => '"\\'.repeat(size / 2)],
  ["words", (size) => "hard take bring reset drop ".repeat(size / 27)],
  ["sentences", (size) => "Ab. ".repeat(size / 4)],
  ["surrogates", (size) => "\u{1f600}\u{1f600}\u{1f600}\ud800".repeat(size / 7)],
];
