import { defineDetector } from "../snapshot.ts";
import { listed, quoted } from "../wording.ts";

/** Ceph that does not call itself well. */
export const ceph = defineDetector({
  name: "Ceph",
  reads: ["ceph"],
  find({ ceph: status }) {
    if (status === undefined || status.health.status === "HEALTH_OK") return [];
    const { status: state, checks = {} } = status.health;
    const details = Object.entries(checks).map(([name, { summary }]) => `${name} ${quoted(summary.message)}`);
    const what = [state, listed(details, 4)].filter((part) => part !== "").join(": ");
    const next = "GET /cluster/ceph/status, or `ceph health detail` on a node.";
    return [{ urgency: state === "HEALTH_ERR" ? "now" : "soon", object: "Ceph", what, next }];
  },
});
