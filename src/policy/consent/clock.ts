/**
 * A clock in milliseconds that never goes back, for the expiry of consents: the later of the process's monotonic clock,
 * which stops while the machine is suspended (CLOCK_MONOTONIC), and the system's clock, which can be set back.
 */
export function steadyClock(): () => number {
  const started = { steady: performance.now(), wall: Date.now() };
  let latest = 0;
  return () => {
    latest = Math.max(latest, performance.now() - started.steady, Date.now() - started.wall);
    return latest;
  };
}
