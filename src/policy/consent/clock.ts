/**
 * A clock in milliseconds that never goes back, for how long consents count: that of the process, and the system's where
 * that is ahead of it. The first stands still while a machine sleeps (CLOCK_MONOTONIC), the second can be set back.
 */
export function steadyClock(): () => number {
  const started = { steady: performance.now(), wall: Date.now() };
  let latest = 0;
  return () => {
    latest = Math.max(latest, performance.now() - started.steady, Date.now() - started.wall);
    return latest;
  };
}
