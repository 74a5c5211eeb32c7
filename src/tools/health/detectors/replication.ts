import type { Finding } from "../finding.ts";
import { defineDetector } from "../snapshot.ts";
import { counted, duration, guestName, quoted } from "../wording.ts";

/** So late after its time, in seconds, a job does not run. */
const maxLate = 3600;

/** Replication jobs whose last run failed, or that do not run at all. */
export const replication = defineDetector({
  name: "replication",
  reads: ["replication"],
  find({ nodes, guests, now }) {
    const byVmid = new Map(guests.map((guest) => [guest.vmid, guest]));
    return nodes.flatMap(({ name, replication: jobs = [] }) => {
      // A node runs one job after the other, and a job's next time stays in the past until it has run.
      const isBusy = jobs.some(({ pid }) => pid !== undefined);
      return jobs.flatMap((job): Finding[] => {
        const { id, guest, target, fail_count = 0, error, last_sync, next_sync = 0, last_try = 0 } = job;
        if (job.disable === 1 || job.remove_job !== undefined) return [];
        const isLate = !isBusy && last_try > 0 && next_sync > 0 && now - next_sync > maxLate;
        if (fail_count === 0 && error === undefined && !isLate) return [];
        const whose = guest === undefined ? undefined : byVmid.get(guest);
        const object = `replication ${id} of ${whose === undefined ? guest : guestName(whose)}`;
        const why = error === undefined ? "" : `: ${quoted(error)}`;
        const since = last_sync === 0 ? undefined : last_sync;
        if (fail_count === 0 && error === undefined) {
          const what = `does not run: its sync to ${target} is ${duration(now - next_sync)} late`;
          return [{ urgency: "soon", object, what, since, next: `\`systemctl status pvescheduler\` on ${name}.` }];
        }
        const what = `failed ${counted(fail_count, "time")} to ${target}${why}`;
        const next = `GET /nodes/${name}/replication/${id}/log; what is on ${target} is as old as the last sync.`;
        return [{ urgency: "soon", object, what, since, next }];
      });
    });
  },
});
