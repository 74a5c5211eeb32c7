import type { Finding } from "../finding.ts";
import { taskDays } from "../queries.ts";
import { defineDetector, type GuestSummary, type HealthSnapshot } from "../snapshot.ts";
import { counted, duration, guestName, listed, quoted } from "../wording.ts";

type Task = NonNullable<HealthSnapshot<"tasks">["nodes"][number]["tasks"]>[number] & { readonly node: string };

/** A console that is closed ends its task in failure, too. */
const consoles = /^(?:vnc|spice)(?:proxy|shell)$|^termproxy$/;

/** Maximum number of failures listed one by one. */
const maxTold = 5;

/** Tasks that failed and did not succeed since, except backups. */
export const failedTasks = defineDetector({
  name: "failed tasks",
  reads: ["tasks"],
  find: (view) => told(view, "tasks", ({ type }) => type !== "vzdump" && !consoles.test(type)),
});

/** Backups that failed and did not succeed since; those of several guests are reported as long as they are in the period that is read. */
export const failedBackups = defineDetector({
  name: "failed backups",
  reads: ["tasks"],
  find: (view) => told(view, "backups", ({ type }) => type === "vzdump"),
});

function told(view: HealthSnapshot<"tasks">, object: string, about: (task: Task) => boolean): Finding[] {
  const tasks = view.nodes.flatMap(({ name, tasks: list = [] }) => list.map((task) => ({ ...task, node: name })));
  const failed = stillFailing(tasks.filter(about));
  const [newest] = failed;
  if (newest === undefined) return [];
  const guests = new Map(view.guests.map((guest) => [String(guest.vmid), guest]));
  const details = failed.map((task) => {
    const ago = duration(view.now - task.starttime);
    return `${subject(task, guests)} ${ago} ago: ${quoted(task.status ?? "")}`;
  });
  const what = `${counted(failed.length, "failure")} in ${taskDays} days: ${listed(details, maxTold)}`;
  // They are sorted, the newest first.
  const since = failed.at(-1)?.starttime;
  const next = `GET /nodes/${newest.node}/tasks/${newest.upid}/log shows why the newest failed.`;
  return [{ urgency: "soon", object, what, since, next }];
}

/** Of each kind of task on the same thing the last one counts; the newest first. */
function stillFailing(tasks: readonly Task[]): Task[] {
  const newestFirst = [...tasks].sort((a, b) => b.starttime - a.starttime);
  // What concerns no guest concerns its node. But a backup of several guests does not tell its job: the success of one
  // job must not hide that another fails every night.
  const same = Map.groupBy(newestFirst, ({ type, id, node, upid }) =>
    type === "vzdump" && id === "" ? upid : `${purposeOf(type)} ${id || node}`,
  );
  return [...same.values()].flatMap(([last]) => (last !== undefined && hasFailed(last) ? [last] : []));
}

/** A guest that did not shut down in time and was stopped is off, as it was meant to be. */
function purposeOf(type: string): string {
  return type.replace(/^(qm|vz)shutdown$/, "$1stop");
}

/** A user who stops a task knows of it; warnings are no failures. */
function hasFailed({ status = "" }: Task): boolean {
  return !/^(?:|OK|RUNNING|WARNINGS: \d+|interrupted by signal|(?:VM|CT) \d+ already running)$/.test(status);
}

function subject({ type, id, node }: Task, guests: ReadonlyMap<string, GuestSummary>): string {
  const guest = guests.get(id);
  if (guest !== undefined) return `${type} ${guestName(guest)}`;
  return id === "" ? `${type} on ${node}` : `${type} ${quoted(id)}`;
}
