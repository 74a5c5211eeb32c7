import type { Node, SimulatedCluster, SimulatedGuest } from "../../state/state.ts";

/** Numbers that move with the clock and differ per guest, yet are the same for everybody who asks at one moment. */
export interface Load {
  /** Share of the guest's or node's processors, 0 to 1. */
  readonly cpu: number;
  /** Bytes. */
  readonly mem: number;
  readonly disk: number;
  readonly netin: number;
  readonly netout: number;
  readonly diskread: number;
  readonly diskwrite: number;
  /** Seconds. */
  readonly uptime: number;
}

const GiB = 1024 ** 3;

/** 0 to 1, slowly up and down. */
function wave(time: number, period: number, seed: number): number {
  return 0.5 + 0.5 * Math.sin((2 * Math.PI * time) / (period * 1000) + seed);
}

/**
 * The moment whose figures are shown: they move with every answer, also where the clock stands still. What started a
 * short while ago drifts little, so that its uptime stays close to the truth.
 */
function drifted(world: SimulatedCluster, since: number, at: number | undefined): number {
  if (at !== undefined) return at;
  const now = world.now();
  return now + Math.min(world.answers * 1000, Math.max(0, now - since) / 100);
}

/** A guest's load, at a moment of its past or now. */
export function guestLoad(world: SimulatedCluster, guest: SimulatedGuest, past?: number): Load {
  const { run, vmid } = guest;
  const at = drifted(world, run?.since ?? 0, past);
  if (run === undefined || at < run.since)
    return { cpu: 0, mem: 0, disk: 0, netin: 0, netout: 0, diskread: 0, diskwrite: 0, uptime: 0 };
  const uptime = Math.floor((at - run.since) / 1000);
  // The counters only ever grow: the swing is slower than the rate.
  const count = (rate: number): number => Math.floor(rate * (uptime + 40 * Math.sin(uptime / 60)));
  const rate = 900 + ((vmid * 37) % 5000);
  const warm = Math.min(1, uptime / 60);
  const busy = run.paused ? 0 : 0.02 + 0.35 * wave(at, 173, vmid) * wave(at, 1009, vmid * 7);
  const mem = warm * (0.35 + 0.25 * wave(at, 601, vmid * 3));
  return {
    cpu: Math.round(busy * 1e6) / 1e6,
    mem: Math.floor(mem * maxMemory(guest)),
    disk: guest.kind === "lxc" ? Math.floor(maxDisk(guest) * 0.38) : 0,
    netin: count(rate * 3),
    netout: count(rate),
    diskread: count(rate * 2),
    diskwrite: count(rate * 5),
    uptime,
  };
}

/** A node's load, at a moment of its past or now. */
export function nodeLoad(world: SimulatedCluster, node: Node, past?: number): Load {
  const at = drifted(world, node.booted, past);
  const guests = [...world.guests.values()].filter((guest) => guest.node === node.name);
  const loads = guests.map((guest) => ({ guest, load: guestLoad(world, guest, past) }));
  const sum = (value: (it: (typeof loads)[number]) => number): number => loads.reduce((all, it) => all + value(it), 0);
  const busy = sum(({ guest, load }) => (load.cpu * processors(world, guest)) / node.cpus);
  return {
    cpu: Math.min(1, 0.01 + 0.03 * wave(at, 97, node.id) + busy),
    mem: Math.min(Math.floor(node.memory * 0.95), Math.floor(1.8 * GiB + sum(({ load }) => load.mem))),
    disk: 34074025984 + Math.floor((at - node.booted) / 50),
    netin: sum(({ load }) => load.netin),
    netout: sum(({ load }) => load.netout),
    diskread: 0,
    diskwrite: 0,
    uptime: Math.floor((at - node.booted) / 1000),
  };
}

/** A guest never shows more processors than its node has. */
export function processors(world: SimulatedCluster, guest: SimulatedGuest): number {
  const cores = Number(guest.config["cores"] ?? 1) * Number(guest.config["sockets"] ?? 1);
  return Math.min(cores, world.nodes.get(guest.node)?.cpus ?? cores);
}

/** Bytes. */
export function maxMemory(guest: SimulatedGuest): number {
  return Number.parseInt(String(guest.config["memory"] ?? 512), 10) * 1024 ** 2;
}

/** Bytes of the boot disk, 0 without one. */
export function maxDisk(guest: SimulatedGuest): number {
  const boot = /order=([^;,]+)/.exec(String(guest.config["boot"] ?? ""))?.[1] ?? "scsi0";
  return sizeOf(String(guest.config[guest.kind === "lxc" ? "rootfs" : boot] ?? ""));
}

/** Bytes of a `size=32G` in a disk's configuration, 0 without one. */
export function sizeOf(disk: string): number {
  const [, amount, unit = ""] = /(?:^|,)size=([\d.]+)([KMGT]?)/.exec(disk) ?? [];
  return amount === undefined ? 0 : Number(amount) * 1024 ** " KMGT".indexOf(unit || " ");
}

const frames = { hour: 60, day: 1800, week: 10800, month: 43200, year: 604800 };
export type Frame = keyof typeof frames;
export const frameNames = Object.keys(frames);

/** The moments of an RRD answer, oldest first, in seconds. */
export function moments(world: SimulatedCluster, frame: string): number[] {
  const width = frames[frame as Frame] ?? frames.hour;
  const last = Math.floor(world.now() / 1000 / width) * width;
  return Array.from({ length: 59 }, (_, index) => last - (58 - index) * width);
}
