import { constants } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
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
  /** The second of them: its sender does not want to wait. */
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
  /** For calls that did not finish to record and answer that they were ended. */
  readonly endMs: number;
}

/**
 * Lets running calls finish, and ends those that take too long. Waits for tasks end at once, with the task's handle.
 * @param hurry ends both waits, at any time; its signal decides the exit code.
 * @param gone ends the time to finish early: the client left, so no answer reaches it.
 * @returns the exit code of the process; 0 unless it was hurried.
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
  await within(endMs, Promise.race([calls.settled(), hurried.then(() => sleep(hurriedMs))]));
  return code;
}

/** How long calls may take to record that they were ended once a second signal came, in milliseconds. */
const hurriedMs = 100;
