import { coveredGuests } from "../backup-jobs.ts";
import type { Finding } from "../finding.ts";
import { day, mostTasks, taskDays } from "../readings.ts";
import { holds } from "../rights.ts";
import { defineDetector, type Guest, type View } from "../view.ts";
import { counted, duration, guestName, listed } from "../wording.ts";

/** Guests of a backup job whose last backup is older than the job's schedule allows, or that have none. */
export const missingBackups = defineDetector({
  name: "missing backups",
  reads: ["jobs", "backupFiles", "tasks", "permissions"],
  find(view) {
    const { now } = view;
    const ages = agesOf(view);
    const late = coveredGuests(view)
      .filter(({ last = 0, allowed }) => now - last > allowed)
      .map((each) => ({ ...each, age: each.last === undefined ? ages(each.guest, each.allowed) : "old" }));
    const missing = late.filter(({ age }) => age === "old");
    const dated = missing.flatMap(({ guest, last }) => (last === undefined ? [] : [{ guest, last }]));
    dated.sort((a, b) => a.last - b.last);
    const told = [
      ...missing.filter(({ last }) => last === undefined).map(({ guest }) => `${guestName(guest)} (never)`),
      ...dated.map(({ guest, last }) => `${guestName(guest)} (${duration(now - last)} ago)`),
    ];
    const without: Finding = {
      urgency: "soon",
      object: "backups",
      what: `${counted(missing.length, "guest")} of backup jobs without a recent backup: ${listed(told)}`,
      since: dated.at(0)?.last,
      next: "Look whether the jobs run (pvescheduler, their tasks of type vzdump) and start one by hand.",
    };
    const perhapsNew = late.filter(({ age }) => age === "unknown").map(({ guest }) => guestName(guest));
    const none: Finding = {
      urgency: "later",
      object: "backups",
      what: `${counted(perhapsNew.length, "guest")} of backup jobs with no backup yet: ${listed(perhapsNew)}`,
      next: "What was made since its job last ran gets one at the next run; of the others, start one by hand.",
    };
    return [...(missing.length > 0 ? [without] : []), ...(perhapsNew.length > 0 ? [none] : [])];
  },
});

/** Guests that no backup job covers. Templates do not change, and are copied from somewhere. */
export const uncovered = defineDetector({
  name: "guests without a backup job",
  reads: ["uncovered", "jobs"],
  find({ uncovered: rows = [], guests, jobs }) {
    const templates = new Set(guests.filter(({ template }) => template).map(({ vmid }) => vmid));
    const bare = rows.filter(({ vmid }) => !templates.has(vmid)).sort((a, b) => a.vmid - b.vmid);
    if (bare.length === 0) return [];
    const which = jobs?.length === 0 ? "no backup job at all" : "no backup job";
    const what = `${counted(bare.length, "guest")} in ${which}: ${listed(bare.map(guestName))}`;
    const next = "Add those that matter to a job (/cluster/backup); the others can stay.";
    return [{ urgency: "later", object: "backups", what, next }];
  },
});

/**
 * Tells whether a guest is older than so many seconds: by how long it runs, else by the tasks that make guests. A clone's
 * task names its source only, and its configuration copies the source's time of creation (PVE::API2::Qemu, clone_vm), so
 * that after a clone the age of no stopped guest of that kind is known.
 */
function agesOf(view: View<"tasks" | "permissions">): (guest: Guest, seconds: number) => "new" | "old" | "unknown" {
  const tasks = view.nodes.flatMap((node) => node.tasks ?? []);
  const isWhole = seesAllTasks(view);
  return ({ vmid, type: kind, uptime }, seconds) => {
    if (uptime > seconds) return "old";
    const tool = kind === "qemu" ? "qm" : "vz";
    const within = tasks.filter(({ starttime }) => view.now - starttime <= seconds);
    const made = within.some(({ type, id }) => [`${tool}create`, `${tool}restore`].includes(type) && id === `${vmid}`);
    if (made) return "new";
    const reachesBack = isWhole && seconds <= taskDays * day;
    return reachesBack && !within.some(({ type }) => type === `${tool}clone`) ? "old" : "unknown";
  };
}

/** Whether every task of the last days was read: of every node, of every user. */
function seesAllTasks({ hosts, nodes, permissions }: View<"tasks" | "permissions">): boolean {
  if (permissions === undefined || !holds(permissions, "/nodes", "Sys.Audit")) return false;
  const isWhole = nodes.every(({ tasks }) => tasks !== undefined && tasks.length < mostTasks);
  return isWhole && nodes.length === hosts.length;
}
