import type { Finding } from "../finding.ts";
import { defineDetector } from "../view.ts";
import { counted, guestName, quoted } from "../wording.ts";

/** Replication jobs whose last run failed. */
export const replication = defineDetector({
  name: "replication",
  reads: ["replication"],
  find({ nodes, guests }) {
    return nodes.flatMap(({ name, replication: jobs = [] }) =>
      jobs.flatMap(({ id, guest, target, fail_count = 0, error, last_sync }): Finding[] => {
        if (fail_count === 0 && error === undefined) return [];
        const whose = guests.find(({ vmid }) => vmid === guest);
        const object = `replication ${id} of ${whose === undefined ? guest : guestName(whose)}`;
        const why = error === undefined ? "" : `: ${quoted(error)}`;
        const what = `failed ${counted(fail_count, "time")} to ${target}${why}`;
        const since = last_sync === 0 ? undefined : last_sync;
        const next = `GET /nodes/${name}/replication/${id}/log; what is on ${target} is as old as the last sync.`;
        return [{ urgency: "soon", object, what, since, next }];
      }),
    );
  },
});
