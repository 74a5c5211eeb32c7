import { anyone, demand, may } from "../../access.ts";
import { del, type Endpoint, get, type SimulatedCall } from "../../endpoint.ts";
import { refused } from "../../failure.ts";
import { choice, flag, integer, optional, text } from "../../schema.ts";
import { findNode, type Node, type SimulatedCluster, seconds } from "../../state/state.ts";
import type { Script, Task } from "../../state/task.ts";

/** Starts a task on the call's node and returns its UPID. */
export function startTask(call: SimulatedCall, type: string, id: string | number, script: () => Script): string {
  return beginTask(call.world, { node: call.node, type, id: String(id), user: call.who.id }, script).upid;
}

/** How many entries the cluster log keeps. */
const maxLogEntries = 1_000;

/** Writes to the cluster log, as the process that was started last on the call's node. */
export function logMessage({ world, node, who }: SimulatedCall, msg: string): void {
  world.log.push({ time: seconds(world), node, pid: findNode(world, node).pid, user: who.id, msg });
  if (world.log.length > maxLogEntries) world.log.shift();
}

/** Starts a task without an API request. */
export function beginTask(
  world: SimulatedCluster,
  of: Pick<Task, "node" | "type" | "id" | "user">,
  script: () => Script,
): Task {
  const node = findNode(world, of.node);
  node.pid += 1 + (node.pid % 7);
  const pstart = Math.floor((world.now() - node.booted) / 10);
  const start = seconds(world);
  const hex = [node.pid, pstart, start].map((it) => it.toString(16).toUpperCase().padStart(8, "0")).join(":");
  const upid = `UPID:${of.node}:${hex}:${of.type}:${of.id}:${of.user}:`;
  const more = { upid, pid: node.pid, pstart, start, log: [], script: script(), wake: world.now() };
  const task: Task = { ...of, ...more, end: undefined, status: "" };
  world.tasks.push(task);
  step(world, task);
  return task;
}

/** Lets everything happen that was due until now, in order of time. */
export function settle(world: SimulatedCluster): void {
  const now = world.now();
  for (const node of world.nodes.values()) if (node.returns !== undefined && node.returns <= now) boot(world, node);
  for (;;) {
    const due = world.tasks.filter((it) => it.end === undefined && it.wake <= now).sort((a, b) => a.wake - b.wake)[0];
    if (due === undefined) return;
    world.moment = due.wake;
    step(world, due);
    world.moment = undefined;
  }
}

/** A node is back after its reboot, and starts the guests that are to start with it. */
function boot(world: SimulatedCluster, node: Node): void {
  const booted = node.returns ?? world.now();
  node.booted = booted;
  node.online = true;
  node.returns = undefined;
  for (const guest of world.guests.values())
    if (guest.node === node.name && guest.config["onboot"] === 1)
      guest.run = { since: booted, pid: ++node.pid, paused: false };
}

function step(world: SimulatedCluster, task: Task): void {
  try {
    for (;;) {
      const { done, value } = task.script.next();
      if (done === true) {
        finish(world, task, "OK");
        return;
      }
      if (typeof value === "string") task.log.push(value);
      else {
        task.wake += Math.max(1, (value ?? 0) * world.taskMs);
        return;
      }
    }
  } catch (error) {
    finish(world, task, error instanceof Error ? error.message.trimEnd() : String(error));
  }
}

function finish(world: SimulatedCluster, task: Task, status: string): void {
  task.end = seconds(world);
  task.status = status;
  task.log.push(status === "OK" ? "TASK OK" : `TASK ERROR: ${status}`);
}

function owned(task: Task, call: SimulatedCall): boolean {
  return task.user.split("!")[0] === call.who.user;
}

/** Active tasks carry the token in `user`; archived ones have it apart. */
function who(task: Task): { user: string; tokenid?: string } {
  const [user = "", tokenid] = task.user.split("!");
  return tokenid === undefined ? { user } : { user, tokenid };
}

function findTask(call: SimulatedCall, privilege: string): Task | undefined {
  const upid = call.text("upid");
  if (!/^UPID:[^:]+(:[0-9A-Fa-f]{8,9}){3}:[^:]+:[^:]*:[^:]+:$/.test(upid))
    throw refused({ upid: "unable to parse worker upid" });
  const task = call.world.tasks.find((it) => it.upid === upid && it.node === call.node);
  if (task !== undefined && !owned(task, call)) demand(call.world, call.who, `/nodes/${call.node}`, privilege);
  return task;
}

function page(call: SimulatedCall, rows: readonly object[], limit = 50): readonly object[] {
  if (rows.length > 0) call.extra["total"] = rows.length;
  const start = call.number("start");
  const count = call.number("limit", limit);
  return count === 0 ? rows.slice(start) : rows.slice(start, start + count);
}

/** The newest first, as Proxmox lists them. */
function newest(tasks: readonly Task[]): Task[] {
  return [...tasks].reverse().sort((a, b) => b.start - a.start);
}

const filters = optional({
  errors: flag("Only tasks that failed."),
  limit: integer("How many rows at most.", { minimum: 0, default: 50 }),
  since: integer("Only tasks that started at this time or later."),
  source: choice("Running tasks, ended ones, or both.", ["archive", "active", "all"], { default: "archive" }),
  start: integer("How many rows to skip.", { minimum: 0, default: 0 }),
  statusfilter: text("Only these results: ok, error, warning, unknown."),
  typefilter: text("Only tasks of this type."),
  until: integer("Only tasks that started at this time or earlier."),
  userfilter: text("Only tasks whose user contains this."),
  vmid: integer("Only tasks of this guest.", { minimum: 100 }),
});

function listed(call: SimulatedCall, task: Task): boolean {
  const { params } = call;
  const source = call.text("source") || "archive";
  return (
    task.node === call.node &&
    (source === "all" || (source === "active") === (task.end === undefined)) &&
    (params["errors"] !== 1 || (task.end !== undefined && task.status !== "OK")) &&
    (params["vmid"] === undefined || task.id === String(params["vmid"])) &&
    (params["typefilter"] === undefined || task.type === params["typefilter"]) &&
    task.user.toLowerCase().includes(call.text("userfilter").toLowerCase()) &&
    task.start >= call.number("since") &&
    task.start <= call.number("until", Number.POSITIVE_INFINITY) &&
    matchesResult(call.text("statusfilter"), task) &&
    (owned(task, call) || may(call.world, call.who, `/nodes/${call.node}`, "Sys.Audit"))
  );
}

function matchesResult(wanted: string, task: Task): boolean {
  const result = task.end === undefined ? "unknown" : task.status === "OK" ? "ok" : "error";
  return wanted === "" || wanted.split(/[,; ]/).includes(result);
}

export const taskEndpoints: readonly Endpoint[] = [
  get("/nodes/{node}/tasks", {
    does: "The node's finished tasks, newest first; running ones with `source`.",
    needs: anyone,
    takes: filters,
    gives: "array",
    rows: "kept",
    run: (call) => {
      const rows = newest(call.world.tasks.filter((task) => listed(call, task))).map((task) => {
        const { upid, node, pid, pstart, start: starttime, type, id } = task;
        const common = { upid, node, pid, pstart, starttime, type, id };
        if (task.end === undefined) return { ...common, user: task.user, status: "RUNNING" };
        return { ...common, ...who(task), endtime: task.end, status: task.status };
      });
      return page(call, rows);
    },
  }),
  get("/nodes/{node}/tasks/{upid}/status", {
    does: "Whether a task still runs, and how it ended.",
    needs: anyone,
    run: (call) => {
      const task = findTask(call, "Sys.Audit");
      if (task === undefined) throw refused({ upid: "no such task" });
      const { upid, node, pid, pstart, start: starttime, type, id } = task;
      const state = task.end === undefined ? { status: "running" } : { status: "stopped", exitstatus: task.status };
      return { upid, node, pid, pstart, starttime, type, id, ...who(task), ...state };
    },
  }),
  get("/nodes/{node}/tasks/{upid}/log", {
    does: "The lines that a task has written so far.",
    needs: anyone,
    gives: "array",
    takes: optional({
      download: flag("The whole log as a file."),
      limit: integer("How many lines at most; 0 for all.", { minimum: 0, default: 50 }),
      start: integer("How many lines to skip.", { minimum: 0, default: 0 }),
    }),
    rows: "kept",
    run: (call) => {
      const lines = findTask(call, "Sys.Audit")?.log ?? ["unable to open file - No such file or directory"];
      return page(
        call,
        lines.map((t, index) => ({ n: index + 1, t })),
      );
    },
  }),
  del("/nodes/{node}/tasks/{upid}", {
    does: "Stop a running task.",
    needs: anyone,
    run: (call) => {
      const task = findTask(call, "Sys.Modify");
      if (task === undefined) throw refused({ upid: "no such task" });
      if (task.end === undefined) {
        task.script.return();
        finish(call.world, task, "interrupted by signal");
      }
      return null;
    },
  }),
  get("/cluster/tasks", {
    does: "The newest tasks of all nodes.",
    needs: anyone,
    gives: "array",
    rows: "kept",
    run: (call) => {
      const all = may(call.world, call.who, "/", "Sys.Audit");
      const last = new Map(call.world.tasks.map((task) => [task.node, task]));
      return newest(call.world.tasks.filter((task) => all || owned(task, call)))
        .slice(0, 25)
        .map((task) => {
          const { upid, node, start: starttime, type, id } = task;
          const common = { upid, node, starttime, type, id, ...who(task) };
          if (task.end === undefined) return common;
          // A number right after the node archived the task, and text once it has read it back from its file.
          const saved = last.get(node) === task ? 1 : "1";
          return { ...common, endtime: task.end, status: task.status, saved };
        });
    },
  }),
];
