import { day } from "./queries.ts";
import type { GuestSummary, HealthSnapshot } from "./snapshot.ts";

/** A backup job, as `GET /cluster/backup` lists it. */
type JobRow = NonNullable<HealthSnapshot<"jobs">["jobs"]>[number];

/** A backup job, read: its lists may be long, and are looked at for every guest. */
export interface Job {
  readonly isEnabled: boolean;
  readonly storage: string | undefined;
  /** The longest time between two runs, in days. */
  readonly pause: number;
  /**
   * Whether the job, were it enabled, backs a guest up. A guest on a node that is offline shows neither pool nor anything
   * to back up; its node is spoken of.
   */
  covers(guest: GuestSummary): boolean;
}

/** A guest on a storage that enabled jobs write its backups to, where those can be seen. */
export interface BackupCoverage {
  readonly guest: GuestSummary;
  readonly storage: string;
  /** When it was last backed up there, in seconds since 1970; `undefined` for never. */
  readonly last: number | undefined;
  /** How old its last backup there may be by the jobs' schedules, in seconds. */
  readonly allowed: number;
  /** Whether the jobs have a backup there of any of their guests: else they may have yet to run for the first time. */
  readonly hasRun: boolean;
}

/** A backup may be this much later than its job's schedule says, in days. */
const grace = 1;

/** What enabled backup jobs have to do, and how that stands, as far as it can be seen. */
export function coverageOf({
  guests,
  jobs: rows = [],
  backupFiles,
}: HealthSnapshot<"jobs" | "backupFiles">): BackupCoverage[] {
  if (backupFiles === undefined) return [];
  const jobs = rows.filter(isEnabled).map(readJob);
  return [...backupFiles].flatMap(([storage, { newest, nodes }]) => {
    const own = jobs.filter((job) => job.storage === storage);
    const running = new Set(own.filter((job) => guests.some((guest) => newest.has(guest.vmid) && job.covers(guest))));
    return guests.flatMap((guest): BackupCoverage[] => {
      if (!nodes.has(guest.node)) return [];
      const covering = own.filter((job) => job.covers(guest));
      if (covering.length === 0) return [];
      const days = Math.min(...covering.map(({ pause }) => pause));
      const hasRun = covering.some((job) => running.has(job));
      return [{ guest, storage, last: newest.get(guest.vmid), allowed: (days + grace) * day, hasRun }];
    });
  });
}

/** Whether a job runs by its schedule. */
export function isEnabled({ enabled }: JobRow): boolean {
  return enabled !== 0;
}

/** Reads the lists and the schedule of a job. */
export function readJob(job: JobRow): Job {
  const [named, excluded] = [numbers(job.vmid), numbers(job.exclude)];
  return {
    isEnabled: isEnabled(job),
    storage: job.storage,
    pause: maxPauseLength(job.schedule ?? ""),
    covers({ vmid, pool, node, status, template }) {
      if (status === "unknown" || template || (job.node !== undefined && job.node !== node)) return false;
      if (job.all === 1) return !excluded.has(vmid);
      return (job.pool !== undefined && job.pool === pool) || named.has(vmid);
    },
  };
}

function numbers(list = ""): ReadonlySet<number> {
  return new Set(list.split(/[,; ]+/).map(Number));
}

/** In days; a month has some more where its first Saturday is meant. */
const named: ReadonlyMap<string, number> = new Map([
  ["weekly", 7],
  ["monthly", 35],
  ["quarterly", 93],
  ["semiannually", 185],
  ["semi-annually", 185],
  ["yearly", 366],
  ["annually", 366],
]);

const weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/** The longest time between two runs of a calendar event, in days; generous where it is complicated. */
export function maxPauseLength(schedule: string): number {
  const words = schedule.trim().toLowerCase().split(/\s+/);
  const [first = ""] = words;
  const known = named.get(first);
  if (known !== undefined) return known;
  // A date, `*-*-1`, `*-1..7` or `*-1,7-1`: the part before the last is the month.
  const date = words.find((word) => word.includes("-"));
  if (date !== undefined) {
    const [month, dayOfMonth] = date.split("-").slice(-2);
    if (month !== "*") return 366;
    if (dayOfMonth !== "*") return 35;
  }
  const days = [...new Set(first.split(",").flatMap(daysOf))].sort((a, b) => a - b);
  const pauses = days.map((each, index) => (days[index + 1] ?? (days[0] ?? 0) + weekdays.length) - each);
  return Math.max(1, ...pauses);
}

/** `mon..fri`, `fri..mon`, `saturday`; nothing of what is no weekday. */
function daysOf(range: string): number[] {
  const [from = -1, to = from] = range.split("..").map((name) => weekdays.indexOf(name.slice(0, 3)));
  if (from < 0 || to < 0) return [];
  const length = ((to - from + weekdays.length) % weekdays.length) + 1;
  return Array.from({ length }, (_, index) => (from + index) % weekdays.length);
}
