import { expect } from "bun:test";

/** How often each size is measured; the quickest round counts, for other processes only ever add to it. */
const rounds = 4;

/** What the smaller input takes at least, in milliseconds: below that the collector and the compiler are measured. */
const floorMs = 2;

/**
 * Holds that a call's cost grows no faster than its input: ten times as much may cost at most `factor` times as much.
 * `make` gives an input of a size, and is not measured.
 * It measures by comparison, so that a slow or busy machine does not matter.
 */
export async function expectLinear<Input>(
  make: (size: number) => Input,
  run: (input: Input) => unknown,
  { small = 100_000, factor = 12 }: { readonly small?: number; readonly factor?: number } = {},
): Promise<void> {
  const [few, many] = [make(small), make(10 * small)];
  let ratio = Number.POSITIVE_INFINITY;
  // A machine that is busy in all rounds of one size gets another chance; a cost that grows faster fails each time.
  for (let attempt = 0; attempt < 12 && ratio > factor; attempt++) {
    const best = { small: Number.POSITIVE_INFINITY, large: Number.POSITIVE_INFINITY };
    for (let round = 0; round < rounds; round++) {
      best.small = Math.min(best.small, await time(() => run(few)));
      best.large = Math.min(best.large, await time(() => run(many)));
    }
    ratio = best.large / Math.max(best.small, floorMs);
  }
  expect(ratio).toBeLessThanOrEqual(factor);
}

async function time(run: () => unknown): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}
