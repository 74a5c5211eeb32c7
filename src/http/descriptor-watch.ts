import { hasDescriptors } from "../descriptors.ts";

/** What is done about connections when there is no descriptor for them. */
export interface Listener {
  /** Stops taking connections, and closes idle ones. */
  pause(): void;
  /** Takes connections again. @throws when that is not possible yet. */
  resume(): void;
}

/** How often the process is looked at, in milliseconds. */
const everyMs = 250;

/** How long a pause lasts at least, in looks: it bounds the share of time that is lost to a flood of connections. */
const leastLooks = 8;

/** Descriptors that must be free before connections are taken again. */
const reserve = 16;

/**
 * Pauses a listener while the process has no file descriptor left. Bun's listener is called again and again for a
 * connection that it cannot accept, which takes a whole processor (measured with Bun 1.4.5). Returns how to stop watching;
 * watching does not keep the process alive.
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
      // Another program took the port meanwhile, perhaps for a moment; the next look tries again.
    }
  };
  const timer = setInterval(look, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
