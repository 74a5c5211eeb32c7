import type { ProxmoxRequest } from "../proxmox/client.ts";
import type { Classified } from "./classes/classify.ts";
import { diskKey } from "./classes/parameters/property.ts";
import type { Guest } from "./guests.ts";
import type { Look } from "./plan.ts";

/** A guest as a human is shown it before damage. */
export interface GuestPlan {
  /** Where most of it stands. */
  readonly path: readonly string[];
  /** Who it is and in what state; then what it would lose. */
  readonly lines: readonly string[];
  readonly words: readonly string[];
  /** What tells this guest in this state from any other: configuration (with uuid, vmgenid, volumes), snapshots, place, state. */
  readonly state: unknown;
  readonly digest: string | undefined;
  /** Why the guest could not be read whole; `undefined` when it could. */
  readonly missing: string | undefined;
}

type Config = Readonly<Record<string, unknown>>;

/** Reads a guest and says who it is, in what state, and what it would lose. VMIDs are reused: a number alone is no guest. */
export async function describeGuest(
  guest: Guest,
  request: ProxmoxRequest,
  classified: Classified,
  look: Look,
): Promise<GuestPlan> {
  const base = ["nodes", guest.node, guest.type, guest.vmid];
  const loses = losesGuest(request, classified);
  const [config, status, snapshots, backups] = await Promise.all([
    look([...base, "config"]),
    look([...base, "status", "current"]),
    look([...base, "snapshot"]),
    loses ? countBackups(guest, look) : undefined,
  ]);
  const missing = [config, snapshots].flatMap((seen) => ("missing" in seen ? [seen.missing] : []))[0];
  const keys: Config = "data" in config && isObject(config.data) ? config.data : {};
  const { digest, protection } = keys;
  const current = "data" in status && isObject(status.data) ? status.data : {};
  const state = text(current["qmpstatus"]) ?? text(current["status"]) ?? guest.status;
  const name = text(keys["name"]) ?? text(keys["hostname"]) ?? guest.name;
  const names = rowsOf("data" in snapshots ? snapshots.data : []).flatMap((row) => text(row["name"]) ?? []);
  const kept = names.filter((one) => one !== "current");
  const lines = [
    [
      `Guest ${guest.vmid} ${JSON.stringify(name ?? "")}: ${guest.type} on ${guest.node}, ${state}`,
      guest.tags.length === 0 ? "" : `, tags ${guest.tags.join(";")}`,
      isOn(protection) ? ". Proxmox's own protection flag is set: it will refuse to remove the guest or its disks" : "",
      ".",
    ].join(""),
    ...(missing === undefined ? [] : [`Not all of it could be read: ${missing}.`]),
    ...(loses ? [lost(keys, kept), ...(backups === undefined ? [] : [backups])] : partLost(request, keys)),
  ];
  return {
    path: [...base, "config"],
    lines,
    words: [...(name === undefined ? [] : [name]), guest.vmid],
    state: { guest: { ...guest, name }, state, config: keys, snapshots: kept },
    digest: text(digest),
    missing,
  };
}

/** Whether all that a guest holds is at stake: it is removed, or another is put in its place. */
function losesGuest({ method, path }: ProxmoxRequest, { template }: Classified): boolean {
  const isGuest = template === "/nodes/{node}/qemu/{vmid}" || template === "/nodes/{node}/lxc/{vmid}";
  return (method === "DELETE" && isGuest) || (method === "POST" && path.length === 3);
}

function lost(config: Config, snapshots: readonly string[]): string {
  const disks = Object.entries(config).flatMap(([key, value]) =>
    diskKey.test(key) && typeof value === "string" && !/^none\b|media=cdrom/.test(value) ? [disk(key, value)] : [],
  );
  const parts = [
    disks.length === 0 ? "no disks" : `disks ${disks.join(", ")}`,
    snapshots.length === 0 ? "no snapshots" : `snapshots ${snapshots.map((name) => JSON.stringify(name)).join(", ")}`,
  ];
  return `Lost: ${parts.join("; ")}.`;
}

/** The disks that a request names, as keys to delete, to unlink or to overwrite, and the snapshot of its path. */
function partLost({ params = {}, path }: ProxmoxRequest, config: Config): string[] {
  const named = [params["delete"], params["idlist"], params["disk"], params["volume"]]
    .flat()
    .flatMap((value) => String(value ?? "").split(/[,; ]+/));
  const keys = [...new Set([...named, ...Object.keys(params)])].filter((key) => Object.hasOwn(config, key));
  const now = keys
    .filter((key) => diskKey.test(key))
    .map((key) => disk(key, String(config[key])))
    .join(", ");
  const snapshot =
    path[4] === "snapshot" && path[5] !== undefined ? `Snapshot: ${JSON.stringify(path[5])}.` : undefined;
  return [...(snapshot === undefined ? [] : [snapshot]), ...(now === "" ? [] : [`Disks as they are now: ${now}.`])];
}

/** `scsi0 local-lvm:vm-104-disk-0 (32G)`. */
function disk(key: string, value: string): string {
  const [volume = ""] = value.split(",");
  const size = /(?:^|,)size=([^,]+)/.exec(value)?.[1];
  return `${key} ${volume}${size === undefined ? "" : ` (${size})`}`;
}

/** The last second that a date can be of; who answers may mean harm. */
const latest = 8.64e12;

/** So many storages are asked for a guest's backups. */
const mostStorages = 8;

/** What is left of a guest once it is gone. */
async function countBackups({ node, vmid }: Guest, look: Look): Promise<string> {
  const storages = await look(["nodes", node, "storage"], { content: "backup", enabled: true });
  if ("missing" in storages) return `Its backups could not be counted: ${storages.missing}.`;
  const names = rowsOf(storages.data).flatMap((row) => text(row["storage"]) ?? []);
  const found = await Promise.all(
    names.slice(0, mostStorages).map(async (storage) => {
      const content = await look(["nodes", node, "storage", storage, "content"], { content: "backup", vmid });
      return { storage, rows: "missing" in content ? undefined : rowsOf(content.data) };
    }),
  );
  const unread = [
    ...found.flatMap(({ storage, rows }) => (rows === undefined ? [storage] : [])),
    ...names.slice(mostStorages),
  ];
  const times = found.flatMap(({ rows = [] }) =>
    rows.flatMap(({ ctime }) => (typeof ctime === "number" && ctime < latest ? [ctime] : [])),
  );
  const count = found.reduce((sum, { rows = [] }) => sum + rows.length, 0);
  const newest =
    times.length === 0 ? "" : `, the newest of ${new Date(Math.max(...times) * 1000).toISOString().slice(0, 10)}`;
  const seen = count === 0 ? "No backup of it was found" : `Backups of it: ${count}${newest}; they stay`;
  return `${seen}${unread.length === 0 ? "" : `; not looked at: ${unread.join(", ")}`}.`;
}

function rowsOf(data: unknown): readonly Config[] {
  return Array.isArray(data) ? data.filter(isObject) : [];
}

function isObject(value: unknown): value is Config {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function isOn(value: unknown): boolean {
  return value === 1 || value === "1" || value === true;
}
