import { type BackupCoverage, coverageOf, readJob } from "../backup-jobs.ts";
import type { Finding } from "../finding.ts";
import { day, maxTasks, taskDays } from "../queries.ts";
import { holdsOnAll } from "../rights.ts";
import { defineDetector, type GuestSummary, type HealthSnapshot } from "../snapshot.ts";
import { counted, duration, guestName, listed } from "../wording.ts";

/** Guests of a backup job whose last backup is older than the job's schedule allows, or that have none. */
export const missingBackups = defineDetector({
  name: "missing backups",
  reads: ["jobs", "backupFiles", "tasks", "permissions"],
  find(view) {
    const { now } = view;
    const ages = agesOf(view);
    const duties = coverageOf(view);
    const judge = ({ guest, last, allowed, hasRun }: BackupCoverage) => {
      if (last !== undefined && now - last <= allowed) return "kept";
      const age = ages(guest, allowed);
      // An older backup of a guest that was made since is of another one, which had its VMID before.
      if (age === "new") return "new";
      return last !== undefined || (age === "old" && hasRun) ? "missing" : "none yet";
    };
    const { missing = [], kept: done = [], ...others } = Object.groupBy(duties, judge);
    const kept = new Set(done.map(({ guest }) => guest));
    const dated = missing.flatMap(({ last, ...duty }) => (last === undefined ? [] : [{ ...duty, last }]));
    dated.sort((a, b) => a.last - b.last);
    const where = ({ guest, storage }: BackupCoverage) => (kept.has(guest) ? ` on ${storage}` : "");
    const told = [
      ...missing
        .filter(({ last }) => last === undefined)
        .map((duty) => `${guestName(duty.guest)} (never${where(duty)})`),
      ...dated.map((duty) => `${guestName(duty.guest)} (${duration(now - duty.last)} ago${where(duty)})`),
    ];
    const without: Finding = {
      urgency: "soon",
      object: "backups",
      what: `${counted(new Set(missing.map(({ guest }) => guest)).size, "guest")} of backup jobs without a recent backup: ${listed([...new Set(told)])}`,
      since: dated.at(0)?.last,
      next: "Look whether the jobs run (pvescheduler, their tasks of type vzdump) and start one by hand.",
    };
    const perhapsNew = [...new Set((others["none yet"] ?? []).map(({ guest }) => guestName(guest)))];
    const none: Finding = {
      urgency: "later",
      object: "backups",
      what: `${counted(perhapsNew.length, "guest")} of backup jobs with no backup yet: ${listed(perhapsNew)}`,
      next: "What is new, or in a new job, gets one at the job's next run (next-run in GET /cluster/backup); of the others, start one by hand.",
    };
    return [...(missing.length > 0 ? [without] : []), ...(perhapsNew.length > 0 ? [none] : [])];
  },
});

/** Guests that no backup job covers. Templates do not change, and are copied from somewhere. */
export const uncovered = defineDetector({
  name: "guests without a backup job",
  reads: ["uncovered", "jobs"],
  find({ uncovered: rows = [], guests, jobs: known }) {
    const jobs = (known ?? []).map(readJob);
    const templates = new Set(guests.filter(({ template }) => template).map(({ vmid }) => vmid));
    const bare = rows.filter(({ vmid }) => !templates.has(vmid)).sort((a, b) => a.vmid - b.vmid);
    const which = known?.length === 0 ? "no backup job at all" : "no backup job";
    const without: Finding = {
      urgency: "later",
      object: "backups",
      what: `${counted(bare.length, "guest")} in ${which}: ${listed(bare.map(guestName))}`,
      next: "Add those that matter to a job (/cluster/backup); the others can stay.",
    };
    // Proxmox counts jobs that are disabled, too (PVE::API2::Cluster::BackupInfo).
    const idle = guests.filter((guest) => {
      const own = jobs.filter((job) => job.covers(guest));
      return own.length > 0 && !own.some((job) => job.isEnabled);
    });
    const disabled: Finding = {
      urgency: "later",
      object: "backups",
      what: `${counted(idle.length, "guest")} only in backup jobs that are disabled: ${listed(idle.map(guestName))}`,
      next: "Enable the job (PUT /cluster/backup/{id} with enabled=1), or add those that matter to another.",
    };
    return [...(bare.length > 0 ? [without] : []), ...(idle.length > 0 ? [disabled] : [])];
  },
});

/** Tasks that make a guest, behind `qm` or `vz`; by the last one it comes from another cluster. */
const makers = new Set(["create", "restore", "tunnel"]);

/**
 * Tells whether a guest is older than so many seconds: by how long it runs, else by the tasks that make guests. A clone's
 * task names its source only, and its configuration copies the source's time of creation (PVE::API2::Qemu, clone_vm), so
 * that after a clone the age of no stopped guest of that kind is known.
 */
function agesOf(
  view: HealthSnapshot<"tasks" | "permissions">,
): (guest: GuestSummary, seconds: number) => "new" | "old" | "unknown" {
  const isWhole = seesAllTasks(view);
  // When the last of these began, by tool and VMID, and the last clone by tool.
  const [made, cloned] = [new Map<string, number>(), new Map<string, number>()];
  for (const { type, id, starttime } of view.nodes.flatMap((node) => node.tasks ?? [])) {
    const [tool, does] = [type.slice(0, 2), type.slice(2)];
    if (makers.has(does)) keepLatest(made, `${tool} ${id}`, starttime);
    if (does === "clone") keepLatest(cloned, tool, starttime);
  }
  return ({ vmid, type: kind, uptime }, seconds) => {
    if (uptime > seconds) return "old";
    const tool = kind === "qemu" ? "qm" : "vz";
    const isWithin = (starttime: number | undefined) => starttime !== undefined && view.now - starttime <= seconds;
    if (isWithin(made.get(`${tool} ${vmid}`))) return "new";
    const reachesBack = isWhole && seconds <= taskDays * day;
    return reachesBack && !isWithin(cloned.get(tool)) ? "old" : "unknown";
  };
}

function keepLatest(times: Map<string, number>, key: string, time: number): void {
  times.set(key, Math.max(times.get(key) ?? time, time));
}

/** Whether every task of the last days was read: of every node, of every user. */
function seesAllTasks({ hosts, nodes, permissions }: HealthSnapshot<"tasks" | "permissions">): boolean {
  if (permissions === undefined || !holdsOnAll(permissions, "/nodes", ["Sys.Audit"])) return false;
  const isWhole = nodes.every(({ tasks }) => tasks !== undefined && tasks.length < maxTasks);
  return isWhole && nodes.length === hosts.length;
}
