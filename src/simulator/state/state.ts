import { died } from "../failure.ts";
import type { Random } from "../perl.ts";
import type { Value } from "../schema.ts";
import type { Firewall } from "./firewall.ts";
import type { Interfaces } from "./network.ts";
import type { Task } from "./task.ts";

/** A guest's configuration as `GET .../config` gives it, without the digest. */
export type Config = Record<string, Value>;

export interface Snapshot {
  readonly config: Config;
  readonly description: string;
  /** Seconds since 1970. */
  readonly snaptime: number;
  readonly parent: string | undefined;
  readonly vmstate: 0 | 1;
}

export interface SimulatedGuest {
  readonly kind: "qemu" | "lxc";
  readonly vmid: number;
  node: string;
  config: Config;
  /** Changes that wait for the next start; null deletes. */
  readonly pending: Map<string, Value | null>;
  readonly snapshots: Map<string, Snapshot>;
  /** While it is on: since when (milliseconds), and whether a VM is paused. */
  run: { readonly since: number; readonly pid: number; paused: boolean } | undefined;
}

export interface Node {
  readonly name: string;
  readonly id: number;
  readonly ip: string;
  readonly fingerprint: string;
  online: boolean;
  booted: number;
  /** When it is back after a reboot, in milliseconds; undefined while it is not rebooting. */
  returns: number | undefined;
  /** Its services that were stopped. */
  readonly stopped: Set<string>;
  readonly network: Interfaces;
  /** What services wrote to its journal, oldest first. */
  readonly journal: string[];
  readonly cpus: number;
  readonly memory: number;
  /** The process id that was given last. */
  pid: number;
}

/** A file on a storage that belongs to no guest's configuration: ISO images, templates, backups. */
export interface Volume {
  readonly volid: string;
  /** Where it is, when the storage is not shared. */
  readonly node: string | undefined;
  readonly row: Record<string, Value>;
  /** The configuration inside a backup. */
  readonly saved?: Config;
}

export interface Storage {
  /** As in `storage.cfg`. */
  config: Config;
  readonly total: number;
  readonly used: number;
  readonly volumes: Volume[];
}

export interface Pool {
  comment: string | undefined;
  readonly guests: Set<number>;
  readonly storages: Set<string>;
}

export interface User {
  comment: string | undefined;
  email: string | undefined;
  firstname?: string;
  lastname?: string;
  enable: 0 | 1;
  expire: number;
  readonly tokens: Map<string, Token>;
}

export interface Token {
  secret: string;
  comment: string | undefined;
  /** Seconds since 1970; 0 is never. */
  expire: number;
  /** 1: its own rights count too, so without any it may do nothing. */
  privsep: 0 | 1;
}

export interface Group {
  comment: string | undefined;
  readonly users: Set<string>;
}

export interface Grant {
  readonly path: string;
  readonly type: "user" | "group" | "token";
  readonly ugid: string;
  readonly roleid: string;
  readonly propagate: 0 | 1;
}

/** Things that are broken on purpose; all can be changed at any time. */
export interface Faults {
  /** The cluster has lost its quorum: reads go on, writes fail in Proxmox's three ways. */
  noQuorum: boolean;
  /** Nodes that accept a request and never answer it (596 from the node in front). */
  frozen: readonly string[];
  /** Storages that no node can reach. */
  inactive: readonly string[];
  /** Guests under high availability with their state, `vm:100` -> `error`. */
  services: Readonly<Record<string, string>>;
  /** Replication jobs with their latest error, "" for one that works: `100-0` -> `no space left`. */
  replication: Readonly<Record<string, string>>;
  /** What Ceph says of itself; without it no Ceph is installed. */
  ceph: { readonly status: string; readonly checks: Readonly<Record<string, string>> } | undefined;
  /** By node. */
  nodes: Readonly<Record<string, NodeFault>>;
}

/** What is wrong with one node; without a value it is as it should be. */
export interface NodeFault {
  /** How long its own certificate is still valid. */
  readonly certificateDays?: number;
  /** How far its clock is ahead. */
  readonly clockSeconds?: number;
  readonly version?: string;
  /** A subscription's status, `expired`; without it there has never been one. */
  readonly subscription?: string;
  /** How many updates wait. */
  readonly updates?: number;
  /** Its load during the last hour, 0 to 1. */
  readonly cpu?: number;
  readonly memory?: number;
  /** Its disks with SMART's verdict and how much of their life is left, in percent. */
  readonly disks?: Readonly<Record<string, { readonly health: string; readonly wearout: number }>>;
  /** Its ZFS pools with their health, `ONLINE`. */
  readonly pools?: Readonly<Record<string, string>>;
}

/** How long failures take, in milliseconds. */
export interface Delays {
  readonly auth: number;
  readonly offline: number;
  readonly frozen: number;
  readonly lock: number;
}

/** A guest under high availability, as `resources.cfg` has it: only what was set. */
export type HaResource = Readonly<Record<string, Value>>;

/** An entry of the cluster log. */
export interface LogEntry {
  /** Seconds since 1970. */
  readonly time: number;
  readonly node: string;
  readonly pid: number;
  readonly user: string;
  readonly msg: string;
}

/** One cluster: everything that its API can read or change. */
export interface SimulatedCluster {
  readonly name: string;
  readonly version: { readonly version: string; readonly release: string; readonly repoid: string };
  /** Proxmox VE 9 and newer: more fields in several answers. */
  readonly modern: boolean;
  /** False for a single node that never joined a cluster: it has no cluster row in `/cluster/status`. */
  readonly clustered: boolean;
  readonly options: Record<string, unknown>;
  readonly nodes: Map<string, Node>;
  readonly guests: Map<number, SimulatedGuest>;
  readonly storages: Map<string, Storage>;
  readonly pools: Map<string, Pool>;
  readonly jobs: Record<string, Value>[];
  readonly users: Map<string, User>;
  readonly groups: Map<string, Group>;
  readonly roles: Map<string, { readonly special: 0 | 1; readonly privileges: readonly string[] }>;
  readonly acl: Grant[];
  /** By resource id, `vm:100`. */
  readonly ha: Map<string, HaResource>;
  /** By place: `cluster`, `node/pve1`, `guest/100`; a place without a file has no entry. */
  readonly firewalls: Map<string, Firewall>;
  /** Commands that the guest agent ran, by guest and process id. */
  readonly commands: Map<string, readonly string[]>;
  readonly tasks: Task[];
  /** The cluster log's entries, oldest first. */
  readonly log: LogEntry[];
  readonly faults: Faults;
  readonly delays: Delays;
  /** About how long a task runs, in milliseconds. */
  readonly taskMs: number;
  /** Decides in which order hashes are written. */
  readonly random: Random;
  /** When disks were made, by volume id, in seconds since 1970; one that is older than this world has none. */
  readonly disks: Map<string, number>;
  /** How often `storage.cfg` was written: each time its digest is another one, for its sets are written in another order. */
  storageWrites: number;
  /** How many requests were answered: the figures of guests, nodes and storages move with every one. */
  answers: number;
  /** Milliseconds since 1970. */
  now(): number;
  /** Set while tasks catch up: `now()` is then the moment at which the step was due. */
  moment: number | undefined;
}

/** The guest of this kind on this node, or Proxmox's text for "no such guest here". */
export function findGuest(
  world: SimulatedCluster,
  kind: SimulatedGuest["kind"],
  node: string,
  vmid: number,
): SimulatedGuest {
  const guest = world.guests.get(vmid);
  if (guest?.kind === kind && guest.node === node) return guest;
  const folder = kind === "qemu" ? "qemu-server" : "lxc";
  throw died(`Configuration file 'nodes/${node}/${folder}/${vmid}.conf' does not exist`);
}

/** The node of this name, offline or not. */
export function findNode(world: SimulatedCluster, name: string): Node {
  const node = world.nodes.get(name);
  if (node === undefined) throw died(`no such cluster node '${name}'`);
  return node;
}

/** Whether the nodes that are online have a majority of the votes. */
export function quorate(world: SimulatedCluster): boolean {
  const nodes = [...world.nodes.values()];
  return !world.faults.noQuorum && nodes.filter(({ online }) => online).length * 2 > nodes.length;
}

/** The words of a list: separated by commas, semicolons, spaces or NUL. */
export function words(list: string): string[] {
  return list.split(/[,; \0]+/).filter((word) => word !== "");
}

/** The name of the pool that the guest is in. */
export function poolOf(world: SimulatedCluster, vmid: number): string | undefined {
  for (const [name, pool] of world.pools) if (pool.guests.has(vmid)) return name;
  return undefined;
}

/** What a guest is called; Proxmox makes up a name for one without. */
export function nameOf(guest: SimulatedGuest): string {
  const fallback = guest.kind === "qemu" ? `VM ${guest.vmid}` : `CT${guest.vmid}`;
  return String(guest.config[guest.kind === "qemu" ? "name" : "hostname"] ?? fallback);
}

/** Whole seconds since 1970, as Proxmox counts. */
export function seconds(world: SimulatedCluster): number {
  return Math.floor(world.now() / 1000);
}
