import { z } from "zod";
import { askClusters } from "./ask-clusters.ts";
import { ToolFailure } from "./failure.ts";
import { findGuests, guestArgument } from "./find-guest.ts";
import { type Cell, table } from "./table.ts";
import { formatHandle } from "./task-handle.ts";
import { type ListedTask, loggedTasks, recentTasks, type TaskPage, type Wanted } from "./task-lists.ts";
import { defineTool, readOnly, type ToolContext } from "./tool.ts";
import { duration } from "./units.ts";

/** Reasons of failures are read whole in `wait_for_task`. */
const longestStatus = 120;

/** `list_tasks`: tasks over one cluster or all. */
export const listTasks = defineTool({
  name: "list_tasks",
  title: "List tasks",
  description:
    "Lists tasks over one cluster or all, running ones first, then the newest. Without guest, node, user, type and since: what ended lately. wait_for_task shows one's log.",
  cluster: "any",
  input: {
    status: z.enum(["all", "running", "failed"]).default("all"),
    guest: guestArgument.optional().describe("VMID or name"),
    node: z.string().optional(),
    user: z.string().optional(),
    type: z.string().optional().describe("vzdump, qmstart, qmigrate, ..."),
    since: z.string().transform(readSince).optional().describe("2h, 3d, or an ISO date"),
    limit: z.int().min(1).max(200).default(30),
  },
  annotations: readOnly,
  async run({ cluster, guest, limit, ...filters }, context) {
    const { status, node, user, type, since } = filters;
    const vmids = guest === undefined ? undefined : await vmidsOf(guest, cluster, context);
    const isNarrow = [guest, node, user, type, since].some((filter) => filter !== undefined);
    // All that runs stands in the cluster's own list.
    const read = isNarrow && status !== "running" ? loggedTasks : recentTasks;
    const { answers, missing } = await askClusters(context, cluster, async (name) => {
      const vmid = vmids?.on(name);
      if (vmids !== undefined && vmid === undefined) return undefined;
      const wanted: Wanted = { status, vmid, node, user, type, since, limit };
      return await read(name, wanted, context);
    });
    const pages = answers.flatMap(({ value }) => value ?? []);
    const notes = [...missing, ...pages.flatMap((page) => page.missing), ...(vmids?.missing ?? [])];
    if (read === recentTasks && status !== "running") notes.push(`Looked at ${recentOnly}.`);
    if (guest !== undefined && type === undefined && read === loggedTasks) notes.push(backupJobs);
    return [...listed(pages, limit), ...notes].join("\n");
  },
});

const recentOnly =
  "each node's last tasks only, some 25; since, guest, node, user or type look into the whole logs of the nodes";
const backupJobs = "A backup job of several guests is listed under none of them: see type vzdump without guest.";

/** Which VMID a guest's tasks have on each cluster. Digits are one, even of a guest that is gone. */
async function vmidsOf(guest: string, cluster: string | undefined, context: ToolContext) {
  if (/^\d+$/.test(guest)) return { on: () => guest, missing: [] };
  const { places, open, unknown } = await findGuests(guest, cluster, context);
  if (places.length === 0) throw new ToolFailure([...open, ...unknown].join("\n"));
  return { on: (name: string) => places.find((place) => place.cluster === name)?.vmid, missing: open };
}

function listed(pages: readonly TaskPage[], limit: number): string[] {
  const tasks = pages.flatMap((page) => page.tasks.map((task) => ({ task, now: page.now })));
  const total = pages.reduce((sum, page) => sum + page.total, 0);
  const where = pages.length === 1 ? "1 cluster" : `${pages.length} clusters`;
  if (tasks.length === 0) return [`No such tasks on ${where}.`];
  const shown = tasks.sort((a, b) => order(a.task, b.task)).slice(0, limit);
  const count =
    total > shown.length ? `First ${shown.length} of ${total} tasks` : `${total} task${total === 1 ? "" : "s"}`;
  const states = Object.entries(Object.groupBy(shown, ({ task }) => task.end?.result ?? "running"));
  const summary = states.map(([state, of]) => `${of?.length} ${state === "warnings" ? "with warnings" : state}`);
  const header = ["status", "type", "id", "node", "user", "started", "took", "task"];
  const rows = shown.map(({ task, now }) => cells(task, now));
  return [`${count} on ${where}: ${summary.join(", ")}.`, table(header, rows)];
}

function order(a: ListedTask, b: ListedTask): number {
  return Number(a.end !== undefined) - Number(b.end !== undefined) || b.starttime - a.starttime;
}

function cells(task: ListedTask, now: Date): Cell[] {
  const { end, type, id, node, user, starttime } = task;
  const seconds = now.getTime() / 1000;
  const took = end === undefined ? `${duration(seconds - starttime)} so far` : duration(end.time - starttime);
  const status = end?.exitstatus ?? "running";
  const short = status.length > longestStatus ? `${status.slice(0, longestStatus).toWellFormed()}...` : status;
  const started = `${duration(seconds - starttime)} ago (${new Date(starttime * 1000).toISOString().slice(0, 16)}Z)`;
  return [short, type, id, node, user, started, took, formatHandle(task)];
}

const units: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400, w: 604_800 };

/** A moment in seconds since 1970, written as how long ago it is, or as a date. */
function readSince(text: string, context: z.RefinementCtx): number {
  const [, count, unit = ""] = /^(\d{1,6})\s*([mhdw])$/.exec(text.trim()) ?? [];
  if (count !== undefined) return Math.floor(Date.now() / 1000) - Number(count) * (units[unit] ?? 0);
  const date = /^\d{4}-\d{2}-\d{2}/.test(text.trim()) ? Date.parse(text.trim()) : Number.NaN;
  if (!Number.isNaN(date)) return Math.floor(date / 1000);
  context.addIssue({
    code: "custom",
    message: "write 30m, 2h, 3d, 1w, or a date such as 2026-11-22 or 2026-11-22T08:00Z",
  });
  return z.NEVER;
}
