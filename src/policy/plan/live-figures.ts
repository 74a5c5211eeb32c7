import { guestListPath } from "../guests.ts";
import { covers } from "../pattern.ts";

/** Figures of guests (PVE::QemuServer::vmstatus, PVE::LXC::vmstatus), nodes and storages in rows of lists. */
const figures = [
  "avail balloon balloon_min cpu disk diskread diskwrite freemem mem memhost netin netout pid running-machine",
  "running-qemu swap uptime used used_fraction",
].flatMap((line) => line.split(" "));

/** Objects of figures in a guest's `status/current`. */
const objects = ["ballooninfo", "blockstat", "nics", "proxmox-support"];

/**
 * The keys of an answer that move while nothing is changed, by the path that gives it. They are keys of Proxmox's own
 * at the first level of the object or of each row: a user's token, pool or alias may have any of these names.
 */
const liveKeys: readonly (readonly [paths: readonly string[], keys: readonly string[]])[] = [
  [
    ["/nodes/{node}/qemu/{vmid}/status/current", "/nodes/{node}/lxc/{vmid}/status/current"],
    [...figures, ...objects],
  ],
  [["/nodes", "/nodes/{node}/qemu", "/nodes/{node}/lxc", "/cluster/resources"], figures],
  [
    ["/nodes/{node}/storage", "/nodes/{node}/storage/{storage}/status"],
    ["active", ...figures],
  ],
  [["/nodes/{node}/storage/{storage}/content", "/nodes/{node}/storage/{storage}/content/{volume}"], ["used"]],
  [["/nodes/{node}/disks/list"], ["health", "wearout"]],
  [
    ["/nodes/{node}/network", "/nodes/{node}/network/{iface}"],
    ["active", "exists", "families", "priority"],
  ],
  [["/nodes/{node}/time"], ["localtime", "time"]],
  [["/nodes/{node}/subscription"], ["checktime"]],
  [
    ["/nodes/{node}/replication", "/nodes/{node}/replication/{id}/status"],
    ["duration", "error", "fail_count", "last_sync", "last_try", "next_sync", "pid"],
  ],
  [
    ["/cluster/backup", "/cluster/backup/{id}"],
    ["next-run", "last-run"],
  ],
  [
    ["/cluster/jobs/realm-sync", "/cluster/jobs/realm-sync/{id}"],
    ["next-run", "last-run"],
  ],
  [["/cluster/ha/status/current"], ["timestamp"]],
];

/** Lists of rows with figures inside other rows. */
const members = ["/pools", "/pools/{poolid}"];

/** Whether a key of what a path gives is a live figure. */
export function isLive(path: readonly string[], key: string): boolean {
  return liveKeys.some(
    ([paths, keys]) =>
      (keys.includes(key) || (keys.includes("cpu") && key.startsWith("pressure"))) &&
      paths.some((pattern) => covers(`GET ${pattern}`, "GET", path)),
  );
}

/** What a path gives, without live figures. */
export function withoutFigures(path: readonly string[], data: unknown): unknown {
  if (Array.isArray(data)) {
    // The digest in a row is that of the whole file, which other entries move.
    return data.map((row: unknown) => withoutKeys(withoutFigures(path, row), (key) => key === "digest"));
  }
  if (typeof data !== "object" || data === null) return data;
  const stable = withoutKeys(data, (key) => isLive(path, key)) as Readonly<Record<string, unknown>>;
  const hasMembers = members.some((pattern) => covers(`GET ${pattern}`, "GET", path));
  // A pool's members are rows of /cluster/resources.
  return hasMembers && "members" in stable
    ? { ...stable, members: withoutFigures(guestListPath, stable["members"]) }
    : stable;
}

function withoutKeys(value: unknown, isDropped: (key: string) => boolean): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !isDropped(key)));
}
