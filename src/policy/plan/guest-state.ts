import { isUnread, ProxmoxError } from "../../proxmox/errors/proxmox-error.ts";
import { formatPath } from "../../proxmox/path.ts";
import { diskKey, propertiesOf, volumesOf } from "../endpoint-classes/parameters/property.ts";
import { type Guest, guestListPath } from "../guests.ts";
import { PolicyRefusal } from "../refusal.ts";
import type { Context } from "./describer.ts";
import type { Row } from "./facts.ts";
import { objectIn, rowsIn, type Seen, textIn, yes } from "./look.ts";
import type { Planned } from "./plan.ts";
import { ageText, count, dateText, listText, nameText, quote, valueText } from "./wording.ts";

/** A snapshot of a guest. */
export interface Snapshot {
  readonly name: string;
  readonly parent: string | undefined;
  readonly time: unknown;
  readonly hasMemory: boolean;
}

/** A guest as it is now. */
export interface GuestState {
  readonly guest: Guest;
  /** `VM 104 web-01`. */
  readonly label: string;
  readonly words: readonly string[];
  /** Whether a process runs; `undefined` where that could not be read. */
  readonly running: boolean | undefined;
  /** `running`, `paused`, `stopped`, or `in an unknown state`. */
  readonly power: string;
  readonly managedByHa: boolean;
  /** Its configuration; `undefined` where it could not be read. */
  readonly config: Row | undefined;
  /** Its snapshots; `undefined` where they could not be read. */
  readonly snapshots: readonly Snapshot[] | undefined;
  /** `VM 104 web-01: stopped on pve1, tags dev;old.` and warnings about its state. */
  readonly lines: readonly string[];
  readonly digest: string | undefined;
}

/** `VM 104 web-01`, `CT 200`. */
export function guestLabel({ type, vmid, name }: Pick<Guest, "type" | "vmid" | "name">): string {
  return `${type === "lxc" ? "CT" : "VM"} ${vmid}${name === undefined ? "" : ` ${nameText(name, 63)}`}`;
}

/** The guest of a path, read; the path says its node and kind where the cluster does not list it (yet). */
export async function readTarget(context: Context): Promise<GuestState> {
  const { path, values, planned } = context;
  const vmid = values["vmid"] ?? path[3] ?? "";
  const type = path[2] === "lxc" ? "lxc" : "qemu";
  const listed = await findGuest(vmid, planned);
  if (listed === undefined && (await isFree(context, vmid)))
    throw context.noEffect(`there is no guest with VMID ${vmid}`);
  const guest = listed ?? {
    ...{ vmid, node: path[1] ?? "", type, name: undefined, status: "unknown", tags: [], pool: undefined },
  };
  return await readGuest(context, guest);
}

/**
 * Whether no guest has a VMID. GET /cluster/nextid tells it from the whole list, also where the token may not see a guest
 * (PVE::API2::Cluster).
 */
export async function isFree({ look }: Context, vmid: string): Promise<boolean> {
  if (!/^[1-9]\d{2,8}$/.test(vmid)) return false;
  const seen = await look(["cluster", "nextid"], { vmid });
  return "data" in seen && textIn(seen.data) === vmid;
}

/**
 * Where a guest is; `undefined` where the cluster does not list it or its list cannot be read. Without its name where the
 * settings withhold that list from the caller.
 */
export async function findGuest(vmid: string, planned: Planned): Promise<Guest | undefined> {
  return (await guestFinder(planned))(vmid);
}

/** Finds guests as {@link findGuest} does, in one list. */
export async function guestFinder(planned: Planned): Promise<(vmid: string) => Guest | undefined> {
  const all = await listGuests(planned);
  const byVmid = new Map(typeof all === "string" ? [] : all.map((guest) => [guest.vmid, guest]));
  const mayName = planned.mayRead(guestListPath);
  return (vmid) => {
    const guest = byVmid.get(vmid);
    return guest === undefined || mayName ? guest : { ...guest, name: undefined };
  };
}

/**
 * The guests that the token may see, or why they cannot be listed, as the end of a sentence. A plan may show them only
 * where the caller may read {@link guestListPath}.
 */
export async function listGuests({ guests }: Planned): Promise<readonly Guest[] | string> {
  try {
    return await guests();
  } catch (error) {
    if (!(error instanceof ProxmoxError) || isUnread(error)) throw error;
    return error.what;
  }
}

/**
 * Reads a guest and binds the consent to it: place, power state, configuration, snapshots. VMIDs are reused, so a
 * number alone identifies no guest. Name and tags come from the configuration: pvestatd writes those of
 * /cluster/resources every 10 s only, and a new guest has none there for up to 17 s.
 * @param prefix of the facts' labels, where a plan is about several guests.
 * @throws {PolicyRefusal} when the call cannot be undone and the guest cannot be read.
 */
export async function readGuest(context: Context, guest: Guest, prefix = ""): Promise<GuestState> {
  const { look, facts, now } = context;
  const base = ["nodes", guest.node, guest.type, guest.vmid];
  const [configSeen, statusSeen, snapshotsSeen] = await Promise.all([
    look([...base, "config"]),
    look([...base, "status", "current"]),
    look([...base, "snapshot"]),
  ]);
  const config = objectIn(configSeen);
  if (config === undefined) refuseUnread(context.planned, configSeen);
  if (rowsIn(snapshotsSeen) === undefined) refuseUnread(context.planned, snapshotsSeen);
  const status = objectIn(statusSeen);
  const snapshots = rowsIn(snapshotsSeen)
    ?.filter(({ name }) => name !== "current")
    .toSorted(byTime)
    .map(
      (row): Snapshot => ({
        name: String(row["name"]),
        parent: textIn(row["parent"]),
        time: row["snaptime"],
        hasMemory: yes(row["vmstate"]),
      }),
    );
  const process = textIn(status?.["status"]);
  const power = textIn(status?.["qmpstatus"]) ?? process ?? "in an unknown state";
  const { managed } = (objectIn({ data: status?.["ha"] }) ?? {}) as { managed?: unknown };
  const managedByHa = yes(managed);
  facts.add(`${prefix}node`, guest.node);
  facts.add(`${prefix}kind`, guest.type);
  if (status !== undefined) {
    // A paused VM has the status `running`; any other two that differ both count.
    const agrees = process === undefined || process === power || (process === "running" && power !== "stopped");
    facts.add(`${prefix}power state`, agrees ? power : `${process} (${power})`);
    facts.add(`${prefix}managed by HA`, managedByHa);
  }
  if (config !== undefined) {
    facts.addObject(config, { prefix });
    facts.addDigest(`${prefix}the configuration`, config["digest"]);
  }
  const kept = rowsIn(snapshotsSeen)?.filter(({ name }) => name !== "current") ?? [];
  facts.addRows(`${prefix}snapshot`, kept, ({ name }) => name, {
    only: ["name", "parent", "snaptime", "description", "vmstate"],
  });
  const name = textIn(config?.["name"]) ?? textIn(config?.["hostname"]) ?? guest.name;
  const label = guestLabel({ ...guest, name });
  if (config === undefined) facts.add(`${prefix}name`, name);
  const tags = textIn(config?.["tags"])?.trim() ?? "";
  const lock = textIn(config?.["lock"]);
  const missing = [configSeen, statusSeen, snapshotsSeen].flatMap((seen) => ("missing" in seen ? [seen.missing] : []));
  return {
    guest: { ...guest, name },
    label,
    words: [...(name === undefined ? [] : [name]), guest.vmid],
    running: process === undefined ? undefined : process !== "stopped",
    power,
    managedByHa,
    config,
    snapshots,
    lines: [
      `${label}: ${power} on ${guest.node}${tags === "" ? "" : `, tags ${valueText(tags)}`}${managedByHa ? ", managed by HA" : ""}.`,
      ...(yes(config?.["protection"])
        ? ["Proxmox's protection flag is set: it refuses to remove the guest or its disks."]
        : []),
      ...(lock === undefined ? [] : [`The configuration is locked: ${nameText(lock)}.`]),
      ...(missing.length === 0 ? [] : [`Not all of it could be read: ${missing[0]}.`]),
      ...(snapshots === undefined || snapshots.length === 0
        ? []
        : [`Snapshots: ${listText(snapshots.map((snapshot) => snapshotText(snapshot, now)))}.`]),
    ],
    digest: textIn(config?.["digest"]),
  };
}

/** Oldest first, those of one second by name: Proxmox lists them in any order. */
function byTime(a: Row, b: Row): number {
  const difference = (Number(a["snaptime"]) || 0) - (Number(b["snaptime"]) || 0);
  return difference === 0 ? (String(a["name"]) < String(b["name"]) ? -1 : 1) : difference;
}

/** `"before" of 2026-11-27 20:58 UTC (2 h ago)`. */
export function snapshotText({ name, time, hasMemory }: Snapshot, now: number): string {
  const age = ageText(time, now);
  return `${nameText(name)} of ${dateText(time)}${age === undefined ? "" : ` (${age})`}${hasMemory ? " with memory" : ""}`;
}

/**
 * Refuses a call that cannot be undone where what it would lose cannot be read. What the settings withhold was read, and
 * binds the consent all the same; what exposes secrets is never read.
 */
export function refuseUnread(planned: Planned, seen: Seen, need?: string): void {
  if (!("missing" in seen)) refuseBlind(planned, "the answer has another form than Proxmox's", need);
  else if (!seen.withheld && !seen.unlooked) refuseBlind(planned, seen.missing, need);
}

/** What cannot be undone needs a human who sees what would be lost; a target that was replaced meanwhile would not be noticed. */
export function refuseBlind(
  { cluster, request, classified }: Planned,
  missing: string,
  need = "The token needs VM.Audit on the guest, and its node must answer.",
): void {
  if (!classified.irreversible) return;
  throw new PolicyRefusal(
    "consent",
    `${request.method} ${formatPath(request.path)} on ${cluster.name} was not sent: it cannot be undone, and what would be lost cannot be read (${missing}). ${need}`,
  );
}

/** A disk of a guest's configuration. */
export interface Disk {
  readonly key: string;
  readonly volume: string;
  /** `32G` as Proxmox writes it; `undefined` where it does not say. */
  readonly size: string | undefined;
}

/** The disks of a configuration, without CD-ROM drives. */
export function disksOf(config: Row): readonly Disk[] {
  return Object.entries(config)
    .flatMap(([key, value]) => (diskKey.test(key) && typeof value === "string" ? [diskOf(key, value)] : []))
    .filter((disk) => disk !== undefined)
    .toSorted((a, b) => a.key.localeCompare(b.key, "en", { numeric: true }));
}

/** A disk's property string; `undefined` for a CD-ROM drive, which holds nothing of the guest. */
export function diskOf(key: string, value: string): Disk | undefined {
  const parts = propertiesOf(value);
  const [volume = ""] = volumesOf(value);
  const named = (name: string) => parts.find(([key]) => key === name)?.[1];
  if (volume === "none" || named("media") === "cdrom") return undefined;
  return { key, volume, size: named("size") };
}

/** Storages that are asked for the volumes of a guest. */
const maxStorages = 8;

/**
 * Binds the consent to the volumes that a call deletes: a volume that was recreated has the name and size of the old one.
 * The creation time of a file is its inode's ctime, which each write moves (PVE::Storage::Plugin, file_size_info), so
 * it counts only for volumes that nothing writes.
 * @param keys of the configuration, such as `unused0`; all volumes of the guest by default.
 */
export async function bindVolumes(context: Context, state: GuestState, keys?: readonly string[]): Promise<void> {
  const { guest, config, running } = state;
  const wanted = keys && new Set(keys);
  const disks = disksOf(config ?? {}).filter(({ key }) => wanted?.has(key) ?? true);
  const storages = [...new Set(disks.map(({ volume }) => volume.split(":")[0] ?? ""))].toSorted().slice(0, maxStorages);
  const lists = await Promise.all(
    storages.map(async (storage) =>
      rowsIn(await context.look(["nodes", guest.node, "storage", storage, "content"], { vmid: guest.vmid })),
    ),
  );
  const byVolume = new Map(disks.map((disk) => [disk.volume, disk]));
  for (const row of lists.flatMap((rows) => rows ?? [])) {
    const volid = String(row["volid"]);
    const disk = byVolume.get(volid);
    if (row["content"] === "backup" || (keys !== undefined && disk === undefined)) continue;
    const isIdle = running === false || disk?.key.startsWith("unused") === true;
    context.facts.add(`volume ${volid}`, { size: row["size"], ...(isIdle && { ctime: row["ctime"] }) });
  }
}

/** `scsi0 32G`, or with its volume `scsi0 local-lvm:vm-104-disk-0 32G`. */
export function diskText({ key, volume, size }: Disk, withVolume = false): string {
  return [key, ...(withVolume ? [nameText(volume, 200)] : []), ...(size === undefined ? [] : [size])]
    .map(String)
    .join(" ");
}

/**
 * Answers a request that detaches or deletes disks of a guest with Proxmox's protection flag: Proxmox refuses it
 * (check_protection in PVE::API2::Qemu update_vm_api and PVE::LXC::Config).
 * @throws {NoEffect}
 */
export function refuseProtected({ noEffect }: Context, { config, label }: GuestState, keys: readonly string[]): void {
  if (!yes(config?.["protection"])) return;
  const disks = keys.filter((key) => diskKey.test(key) && typeof config?.[key] === "string");
  if (disks.length === 0) return;
  throw noEffect(
    `Proxmox's protection flag is set on ${label}, and Proxmox detaches and deletes none of its disks (${listText(disks)})`,
  );
}

/** `2 snapshots` or `1 snapshot (before)`. */
export function snapshotsText(snapshots: readonly Snapshot[] | undefined): string {
  if (snapshots === undefined) return "snapshots not readable";
  const [only] = snapshots;
  return snapshots.length === 1 && only !== undefined
    ? `1 snapshot (${nameText(only.name)})`
    : count(snapshots.length, "snapshot");
}

/** Names in the message of an error, at most 20, quoted where they are more than a plain word. */
export function quotedNames(names: readonly string[]): string {
  return listText(names.map((name) => (/^[\w.-]+$/.test(name) ? name : quote(name))));
}
