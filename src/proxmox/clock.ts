/**
 * How far a clock elsewhere is ahead of `performance.now()`, in seconds: at least `low`, at most `high`. The width is the
 * time that the reading took, plus the second that clocks with whole seconds leave open.
 */
export interface ClockOffset {
  readonly low: number;
  readonly high: number;
}

/** What two readings of one clock may differ by without a step, in seconds: slewing and rounding. */
const toleratedDrift = 1;

/**
 * The offset that a reading shows.
 * @param seconds the whole seconds that the clock showed.
 * @param sentAt when it was asked for, and `receivedAt` when the answer came, by `performance.now()`.
 */
export function offsetOf(seconds: number, sentAt: number, receivedAt: number): ClockOffset {
  return { low: seconds - receivedAt / 1000, high: seconds + 1 - sentAt / 1000 };
}

/** Whether a clock was set between two readings. */
export function hasStepped(before: ClockOffset, after: ClockOffset): boolean {
  return before.low > after.high + toleratedDrift || after.low > before.high + toleratedDrift;
}

/** The first and the last second that the clock can have shown at a moment of `performance.now()`. */
export function secondsAt({ low, high }: ClockOffset, moment: number): readonly [first: number, last: number] {
  return [Math.floor(low + moment / 1000), Math.floor(high + moment / 1000)];
}
