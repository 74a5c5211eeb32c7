import type { Finding } from "../finding.ts";
import { defineDetector } from "../snapshot.ts";
import { quoted } from "../wording.ts";

/** What SMART says of a disk that is well, or that it says nothing. */
const well = ["PASSED", "OK", "UNKNOWN", "SMART Disabled", ""];

/** So little of an SSD's life is left that it should be replaced, in percent. */
const wornOut = 10;

/** ZFS pools that have lost a disk, or more. */
export const pools = defineDetector({
  name: "ZFS pools",
  reads: ["pools"],
  find({ nodes }) {
    return nodes.flatMap(({ name, pools: list = [] }) =>
      list
        .filter(({ health }) => health !== "ONLINE")
        .map(({ name: pool, health }): Finding => {
          const next = `GET /nodes/${name}/disks/zfs/${pool} (\`zpool status\`) shows which disk; replace it.`;
          return { urgency: "now", object: `ZFS pool ${pool} on ${name}`, what: quoted(health), next };
        }),
    );
  },
});

/** Disks that fail, or soon will. */
export const disks = defineDetector({
  name: "disks",
  reads: ["disks"],
  find({ nodes }) {
    return nodes.flatMap(({ name, disks: list = [] }) =>
      list.flatMap(({ devpath, model, health = "UNKNOWN", wearout }): Finding[] => {
        const object = `disk ${devpath} on ${name}`;
        const kind = model === undefined ? "" : ` (${quoted(model)})`;
        if (!well.includes(health)) {
          const next = `Make sure that backups are current and replace it; GET /nodes/${name}/disks/smart with disk=${devpath} says more.`;
          return [{ urgency: "now", object, what: `SMART says ${quoted(health)}${kind}`, next }];
        }
        if (typeof wearout !== "number" || wearout > wornOut) return [];
        // NVMe goes on counting beyond its whole life.
        const what = `${Math.max(0, wearout)}% of its life is left${kind}`;
        return [{ urgency: "soon", object, what, next: "Plan to replace it." }];
      }),
    );
  },
});
