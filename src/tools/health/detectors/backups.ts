import { day } from "../readings.ts";
import { defineDetector, type Guest, type View } from "../view.ts";
import { counted, duration, guestName, listed } from "../wording.ts";

type Job = NonNullable<View<"jobs">["jobs"]>[number];

/** A backup may be this much later than its job's schedule says, in days. */
const grace = 1;

/** Guests of a backup job whose last backup is older than the job's schedule allows. */
export const missingBackups = defineDetector({
  name: "missing backups",
  reads: ["jobs", "backupFiles", "tasks", "permissions"],
  find(view) {
    const { now, guests, jobs = [], backupFiles } = view;
    if (backupFiles === undefined) return [];
    const made = new Set(view.nodes.flatMap(({ tasks = [] }) => tasks.filter(isCreation).map(({ id }) => Number(id))));
    const late = guests.flatMap((guest) => {
      const covering = jobs.filter((job) => job.enabled !== 0 && covers(job, guest));
      const judged = covering.filter(({ storage }) => storage !== undefined && backupFiles.has(storage));
      // Where one of its backups cannot be seen, the guest may well be backed up.
      if (judged.length === 0 || judged.length < covering.length) return [];
      const last = Math.max(...judged.map(({ storage = "" }) => backupFiles.get(storage)?.get(guest.vmid) ?? 0));
      const allowed = (Math.min(...judged.map(({ schedule = "" }) => interval(schedule))) + grace) * day;
      if (now - last <= allowed || (last === 0 && made.has(guest.vmid))) return [];
      return [{ guest, last }];
    });
    if (late.length === 0) return [];
    const dated = late.filter(({ last }) => last > 0).sort((a, b) => a.last - b.last);
    const told = [
      ...late.filter(({ last }) => last === 0).map(({ guest }) => `${guestName(guest)} (never)`),
      ...dated.map(({ guest, last }) => `${guestName(guest)} (${duration(now - last)} ago)`),
    ];
    const what = `${counted(late.length, "guest")} of backup jobs without a recent backup: ${listed(told)}`;
    const next = "Look whether the jobs run (pvescheduler, their tasks of type vzdump) and start one by hand.";
    return [{ urgency: "soon", object: "backups", what, since: dated.at(0)?.last, next }];
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

/** A guest on a node that is offline shows neither pool nor anything to back up; its node is spoken of. */
function covers(job: Job, { vmid, pool, node, status, template }: Guest): boolean {
  if (status === "unknown" || template || (job.node !== undefined && job.node !== node)) return false;
  if (job.all === 1) return !numbers(job.exclude).includes(vmid);
  return (job.pool !== undefined && job.pool === pool) || numbers(job.vmid).includes(vmid);
}

function numbers(list = ""): number[] {
  return list.split(/[,; ]+/).map(Number);
}

function isCreation({ type }: { readonly type: string }): boolean {
  return /^(?:qm|vz)(?:create|restore)$/.test(type);
}

/** The longest time between two runs of a calendar event, in days; generous where it is complicated. */
function interval(schedule: string): number {
  if (/year|annual|quarter/i.test(schedule)) return 366;
  // A date, `*-*-1` or `sat *-1..7`.
  if (/monthly|[\d*]-[\d*]/i.test(schedule)) return 35;
  if (/mon\.\.sun/i.test(schedule)) return 1;
  if (/mon\.\.fri/i.test(schedule)) return 3;
  return /weekly|mon|tue|wed|thu|fri|sat|sun/i.test(schedule) ? 7 : 1;
}
