import { z } from "zod";
import { didYouMean } from "../../config/wording.ts";
import { plainLine } from "../../sanitize.ts";
import { askClusters } from "../ask-clusters.ts";
import { ToolFailure } from "../failure.ts";
import { findGuests, guestArgument } from "../guests/find-guest.ts";
import { fittingLines, maxCharacters } from "../output/output-budget.ts";
import { type Cell, table } from "../output/table.ts";
import { duration } from "../output/units.ts";
import { formatHandle } from "../tasks/task-handle.ts";
import { type ListedTask, loggedTasks, recentTasks, type TaskPage, type Wanted } from "../tasks/task-lists.ts";
import { defineTool, readOnly, type ToolContext } from "../tool.ts";

const columns = ["status", "type", "id", "node", "user", "started", "took", "task"];

/** Reasons of failures are read whole in `wait_for_task`. */
const maxStatusLength = 120;

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
    node: z.string().max(64).optional(),
    user: z.string().max(200).optional(),
    type: z.string().max(64).optional().describe("vzdump, qmstart, qmigrate, ..."),
    since: z.string().max(64).transform(readSince).optional().describe("2h, 3d, or an ISO date"),
    limit: z.coerce.number().int().min(1).max(200).default(30),
  },
  annotations: readOnly,
  async run({ cluster, guest, limit, ...filters }, context) {
    const { status, node, user, type, since } = filters;
    const vmids = guest === undefined ? undefined : await vmidsOf(guest, cluster, context);
    const isNarrow = [guest, node, user, type, since].some((filter) => filter !== undefined);
    // All that runs stands in the cluster's own list; whether there is such a node does not.
    const read = isNarrow && (status !== "running" || node !== undefined) ? loggedTasks : recentTasks;
    const { answers, missing } = await askClusters(context, cluster, async (name) => {
      const vmid = vmids?.on(name);
      if (vmids !== undefined && vmid === undefined) return undefined;
      const wanted: Wanted = { status, vmid, node, user, type, since, limit };
      return await read(name, wanted, context);
    });
    const pages = answers.flatMap(({ value }) => value ?? []);
    if (node !== undefined && !pages.some(({ nodes }) => nodes.includes(node))) {
      const nodes = pages.flatMap((page) => page.nodes);
      throw new ToolFailure([unknownNode(node, nodes), ...missing].join("\n"));
    }
    const notes = [...missing, ...pages.flatMap((page) => page.missing), ...(vmids?.missing ?? [])];
    if (read === recentTasks && status !== "running") notes.push(`Looked at ${recentOnly}.`);
    if (guest !== undefined && type === undefined && read === loggedTasks) notes.push(backupJobs);
    const room = maxCharacters - notes.join("\n").length;
    return [...listed(pages, limit, room), ...notes].join("\n");
  },
});

const recentOnly =
  "each node's last tasks only, some 25; since, guest, node, user or type look into the whole logs of the nodes";
const backupJobs = "A backup job of several guests is listed under none of them: see type vzdump without guest.";

/** As Proxmox's `pve-vmid` has it. */
const isVmid = /^[1-9]\d{2,8}$/;

function unknownNode(node: string, nodes: readonly string[]): string {
  const looked = nodes.slice(0, 64).join(", ");
  return plainLine(`No node looked at is called ${JSON.stringify(node)}.${didYouMean(node, nodes)} Nodes: ${looked}.`);
}

/** Which VMID a guest's tasks have on each cluster. Digits are one, even of a guest that is gone. */
async function vmidsOf(guest: string, cluster: string | undefined, context: ToolContext) {
  if (/^\d+$/.test(guest)) {
    if (isVmid.test(guest)) return { on: () => guest, missing: [] };
    throw new ToolFailure(`guest: ${guest.slice(0, 40)} is no VMID; those are from 100 to 999999999.`);
  }
  const { places, open, unknown } = await findGuests(guest, cluster, context);
  if (places.length === 0) throw new ToolFailure([...open, ...unknown].join("\n"));
  return { on: (name: string) => places.find((place) => place.cluster === name)?.vmid, missing: open };
}

/** Above the rows, in characters: how many there are, and of what states. */
const maxSummary = 200;

/** What is filtered away is not told apart from what is not there (`PVE::API2::Tasks`). */
const ownOnly = "Without Sys.Audit a token sees its own tasks only.";

function listed(pages: readonly TaskPage[], limit: number, room: number): string[] {
  const tasks = pages.flatMap((page) => page.tasks.map((task) => ({ task, now: page.now })));
  const total = pages.reduce((sum, page) => sum + page.total, 0);
  const where = pages.length === 1 ? "1 cluster" : `${pages.length} clusters`;
  if (tasks.length === 0) return [`No such tasks on ${where}. ${ownOnly}`];
  const wanted = tasks.sort((a, b) => order(a.task, b.task)).slice(0, limit);
  const [header = "", ...lines] = table(
    columns,
    wanted.map(({ task, now }) => cells(task, now)),
  ).split("\n");
  const rows = lines.slice(0, fittingLines(lines, room - header.length - maxSummary));
  const shown = wanted.slice(0, rows.length);
  const count =
    total > shown.length ? `First ${shown.length} of ${total} tasks` : `${total} task${total === 1 ? "" : "s"}`;
  const states = Object.entries(Object.groupBy(shown, ({ task }) => task.end?.result ?? "running"));
  const summary = states.map(([state, of]) => `${of?.length} ${state === "warnings" ? "with warnings" : state}`);
  return [`${count} on ${where}: ${summary.join(", ")}.`, header, ...rows];
}

function order(a: ListedTask, b: ListedTask): number {
  return Number(a.end !== undefined) - Number(b.end !== undefined) || b.starttime - a.starttime;
}

function cells(task: ListedTask, now: Date): Cell[] {
  const { end, type, id, node, user, starttime } = task;
  const seconds = now.getTime() / 1000;
  const took = end === undefined ? `${duration(seconds - starttime)} so far` : duration(end.time - starttime);
  const status = end?.exitstatus ?? "running";
  const short = status.length > maxStatusLength ? `${status.slice(0, maxStatusLength).toWellFormed()}...` : status;
  const started = `${duration(seconds - starttime)} ago (${new Date(starttime * 1000).toISOString().slice(0, 16)}Z)`;
  return [short, type, id, node, user, started, took, formatHandle(task)];
}

const units: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400, w: 604_800 };

/** A moment in seconds since 1970, written as how long ago it is, or as a date. */
function readSince(text: string, context: z.RefinementCtx): number {
  const [, count, unit = ""] = /^(\d{1,6})\s*([mhdw])$/.exec(text.trim()) ?? [];
  if (count !== undefined) return Math.floor(Date.now() / 1000) - Number(count) * (units[unit] ?? 0);
  const [day, time = "", zone = ""] =
    /^(\d{4}-\d{2}-\d{2})(?:[T ]([\d:.]+)(Z|[+-]\d{2}:?\d{2})?)?$/i.exec(text.trim())?.slice(1) ?? [];
  // In UTC unless it says otherwise, as the answers have it; never in the time zone of this server.
  const date =
    day === undefined ? Number.NaN : Date.parse(time === "" ? day : `${day}T${time}${zone === "" ? "Z" : zone}`);
  if (!Number.isNaN(date)) return Math.floor(date / 1000);
  context.addIssue({
    code: "custom",
    message: "write 30m, 2h, 3d, 1w, or a date such as 2026-11-22 or 2026-11-22T08:00Z",
  });
  return z.NEVER;
}
