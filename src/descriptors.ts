import { closeSync, openSync } from "node:fs";

/** What an operator can do about it, as a sentence. */
export const moreDescriptors =
  "Raise the limit of open files (LimitNOFILE= in the unit, `ulimit -n` in a shell, `--ulimit nofile=` of the container), or close connections.";

/** The error codes for no file descriptor left, in the process or on the machine. */
const exhausted = ["EMFILE", "ENFILE"];

/** Whether an error's code says that no file descriptor is left. */
export function isExhausted(code: string | undefined): boolean {
  return code !== undefined && exhausted.includes(code);
}

/**
 * Whether this process can open `count` more files. The runtime often hides the reason: without a descriptor its fetch
 * says ECONNREFUSED, and its resolver ESERVFAIL (measured with Bun 1.4.5).
 */
export function hasDescriptors(count = 1): boolean {
  const opened: number[] = [];
  try {
    while (opened.length < count) opened.push(openSync("/dev/null", "r"));
    return true;
  } catch (error) {
    // Any other error, such as a missing /dev/null, does not prove it.
    return !(error instanceof Error && "code" in error && isExhausted(String(error.code)));
  } finally {
    for (const descriptor of opened) closeSync(descriptor);
  }
}
