import type { ProxmoxAnswer } from "../answers/answer.ts";
import { failed, type Meaning } from "../errors/error-messages.ts";
import { ProxmoxError } from "../errors/proxmox-error.ts";
import { type ApiPath, formatPath } from "../path.ts";
import type { ProxmoxRequest } from "../request.ts";
import type { Upid } from "./upid.ts";

/** Sends a request to the cluster that a task belongs to. */
export type Send = (request: ProxmoxRequest) => Promise<Pick<ProxmoxAnswer, "data" | "total" | "date">>;

/** A task: its handle, as text and read. */
export interface TaskId extends Upid {
  readonly upid: string;
}

/** How a task that ended went: by its `exitstatus` of `OK`, `WARNINGS: n`, or anything else. */
export type TaskResult = "ok" | "warnings" | "failed";

/** What a task is at a moment; that moment by its node's clock, where the answer tells it. */
export type TaskState = { readonly date?: Date } & (
  | { readonly running: true }
  | { readonly running: false; readonly exitstatus: string; readonly result: TaskResult }
);

/** What was written to a task's log, in its own order. */
export interface TaskLog {
  readonly lines: readonly string[];
  /** How many lines there are in all. */
  readonly total: number;
}

/** Something answered about a task, and it is no task's state. The message says what. */
export class TaskError extends Error {
  override readonly name = "TaskError";
}

/**
 * Reads whether a task still runs, and how it ended.
 * @throws {TaskError} for an answer that tells neither, beside what `send` throws.
 */
export async function readTask(
  send: Send,
  task: TaskId,
  within: Pick<ProxmoxRequest, "signal" | "timeoutMs">,
): Promise<TaskState> {
  const { data, date } = await send({ method: "GET", path: pathOf(task, "status"), ...within });
  const { status, exitstatus } = (typeof data === "object" && data !== null ? data : {}) as Record<string, unknown>;
  const at = date === undefined ? {} : { date };
  if (status === "running") return { ...at, running: true };
  if (status !== "stopped") {
    throw new TaskError(`${formatPath(pathOf(task, "status"))} answers with something else than a task's state.`);
  }
  const text = typeof exitstatus === "string" ? exitstatus : "unexpected status";
  return { ...at, running: false, exitstatus: text, result: resultOf(text) };
}

/**
 * Reads the last lines of a task's log, as many as `last`. The log is counted from its beginning, so its length must be
 * known first: `known` lines of it were there earlier.
 */
export async function readLog(
  send: Send,
  task: TaskId,
  last: number,
  { known = 0, ...within }: { readonly known?: number } & Pick<ProxmoxRequest, "signal" | "timeoutMs">,
): Promise<TaskLog> {
  const read = async (start: number) => {
    const params = { start, limit: last };
    const { data, total } = await send({ method: "GET", path: pathOf(task, "log"), params, ...within });
    const lines = Array.isArray(data) ? data.flatMap(lineOf) : [];
    return { lines, total: Math.max(total ?? 0, lines.length) };
  };
  const first = await read(Math.max(0, known - last));
  if (first.total <= Math.max(known, last)) return withoutNothing(first);
  return await read(first.total - last);
}

/** What an `exitstatus` means. */
export function resultOf(exitstatus: string): TaskResult {
  if (exitstatus === "OK") return "ok";
  return /^WARNINGS: \d+$/.test(exitstatus) ? "warnings" : "failed";
}

/** What Proxmox's reason for a failed task means, read as the same words in an answer are. */
export function explainTask(task: TaskId, exitstatus: string): Meaning {
  const kind = /^(?:qm|vz)(?!dump)/.exec(task.type)?.[0] === "vz" ? "lxc" : "qemu";
  const guest = /^\d+$/.test(task.id) ? `/${kind}/${task.id}` : "";
  return failed(exitstatus, { method: "POST", path: `/nodes/${task.node}${guest}`, cluster: "" });
}

/** Whether an error says that the node knows no such task. */
export function isUnknownTask(error: unknown): boolean {
  return error instanceof ProxmoxError && error.kind === "not-found" && error.details.subject?.type === "task";
}

const telling =
  /\b(?:error|fail|warn|abort|interrupt|denied|refused|cannot|can't|unable|timed? ?out|no space|no such|not found|does not exist)/i;
const lastWord = /^TASK (?:OK|ERROR|WARNINGS)\b/;

/**
 * The lines of a failed task's log that tell why: its last `TASK ERROR: ...` with all behind it, and before it the last
 * lines that speak of trouble, or where none does the last ones.
 */
export function decisiveLines(lines: readonly string[], most = 8): readonly string[] {
  const end = lines.findLastIndex((line) => lastWord.test(line));
  const before = end < 0 ? lines : lines.slice(0, end);
  const trouble = before.filter((line) => telling.test(line));
  const why = trouble.length > 0 ? trouble.slice(-most) : before.filter((line) => line.trim() !== "").slice(-3);
  return [...why, ...(end < 0 ? [] : lines.slice(end).slice(0, most))];
}

function pathOf({ node, upid }: TaskId, what: string): ApiPath {
  return ["nodes", node, "tasks", upid, what];
}

function lineOf(row: unknown): string[] {
  const text = typeof row === "object" && row !== null ? (row as Record<string, unknown>)["t"] : undefined;
  return typeof text === "string" ? [text] : [];
}

/** Proxmox's list of an empty log's lines has one, for the sake of its web interface: `no content`. */
function withoutNothing(log: TaskLog): TaskLog {
  return log.total === 1 && log.lines[0] === "no content" ? { lines: [], total: 0 } : log;
}
