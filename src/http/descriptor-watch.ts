import { hasDescriptors } from "../descriptors.ts";

/** A listener that can be paused. */
export interface Listener {
  /** Stops taking connections, and closes idle ones. */
  pause(): void;
  /** Takes connections again. @throws when that is not possible yet. */
  resume(): void;
}

/** How often free descriptors are checked, in milliseconds. */
const everyMs = 250;

/** Minimum length of a pause, in checks: it limits the time spent on a flood of connections. */
const leastLooks = 8;

/** Descriptors that must be free before connections are taken again. */
const reserve = 16;

/**
 * Pauses a listener while the process has no file descriptor left. Otherwise Bun retries a connection that it cannot
 * accept in a busy loop, which uses a whole CPU core (measured with Bun 1.4.5). Returns a function that stops the checks;
 * they do not keep the process alive.
 */
export function watchDescriptors(listener: Listener): () => void {
  let pausedFor: number | undefined;
  const look = () => {
    if (pausedFor === undefined) {
      if (hasDescriptors()) return;
      listener.pause();
      pausedFor = 0;
      return;
    }
    pausedFor++;
    if (pausedFor < leastLooks || !hasDescriptors(reserve)) return;
    try {
      listener.resume();
      pausedFor = undefined;
    } catch {
      // Another program has taken the port; the next check tries again.
    }
  };
  const timer = setInterval(look, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
