import { unwatchFile, watchFile } from "node:fs";

/** How often files are looked at, in milliseconds. Looking beats events: those get lost on mounts and replaced links. */
const everyMs = 2000;

/**
 * Calls back when one of the files changed, was replaced, or came back; not when it merely went away.
 * Returns how to stop. Watching does not keep the process alive.
 */
export function onFileChange(files: readonly string[], changed: () => void): () => void {
  const stops = files.map((file) => {
    const listener = (now: { mtimeMs: number }, before: { mtimeMs: number }) => {
      if (now.mtimeMs !== 0 && now.mtimeMs !== before.mtimeMs) changed();
    };
    watchFile(file, { interval: everyMs, persistent: false }, listener);
    return () => unwatchFile(file, listener);
  });
  return () => {
    for (const stop of stops) stop();
  };
}
