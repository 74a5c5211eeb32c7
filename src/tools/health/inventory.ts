import { type ResourceRow, resourceOf } from "../resources/resource.ts";
import type { GuestSummary, NodeStorage, NodeSummary } from "./snapshot.ts";

/** What there is in a cluster, taken from the rows of `GET /cluster/resources`. */
export function inventory(
  answer: readonly ResourceRow[],
  cluster: string,
): {
  readonly guests: readonly GuestSummary[];
  readonly storages: readonly NodeStorage[];
  readonly hosts: readonly NodeSummary[];
} {
  const rows = answer.map((row) => resourceOf(row, cluster));
  const guests = rows.flatMap(
    ({ type, vmid, node, status = "unknown", name, pool, template, uptime = 0 }): GuestSummary[] =>
      (type === "qemu" || type === "lxc") && vmid !== undefined && node !== undefined
        ? [{ type, vmid, node, status, name, pool, template: template === 1, uptime }]
        : [],
  );
  const storages = rows.flatMap((row): NodeStorage[] => {
    const { type, storage: name, node, status, shared, plugintype = "", disk = 0, maxdisk = 0 } = row;
    if (type !== "storage" || name === undefined || node === undefined) return [];
    const active = status === "available";
    return [{ name, node, active, type: plugintype, shared: shared === 1, used: disk, total: maxdisk }];
  });
  const hosts = rows.flatMap(({ type, node: name, status = "unknown", disk = 0, maxdisk = 0 }): NodeSummary[] =>
    type === "node" && name !== undefined ? [{ name, status, used: disk, total: maxdisk, silent: undefined }] : [],
  );
  return {
    guests: guests.sort((a, b) => a.vmid - b.vmid),
    storages: unique(storages, ({ name, node }) => JSON.stringify([name, node])).sort(
      (a, b) => a.name.localeCompare(b.name) || a.node.localeCompare(b.node),
    ),
    hosts: unique(hosts, ({ name }) => name).sort((a, b) => a.name.localeCompare(b.name)),
  };
}

/** Each of them once: an answer that repeats a node or a storage must not have it asked for each row. */
function unique<T>(rows: readonly T[], key: (row: T) => string): T[] {
  return [...new Map(rows.map((row) => [key(row), row])).values()];
}
