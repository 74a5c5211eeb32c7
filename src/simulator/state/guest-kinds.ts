import { may } from "../access.ts";
import type { SimulatedCall } from "../endpoint.ts";
import { guestLoad, maxDisk, maxMemory, processors } from "../endpoints/cluster/metrics.ts";
import { died } from "../failure.ts";
import { guestDigest } from "./digest.ts";
import { findGuest, nameOf, poolOf, type SimulatedCluster, type SimulatedGuest } from "./state.ts";

/** What differs between virtual machines and containers in names and texts. */
export interface Kind {
  readonly type: SimulatedGuest["kind"];
  readonly base: "/nodes/{node}/qemu" | "/nodes/{node}/lxc";
  readonly label: "VM" | "CT";
  readonly noun: "virtual machine" | "container";
  /** Task types are `qmstart` and `vzstart`, but `qmigrate` and `vzmigrate`. */
  readonly task: "qm" | "vz";
  readonly migrate: "qmigrate" | "vzmigrate";
  readonly name: "name" | "hostname";
}

/** Virtual machines. */
export const qemu: Kind = {
  type: "qemu",
  base: "/nodes/{node}/qemu",
  label: "VM",
  noun: "virtual machine",
  task: "qm",
  migrate: "qmigrate",
  name: "name",
};

/** Containers. */
export const lxc: Kind = {
  type: "lxc",
  base: "/nodes/{node}/lxc",
  label: "CT",
  noun: "container",
  task: "vz",
  migrate: "vzmigrate",
  name: "hostname",
};

/** The id of a guest as an HA resource, `vm:100`. */
export const sidOf = ({ kind, vmid }: SimulatedGuest): string => `${kind === "qemu" ? "vm" : "ct"}:${vmid}`;

/** The guest that the call's path names. */
export function guestOf(call: SimulatedCall, kind: Kind): SimulatedGuest {
  return findGuest(call.world, kind.type, call.node, call.number("vmid"));
}

/** Throws what Proxmox says when a guest's configuration is locked. */
export function unlocked(guest: SimulatedGuest): SimulatedGuest {
  const { lock } = guest.config;
  if (lock !== undefined) throw died(`${guest.kind === "qemu" ? "VM" : "CT"} is locked (${lock})`);
  return guest;
}

/** Throws unless the digest that the caller gave, if any, is the current one. */
export function unchanged(call: SimulatedCall, guest: SimulatedGuest): void {
  const given = call.text("digest");
  if (given !== "" && given !== guestDigest(guest)) throw died("checksum mismatch (file change by other user?)");
}

/** A guest as a row of `/cluster/resources`, or undefined when the caller may not see it. */
export function resourceRow(call: SimulatedCall, guest: SimulatedGuest): Record<string, unknown> | undefined {
  const { world, who } = call;
  if (!may(world, who, `/vms/${guest.vmid}`, "VM.Audit")) return undefined;
  const { tags, lock } = guest.config;
  const pool = poolOf(world, guest.vmid);
  const shown = pool !== undefined && may(world, who, `/pool/${pool}`, "Pool.Audit");
  const member = memberRow(world, guest);
  if (member["status"] === "unknown") return member;
  const resource = world.ha.get(sidOf(guest));
  const hastate = resource === undefined ? undefined : (resource["state"] ?? "started");
  return { ...member, ...(shown ? { pool } : {}), ...given({ tags, lock, hastate }) };
}

/** The same row as a pool shows it: without pool, tags and lock. */
export function memberRow(world: SimulatedCluster, guest: SimulatedGuest): Record<string, unknown> {
  const { kind, vmid, node, run, config } = guest;
  const id = { id: `${kind}/${vmid}`, type: kind, vmid, node };
  if (world.nodes.get(node)?.online !== true) return { ...id, status: "unknown" };
  const load = guestLoad(world, guest);
  return {
    ...id,
    name: nameOf(guest),
    status: run === undefined ? "stopped" : "running",
    template: Number(config["template"] ?? 0),
    ...load,
    maxcpu: processors(world, guest),
    maxmem: maxMemory(guest),
    maxdisk: maxDisk(guest),
    ...(world.modern ? { memhost: hostMemory(guest, load.mem) } : {}),
  };
}

/** A guest as its node lists it. */
export function listRow(world: SimulatedCluster, guest: SimulatedGuest): Record<string, unknown> {
  const { kind, vmid, run, config } = guest;
  const { diskread, diskwrite, ...load } = guestLoad(world, guest);
  const { tags, lock, template } = config;
  const common = {
    vmid,
    name: nameOf(guest),
    status: run === undefined ? "stopped" : "running",
    ...load,
    cpus: processors(world, guest),
    maxmem: maxMemory(guest),
    maxdisk: maxDisk(guest),
    ...given({ tags, lock, template, pid: run?.pid }),
  };
  if (kind === "lxc") {
    const maxswap = Number(config["swap"] ?? 512) * 1024 ** 2;
    return { ...common, type: "lxc", diskread, diskwrite, swap: 0, maxswap };
  }
  const balloon = config["balloon"];
  return {
    ...common,
    ...(world.modern ? { memhost: hostMemory(guest, load.mem) } : {}),
    ...(balloon === undefined ? {} : { balloon_min: Number(balloon) * 1024 ** 2, shares: 1000 }),
  };
}

/** What QEMU says of itself: a paused VM still counts as running elsewhere. */
export function qmpStatus(guest: SimulatedGuest): string {
  if (guest.run === undefined) return "stopped";
  return guest.run.paused ? "paused" : "running";
}

function hostMemory(guest: SimulatedGuest, used: number): number {
  return guest.kind === "qemu" && used > 0 ? used + 96 * 1024 ** 2 : 0;
}

function given(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
