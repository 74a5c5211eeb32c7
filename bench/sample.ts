/** One measurement of the product, and in the same breath of what it is compared with, if anything. */
export interface Sample {
  readonly ours: number;
  readonly theirs?: number;
}

/** The middle of some numbers: one slow or one lucky one does not move it. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

/** Measures some times, one after the other. */
export async function repeat(times: number, measure: () => Promise<Sample>): Promise<Sample[]> {
  const samples: Sample[] = [];
  while (samples.length < times) samples.push(await measure());
  return samples;
}
