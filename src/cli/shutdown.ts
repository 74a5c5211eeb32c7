import { constants } from "node:os";
import type { RunningCalls } from "../mcp/running-calls.ts";
import { within } from "../within.ts";

/** Why calls end with the server, for their callers and the audit. */
export const stopped = "the server stopped";

/** The signals that end a server. */
const signals = ["SIGINT", "SIGTERM"] as const;

/** The signals that this process gets. */
export interface StopSignals {
  /** The first of them. */
  readonly first: Promise<NodeJS.Signals>;
  /** The second of them: whoever sends it does not want to wait. */
  readonly second: Promise<NodeJS.Signals>;
}

/** Listens for SIGINT and SIGTERM, which from now on do not end the process by themselves. */
export function stopSignals(): StopSignals {
  const first = Promise.withResolvers<NodeJS.Signals>();
  const second = Promise.withResolvers<NodeJS.Signals>();
  let count = 0;
  for (const signal of signals) {
    process.on(signal, () => {
      count += 1;
      if (count === 1) first.resolve(signal);
      else second.resolve(signal);
    });
  }
  return { first: first.promise, second: second.promise };
}

/** How long a shutdown waits, in milliseconds. */
export interface DrainTimes {
  /** For running calls to finish. */
  readonly finishMs: number;
  /** For calls that did not finish to write down and answer that they were ended. */
  readonly endMs: number;
}

/**
 * Lets running calls finish, and ends those that take too long. Waits for tasks end at once, with the task's handle.
 * @param hurry ends the waiting, with the exit code of the process.
 * @param gone ends the time to finish early: nobody is there any more to be answered.
 * @returns that exit code; 0 when nothing hurried it.
 */
export async function drain(
  calls: Pick<RunningCalls, "stop" | "cancel" | "settled">,
  { finishMs, endMs }: DrainTimes,
  hurry: Promise<NodeJS.Signals>,
  gone: Promise<void> = hurry.then(() => undefined),
): Promise<number> {
  let code = 0;
  const hurried = hurry.then((signal) => {
    code = 128 + constants.signals[signal];
  });
  calls.stop();
  await within(finishMs, Promise.race([calls.settled(), hurried, gone]));
  calls.cancel(() => stopped);
  await within(code === 0 ? endMs : Math.min(endMs, hurriedMs), calls.settled());
  return code;
}

/** How long calls have to write down that they were ended when a second signal came, in milliseconds. */
const hurriedMs = 100;
