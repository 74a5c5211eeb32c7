import { died } from "../../failure.ts";
import { type Config, type SimulatedCluster, type SimulatedGuest, type Storage, seconds } from "../../state/state.ts";
import { sizeOf } from "../cluster/metrics.ts";

/** A disk as a guest's configuration names it. */
export interface Disk {
  /** `scsi0`, `rootfs`, `unused0` */
  readonly key: string;
  readonly volid: string;
  readonly storage: string;
  /** Bytes. */
  readonly size: number;
}

const diskKey = /^(?:(?:scsi|virtio|sata|ide|efidisk|tpmstate|mp|unused)\d+|rootfs)$/;

/** Whether this configuration key holds a disk. */
export const isDisk = (key: string): boolean => diskKey.test(key);

/** The disks of a configuration; CD-ROM drives and bind mounts are none. */
export function disksOf(config: Config): Disk[] {
  return Object.entries(config).flatMap(([key, value]) => {
    const [volid = "", ...options] = String(value).split(",");
    if (!diskKey.test(key) || !volid.includes(":") || options.includes("media=cdrom")) return [];
    return [{ key, volid, storage: volid.split(":")[0] ?? "", size: sizeOf(String(value)) }];
  });
}

/** The storage, if it can hold `content` on the node; else Proxmox's text for what is wrong. */
export function usableStorage(world: SimulatedCluster, name: string, node: string, content: string): Storage {
  const storage = world.storages.get(name);
  if (storage === undefined) throw died(`storage '${name}' does not exist`);
  if (!available(storage, node)) throw died(`storage '${name}' is not available on node '${node}'`);
  if (!String(storage.config["content"]).split(",").includes(content))
    throw died(`storage '${name}' does not support content-type '${content}'`);
  return storage;
}

/** Whether the storage is enabled and configured for the node. */
export function available(storage: Storage, node: string): boolean {
  const { disable, nodes } = storage.config;
  return disable !== 1 && (nodes === undefined || String(nodes).split(",").includes(node));
}

/** Makes a disk of `gib` GiB for the guest: its configuration value, and the lines that its task writes. */
export function allocate(
  world: SimulatedCluster,
  guest: Pick<SimulatedGuest, "kind" | "vmid" | "node" | "config">,
  of: { key: string; storage: string; size: number; format?: string; options?: readonly string[] },
): { value: string; volid: string; lines: string[] } {
  const { vmid } = guest;
  const container = guest.kind === "lxc";
  const { config } = usableStorage(world, of.storage, guest.node, container ? "rootdir" : "images");
  const taken = disksOf(guest.config).map((disk) => Number(/-disk-(\d+)/.exec(disk.volid)?.[1] ?? -1));
  const index = Math.max(-1, ...taken) + 1;
  const files = config["path"] !== undefined;
  const format = of.format ?? "raw";
  const stem = `${container && config["type"] === "zfspool" ? "subvol" : "vm"}-${vmid}-disk-${index}`;
  const volid = files ? `${of.storage}:${vmid}/${stem}.${format}` : `${of.storage}:${stem}`;
  recordDisk(world, volid);
  const value = [volid, ...(of.options ?? []), `size=${shortSize(of.size)}`].join(",");
  const made = files
    ? `Formatting '${config["path"]}/images/${vmid}/${stem}.${format}', fmt=${format} size=${of.size} preallocation=off`
    : `Logical volume "${stem}" created.`;
  return { value, volid, lines: [made] };
}

/** Remembers that a disk was made now: a second later at least than one of the same name before it. */
export function recordDisk(world: SimulatedCluster, volid: string): void {
  world.disks.set(volid, Math.max(seconds(world), (world.disks.get(volid) ?? 0) + 1));
}

/**
 * The creation time of a guest's disk in seconds. That of a file is its inode's ctime, which moves while the guest writes
 * (PVE::Storage::Plugin, file_size_info).
 */
export function diskTime(world: SimulatedCluster, guest: SimulatedGuest, { volid, storage }: Disk): number {
  const booted = Math.floor((world.nodes.get(guest.node)?.booted ?? 0) / 1000);
  const isWritten = guest.run !== undefined && world.storages.get(storage)?.config["path"] !== undefined;
  return (world.disks.get(volid) ?? booted) + (isWritten ? world.answers : 0);
}

/** Whether every disk can be snapshotted: qcow2 files can, raw files cannot, volumes of ZFS and LVM-thin can. */
export function snapshotable(world: SimulatedCluster, config: Config): boolean {
  return disksOf(config).every(({ volid, storage }) => {
    const type = String(world.storages.get(storage)?.config["type"]);
    return volid.endsWith(".qcow2") || type === "zfspool" || type === "lvmthin";
  });
}

/** `1G`, `512M`: the shortest exact form. */
export function shortSize(bytes: number): string {
  const unit = ["T", "G", "M", "K"].find((it) => bytes % 1024 ** " KMGT".indexOf(it) === 0);
  return unit === undefined ? String(bytes) : `${bytes / 1024 ** " KMGT".indexOf(unit)}${unit}`;
}

/** `2.0 GiB`, as task logs write sizes. */
export const gib = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
