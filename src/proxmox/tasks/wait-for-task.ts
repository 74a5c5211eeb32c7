import { setTimeout as sleep } from "node:timers/promises";
import { ProxmoxError, type ProxmoxErrorKind } from "../errors/proxmox-error.ts";
import { isUnknownTask, readLog, readTask, type Send, type TaskId, type TaskState } from "./task.ts";

/** How a task is waited for. */
export interface WaitOptions {
  /** Ends the waiting; the task goes on. */
  readonly signal: AbortSignal;
  /** Ends the waiting early, as if the time were over. */
  readonly stopping?: AbortSignal | undefined;
  /** How long is waited, in milliseconds; an answer that is under way then is given two seconds more. */
  readonly timeoutMs: number;
  /** Called at every look while the task runs, with its log's last line or an empty text; without it no log is read. */
  readonly onLine?: ((line: string) => void) | undefined;
}

/** What the waiting came to. */
export type WaitOutcome =
  | (Extract<TaskState, { running: false }> & { readonly seenRunning: boolean })
  /** The time is over. `trouble` is why its state cannot be read just now. */
  | { readonly running: true; readonly date?: Date; readonly trouble?: ProxmoxError }
  /** It ran, and now its node knows no such task. */
  | { readonly running: "vanished" };

/** Between two looks, in milliseconds; the last one over and over. Most tasks of guests take a second or two. */
const pausesMs = [150, 250, 400, 600, 1000, 1500, 2000];

/** A log that comes slowly must not hold up the look at the task's state, in milliseconds. */
const logMs = 2000;

/** What may pass while somebody waits: a node that restarts, or its API behind a proxy. */
const passing: readonly ProxmoxErrorKind[] = [
  "unreachable",
  "timeout",
  "busy",
  "not-proxmox",
  "broken-answer",
  "node-offline",
  "node-timeout",
];

/**
 * Waits until a task ends, or the time is over. A node that does not answer is asked again until then.
 * @throws {ProxmoxError} when the task was never known or may not be read; an AbortError, or the signal's reason, when it is aborted.
 */
export async function waitForTask(
  send: Send,
  task: TaskId,
  { signal: caller, stopping, timeoutMs, onLine }: WaitOptions,
): Promise<WaitOutcome> {
  const signal = stopping === undefined ? caller : AbortSignal.any([caller, stopping]);
  try {
    return await lookUntilEnd(send, task, { signal, timeoutMs, onLine });
  } catch (error) {
    if (caller.aborted || stopping?.aborted !== true) throw error;
    return { running: true };
  }
}

async function lookUntilEnd(
  send: Send,
  task: TaskId,
  { signal, timeoutMs, onLine }: WaitOptions,
): Promise<WaitOutcome> {
  const deadline = performance.now() + timeoutMs;
  let seenRunning = false;
  let lines = 0;
  for (let look = 0; ; look++) {
    const patienceMs = Math.max(2000, Math.ceil(deadline - performance.now()));
    const seen = await readState(send, task, { signal, timeoutMs: patienceMs }, seenRunning);
    if (seen.running === false) return { ...seen, seenRunning };
    if (seen.running === "vanished") return seen;
    if (!("trouble" in seen)) {
      seenRunning = true;
      if (onLine !== undefined) lines = await tell(send, task, lines, onLine, signal);
    }
    const left = deadline - performance.now();
    if (left <= 0) return seen;
    await sleep(Math.min(pausesMs[look] ?? 2000, left), undefined, { signal });
  }
}

async function readState(
  send: Send,
  task: TaskId,
  within: { readonly signal: AbortSignal; readonly timeoutMs: number },
  seenRunning: boolean,
): Promise<TaskState | Extract<WaitOutcome, { running: true | "vanished" }>> {
  try {
    return await readTask(send, task, within);
  } catch (error) {
    within.signal.throwIfAborted();
    if (seenRunning && isUnknownTask(error)) return { running: "vanished" };
    if (error instanceof ProxmoxError && passing.includes(error.kind)) return { running: true, trouble: error };
    throw error;
  }
}

/** Passes the log's last line on, and gives the log's length. A log that cannot be read, for whatever reason, holds nobody up. */
async function tell(
  send: Send,
  task: TaskId,
  known: number,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<number> {
  const log = await readLog(send, task, 1, { known, signal, timeoutMs: logMs }).catch(() => undefined);
  signal.throwIfAborted();
  onLine(log?.lines.at(-1) ?? "");
  return log?.total ?? known;
}
