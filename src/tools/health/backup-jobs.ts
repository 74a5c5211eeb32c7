import { day } from "./readings.ts";
import type { Guest, View } from "./view.ts";

type Job = NonNullable<View<"jobs">["jobs"]>[number];

/** A guest of enabled backup jobs all of whose backups can be seen. */
export interface Covered {
  readonly guest: Guest;
  /** When it was last backed up, in seconds since 1970; `undefined` where none of its jobs' storages has a backup of it. */
  readonly last: number | undefined;
  /** How old its last backup may be by its jobs' schedules, in seconds. */
  readonly allowed: number;
}

/** A backup may be this much later than its job's schedule says, in days. */
const grace = 1;

/** The guests of backup jobs, and how they stand. Where one of a guest's backups cannot be seen, it may well be backed up. */
export function coveredGuests({ guests, jobs = [], backupFiles }: View<"jobs" | "backupFiles">): Covered[] {
  if (backupFiles === undefined) return [];
  return guests.flatMap((guest) => {
    const covering = jobs.filter((job) => job.enabled !== 0 && covers(job, guest));
    const seen = covering.flatMap(({ storage = "", schedule = "" }) => {
      const newest = backupFiles.get(storage);
      return newest === undefined ? [] : [{ last: newest.get(guest.vmid), days: interval(schedule) }];
    });
    if (seen.length === 0 || seen.length < covering.length) return [];
    const made = seen.flatMap(({ last }) => last ?? []);
    const last = made.length === 0 ? undefined : Math.max(...made);
    return [{ guest, last, allowed: (Math.min(...seen.map(({ days }) => days)) + grace) * day }];
  });
}

/** A guest on a node that is offline shows neither pool nor anything to back up; its node is spoken of. */
function covers(job: Job, { vmid, pool, node, status, template }: Guest): boolean {
  if (status === "unknown" || template || (job.node !== undefined && job.node !== node)) return false;
  if (job.all === 1) return !numbers(job.exclude).includes(vmid);
  return (job.pool !== undefined && job.pool === pool) || numbers(job.vmid).includes(vmid);
}

function numbers(list = ""): number[] {
  return list.split(/[,; ]+/).map(Number);
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
