import { unwatchFile, watchFile } from "node:fs";

/** Polling interval in milliseconds. Polling, since events get lost on mounts and for replaced links. */
const everyMs = 2000;

/**
 * Calls back when the content, owner or mode of a file changes, or the file is replaced or reappears, but not when it is
 * removed. Returns a function that stops watching. Watching does not keep the process alive.
 */
export function onFileChange(files: readonly string[], changed: () => void): () => void {
  const stops = files.map((file) => {
    // Not mtime: `chmod` and `chown`, which make a refused file usable, change only ctime.
    const listener = (now: { ctimeMs: number }, before: { ctimeMs: number }) => {
      if (now.ctimeMs !== 0 && now.ctimeMs !== before.ctimeMs) changed();
    };
    watchFile(file, { interval: everyMs, persistent: false }, listener);
    return () => unwatchFile(file, listener);
  });
  return () => {
    for (const stop of stops) stop();
  };
}
