import { usage } from "../../output/units.ts";
import type { Finding } from "../finding.ts";
import { defineDetector, type NodeStorage } from "../snapshot.ts";
import { listed } from "../wording.ts";

/** Shares of a storage in use from which it is spoken of. */
const nearlyFull = 0.95;
const filling = 0.85;

interface Use {
  readonly used: number;
  readonly total: number;
  /** Of a storage. */
  readonly type?: string;
}

/** Storages that are not there, and storages and root file systems that fill up. */
export const storage = defineDetector({
  name: "storage",
  reads: [],
  find({ storages, hosts }) {
    const online = hosts.filter(({ status, silent }) => status === "online" && silent === undefined);
    const names = new Set(online.map(({ name }) => name));
    const here = storages.filter(({ node }) => names.has(node));
    const directories = Map.groupBy(
      here.filter(({ type }) => type === "dir"),
      ({ node }) => node,
    );
    // A directory on the root file system shows the same figures; it is spoken of once.
    const isRoot = (it: NodeStorage, host: Use) => isNear(it.total, host.total) && isNear(it.used, host.used);
    const roots = online
      .filter((host) => !directories.get(host.name)?.some((it) => isRoot(it, host)))
      .map((host) => ({ object: `root file system of ${host.name}`, uses: [host] }));
    const byName = [...Map.groupBy(here, ({ name }) => name)];
    const full = [...byName.flatMap(([name, of]) => grouped(name, of)), ...roots].flatMap(({ object, uses }) =>
      filled(object, uses),
    );
    return [...byName.flatMap(([name, of]) => missing(name, of)), ...full];
  },
});

function missing(name: string, of: readonly NodeStorage[]): Finding[] {
  const lost = of.filter(({ active }) => !active).map(({ node }) => node);
  const [first] = lost;
  if (first === undefined) return [];
  const next = `GET /nodes/${first}/storage/${name}/status; look at the mount, export or disk behind it (\`pvesm status\`).`;
  return [{ urgency: "now", object: `storage ${name} on ${listed(lost)}`, what: "not active", next }];
}

/** A shared storage is one; of the others, those that are equally bad stand together. */
function grouped(name: string, of: readonly NodeStorage[]): { object: string; uses: readonly Use[] }[] {
  const active = of.filter((it) => it.active);
  const [first] = active;
  if (first === undefined) return [];
  if (first.shared) return [{ object: `storage ${name}`, uses: [first] }];
  return [...Map.groupBy(active, urgencyOf)].map(([, uses]) => ({
    object: `storage ${name} on ${listed(uses.map(({ node }) => node))}`,
    uses,
  }));
}

function filled(object: string, uses: readonly Use[]): Finding[] {
  const fullest = [...uses].sort((a, b) => share(b) - share(a))[0];
  const urgency = fullest === undefined ? undefined : urgencyOf(fullest);
  if (fullest === undefined || urgency === undefined) return [];
  const most = uses.length > 1 ? "up to " : "";
  const what = `${most}${usage(fullest.used, fullest.total)} used`;
  if (fullest.type === "lvm") {
    const next = "Add space before new disks or snapshots are wanted; those that there are have theirs already.";
    return [{ urgency: "later", object, what, next }];
  }
  if (fullest.type === "pbs") {
    const next = "Prune old backups and collect garbage on the backup server: when it is full, backups fail.";
    return [{ urgency, object, what, next }];
  }
  const next =
    urgency === "now"
      ? "Free or add space at once: writes fail when it is full, and guests stop."
      : "Free or add space: old backups, snapshots and ISO images first.";
  return [{ urgency, object, what, next }];
}

function urgencyOf(use: Use): Finding["urgency"] | undefined {
  if (share(use) >= nearlyFull) return "now";
  return share(use) >= filling ? "soon" : undefined;
}

/** Both were looked at a few seconds apart. */
function isNear(one: number, other: number): boolean {
  return Math.abs(one - other) <= Math.max(one, other) / 100;
}

function share({ used, total }: Use): number {
  return total > 0 ? used / total : 0;
}
