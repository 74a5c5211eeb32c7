import { stableRows } from "../../proxmox/stable-order.ts";
import { resultOf, type TaskResult } from "../../proxmox/tasks/task.ts";
import { parseUpid } from "../../proxmox/tasks/upid.ts";
import { failureText } from "../failure.ts";
import { rowsOf } from "../output/rows.ts";
import type { ToolContext } from "../tool.ts";
import type { TaskHandle } from "./task-handle.ts";

/** A task of a list. */
export interface ListedTask extends TaskHandle {
  /** `undefined` while it runs. */
  readonly end: { readonly time: number; readonly exitstatus: string; readonly result: TaskResult } | undefined;
}

/** Which tasks are wanted. What is `undefined` excludes none. */
export interface Wanted {
  readonly status: "all" | "running" | "failed";
  readonly vmid: string | undefined;
  readonly node: string | undefined;
  /** A part of the user or token, in whatever letters. */
  readonly user: string | undefined;
  readonly type: string | undefined;
  /** In seconds since 1970. */
  readonly since: number | undefined;
  /** How many of each list. */
  readonly limit: number;
}

/** Tasks of one cluster. */
export interface TaskPage {
  readonly tasks: readonly ListedTask[];
  /** How many there are in all. */
  readonly total: number;
  /** The cluster's clock. */
  readonly now: Date;
  /** The cluster's nodes, where they were asked for. */
  readonly nodes: readonly string[];
  /** A line for each node that was not looked at. */
  readonly missing: readonly string[];
}

/** Proxmox supports clusters of some 32 nodes; an answer that claims many more is not followed. */
const maxNodes = 64;

/** A frozen node holds its list back for 30 s; the other nodes' must not wait for it. In milliseconds. */
const listMs = 8000;

interface TaskRow {
  readonly upid: string;
  readonly endtime?: unknown;
  readonly status?: unknown;
}

/** The running tasks of a cluster and the last ones that ended on each node, some 25: one request. */
export async function recentTasks(cluster: string, wanted: Wanted, context: ToolContext): Promise<TaskPage> {
  const { proxmox, signal } = context;
  const answer = await proxmox.request(cluster, { method: "GET", path: ["cluster", "tasks"], signal });
  const tasks = rowsOf<TaskRow>(answer, "upid").flatMap((row) => readRow(answer.cluster, row) ?? []);
  const found = tasks.filter((task) => isWanted(task, wanted));
  return { tasks: found, total: found.length, now: answer.date ?? new Date(), nodes: [], missing: [] };
}

/** The tasks in the logs of a cluster's nodes, as far back as they are kept: a request to each node. */
export async function loggedTasks(cluster: string, wanted: Wanted, context: ToolContext): Promise<TaskPage> {
  const { proxmox, signal } = context;
  const answer = await proxmox.request(cluster, { method: "GET", path: ["nodes"], signal });
  const nodes = stableRows(rowsOf<{ readonly node: string; readonly status?: string }>(answer, "node"));
  const asked = nodes.filter(({ node }) => wanted.node === undefined || node === wanted.node);
  const beyond = asked.length - maxNodes;
  const lists = await Promise.all(
    asked
      .slice(0, maxNodes)
      .map(async ({ node, status }) =>
        status === "offline"
          ? { ...none, missing: `${node} of ${answer.cluster} is offline: its tasks were not looked at.` }
          : await tasksOf(answer.cluster, node, wanted, context),
      ),
  );
  return {
    tasks: lists.flatMap(({ tasks }) => tasks),
    total: lists.reduce((sum, { total }) => sum + total, 0),
    now: answer.date ?? new Date(),
    nodes: nodes.map(({ node }) => node),
    missing: [
      ...lists.flatMap(({ missing }) => missing ?? []),
      ...(beyond > 0 ? [`${answer.cluster} lists ${beyond} more nodes: their tasks were not looked at.`] : []),
    ],
  };
}

const none = { tasks: [], total: 0 };

interface NodePage {
  readonly tasks: readonly ListedTask[];
  readonly total: number;
  readonly missing?: string;
}

/** A node that does not give its list does not affect those of the others. */
async function tasksOf(cluster: string, node: string, wanted: Wanted, context: ToolContext): Promise<NodePage> {
  const { status, vmid, user, type, since, limit } = wanted;
  const params = {
    source: { all: "all", running: "active", failed: "archive" }[status],
    limit,
    // Proxmox's `errors` would count warnings, too.
    ...(status === "failed" && { statusfilter: "error,unknown" }),
    ...(vmid !== undefined && { vmid }),
    ...(user !== undefined && { userfilter: user }),
    ...(type !== undefined && { typefilter: type }),
    ...(since !== undefined && { since }),
  };
  try {
    const path = ["nodes", node, "tasks"];
    const within = { signal: context.signal, timeoutMs: listMs };
    const answer = await context.proxmox.request(cluster, { method: "GET", path, params, ...within });
    const tasks = rowsOf<TaskRow>(answer, "upid").flatMap((row) => readRow(cluster, row) ?? []);
    return { tasks, total: Math.max(answer.total ?? 0, tasks.length) };
  } catch (error) {
    const reason = failureText(error);
    if (reason === undefined || context.signal.aborted) throw error;
    return { ...none, missing: `No tasks from ${node} of ${cluster}: ${reason}` };
  }
}

/** Running tasks have no `endtime` in either list, and `status` is missing in one and `RUNNING` in the other. */
function readRow(cluster: string, { upid, endtime, status }: TaskRow): ListedTask | undefined {
  const task = parseUpid(upid);
  if (task === undefined) return undefined;
  const time = Number(endtime ?? Number.NaN);
  const exitstatus = typeof status === "string" ? status : "unexpected status";
  const end = Number.isFinite(time) ? { time, exitstatus, result: resultOf(exitstatus) } : undefined;
  return { ...task, upid, cluster, end };
}

function isWanted(task: ListedTask, { status, vmid, node, user, type, since }: Wanted): boolean {
  return (
    (status === "all" || (status === "running" ? task.end === undefined : task.end?.result === "failed")) &&
    (vmid === undefined || task.id === vmid) &&
    (node === undefined || task.node === node) &&
    (user === undefined || task.user.toLowerCase().includes(user.toLowerCase())) &&
    (type === undefined || task.type === type) &&
    (since === undefined || task.starttime >= since)
  );
}
