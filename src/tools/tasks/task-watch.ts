import { Cancellation } from "../../proxmox/cancellation.ts";
import { decisiveLines, explainTask, readLog } from "../../proxmox/tasks/task.ts";
import { type WaitOutcome, waitForTask } from "../../proxmox/tasks/wait-for-task.ts";
import { plainLine } from "../../sanitize.ts";
import { failureText, ToolFailure } from "../failure.ts";
import { duration } from "../output/units.ts";
import type { ToolContext } from "../tool.ts";
import { formatHandle, senderOf, type TaskHandle } from "./task-handle.ts";

/** What became of a task while it was waited for. */
export interface TaskNews {
  /** `running`: not ended, as far as is known; `vanished`: it ended with an unknown outcome. */
  readonly outcome: "ok" | "warnings" | "failed" | "running" | "vanished";
  /** Proxmox's words for how it ended. */
  readonly exitstatus?: string;
  /** How it stands, the log's lines that matter, what to do next, the handle. */
  readonly text: string;
}

/** How a task is watched. */
export interface Watch {
  readonly timeoutMs: number;
  /** How many of the log's last lines are shown when all went well. */
  readonly tail: number;
}

/**
 * How long a tool waits for a task that it started, in milliseconds: most tasks of guests end within it, and no
 * client takes the call for lost.
 */
const momentMs = 7000;

/** How far back a log is searched for the reason of a failure, in lines: a backup of many guests goes on after it. */
const searchedLines = 500;

/** How long a part of a log may take, in milliseconds: behind a wait of 45 s, clients give up after 60. */
const logMs = 4000;

/** The longest line of a log that is shown whole, in characters. */
const maxLineLength = 300;

/**
 * Waits for a task, telling the client how it gets on, and words what became of it.
 * @throws {ProxmoxError} or what the policy says, when its state may not be read; an AbortError, or the signal's reason, when it is aborted.
 */
export async function watchTask(
  handle: TaskHandle,
  context: ToolContext,
  { timeoutMs, tail }: Watch,
): Promise<TaskNews> {
  const { signal, stopping, progress } = context;
  const onLine = progress && ((line: string) => progress(line === "" ? `${titleOf(handle)} is running` : line));
  const waited = await waitForTask(senderOf(context, handle), handle, { signal, stopping, timeoutMs, onLine });
  if (waited.running === "vanished") return vanished(handle);
  if (waited.running && stopping?.aborted === true) return cutShort(handle, "the server is stopping");
  // A node that does not tell a task's state does not tell its log either.
  if (waited.running) return stillRunning(handle, waited, await lastLines(handle, context, waited.trouble ? 0 : 1));
  const { result } = waited;
  return ended(handle, waited, await lastLines(handle, context, result === "ok" ? tail : searchedLines));
}

/**
 * Waits a moment for a task that was just started. That it was started is never lost: what keeps its state from being
 * read is part of the text.
 */
export async function watchStarted(handle: TaskHandle, context: ToolContext): Promise<TaskNews> {
  try {
    return await watchTask(handle, context, { timeoutMs: momentMs, tail: 0 });
  } catch (error) {
    const { aborted, reason: cause } = context.signal;
    if (aborted && cause instanceof Cancellation) return cutShort(handle, cause.message);
    const reason = failureText(error);
    if (reason === undefined || aborted) throw error;
    const text = `${titleOf(handle)} was started; how it gets on cannot be read: ${reason}\n${named(handle)}`;
    return { outcome: "running", text };
  }
}

/**
 * The text of a task that did not fail.
 * @throws {ToolFailure} with the text of one that failed or whose outcome is unknown.
 */
export function textUnlessFailed({ outcome, text }: TaskNews): string {
  if (outcome === "failed" || outcome === "vanished") throw new ToolFailure(text);
  return text;
}

function ended(
  handle: TaskHandle,
  { result, exitstatus, seenRunning, date }: Extract<WaitOutcome, { running: false }>,
  log: readonly string[],
): TaskNews {
  const age = ageOf(handle, date);
  const when =
    seenRunning || age < 60 ? ` within ${duration(Math.max(1, age))}` : ` (it was started ${duration(age)} ago)`;
  const news = (head: string, ...lines: readonly string[]): TaskNews => ({
    outcome: result,
    exitstatus,
    text: [head, ...lines, named(handle)].join("\n"),
  });
  if (result === "ok") return news(`${titleOf(handle)} ended OK${when}.`, ...log);
  const reason = plainLine(exitstatus);
  const decisive = decisiveLines(log).filter((line) => line !== shortened(`TASK ERROR: ${reason}`));
  if (result === "warnings") return news(`${titleOf(handle)} ended with ${reason}${when}.`, ...decisive);
  const { what, hint } = explainTask(handle, exitstatus);
  const meaning = [what && `${what.charAt(0).toUpperCase()}${what.slice(1)}.`, hint].filter(Boolean).join(" ");
  const lines = [...(decisive.length === 0 ? [] : ["Its log:", ...decisive]), ...(meaning === "" ? [] : [meaning])];
  return news(`${titleOf(handle)} failed${when}: ${reason}`, ...lines);
}

function stillRunning(
  handle: TaskHandle,
  { date, trouble }: Extract<WaitOutcome, { running: true }>,
  [last]: readonly string[],
): TaskNews {
  const state =
    trouble === undefined
      ? `${titleOf(handle)} is still running, ${duration(ageOf(handle, date))} after its start.`
      : `Whether ${titleOf(handle)} still runs cannot be read just now: ${trouble.describe()}`;
  const next = `It goes on by itself; wait_for_task waits for its end.`;
  const line = last === undefined ? [] : [`Its log ends in: ${last}`];
  return { outcome: "running", text: [state, ...line, next, named(handle)].join("\n") };
}

/** A wait that ended before its time; `why` is a clause. */
function cutShort(handle: TaskHandle, why: string): TaskNews {
  const text = `${titleOf(handle)} goes on by itself; the wait for it ended early, because ${why}. wait_for_task waits for its end later.`;
  return { outcome: "running", text: `${text}\n${named(handle)}` };
}

function vanished(handle: TaskHandle): TaskNews {
  const text = `${titleOf(handle)} ran a moment ago, and now ${handle.node} knows no such task, so its outcome is unknown. Check its target before starting it again.`;
  return { outcome: "vanished", text: `${text}\n${named(handle)}` };
}

/** `qmstart of 100 on pve1 (prod)`. */
function titleOf({ type, id, node, cluster }: TaskHandle): string {
  return `${type}${id === "" ? "" : ` of ${id}`} on ${node} (${cluster})`;
}

function named(handle: TaskHandle): string {
  return `Task: ${formatHandle(handle)}`;
}

/** In seconds, by the node's clock where it is known. */
function ageOf({ starttime }: TaskHandle, now = new Date()): number {
  return Math.max(0, now.getTime() / 1000 - starttime);
}

/** The log's end without Proxmox's last word. A log that cannot be read leaves its task's outcome as it is. */
async function lastLines(handle: TaskHandle, context: ToolContext, last: number): Promise<readonly string[]> {
  if (last === 0) return [];
  try {
    const within = { signal: context.signal, timeoutMs: logMs };
    const { lines } = await readLog(senderOf(context, handle), handle, last, within);
    return lines.filter((line) => line !== "TASK OK").map(shortened);
  } catch (error) {
    if (failureText(error) === undefined || context.signal.aborted) throw error;
    return [];
  }
}

function shortened(text: string): string {
  const line = plainLine(text);
  return line.length > maxLineLength ? `${line.slice(0, maxLineLength).toWellFormed()}...` : line;
}
