import { defineDetector, type NodeSnapshot } from "../snapshot.ts";
import { listed } from "../wording.ts";

/** Clocks that are certainly further apart than this disturb corosync, Ceph and logins, in seconds. */
const maxApart = 3;

/** Nodes whose clocks differ. */
export const clocks = defineDetector({
  name: "clocks",
  reads: ["clock"],
  find({ nodes }) {
    const known = nodes.flatMap(({ name, clock }) => (clock === undefined ? [] : [{ name, ...clock }]));
    const middle = [...known].sort((a, b) => a.least - b.least)[Math.floor((known.length - 1) / 2)];
    if (middle === undefined) return [];
    // Each is known to lie between two bounds: what is certain is the gap between them.
    const off = known.flatMap(({ name, least, most }) => {
      if (least - middle.most > maxApart) return [`${name} ${Math.round(least - middle.most)} s ahead`];
      return middle.least - most > maxApart ? [`${name} ${Math.round(middle.least - most)} s behind`] : [];
    });
    if (off.length === 0) return [];
    const what = `differ from ${middle.name}'s by at least: ${listed(off)}`;
    const next = "`chronyc tracking` on the nodes: the time service does not run, or has no source.";
    return [{ urgency: "soon", object: "clocks", what, next }];
  },
});

/** Nodes of different versions. */
export const versions = defineDetector({
  name: "versions",
  reads: ["version"],
  find({ nodes }) {
    const known = nodes.filter((node): node is NodeSnapshot<"version"> & { version: { version: string } } => {
      return node.version !== undefined;
    });
    const versionsSeen = Map.groupBy(known, ({ version }) => version.version);
    if (versionsSeen.size < 2) return [];
    const sorted = [...versionsSeen].sort(([a], [b]) => b.localeCompare(a, undefined, { numeric: true }));
    const what = `differ: ${sorted.map(([version, of]) => `${version} on ${listed(of.map(({ name }) => name))}`).join(", ")}`;
    const next = "Update the older ones; live migration works from old to new only.";
    return [{ urgency: "later", object: "versions", what, next }];
  },
});
