import { demand, on } from "../access.ts";
import { del, type Endpoint, get, post, put, type SimulatedCall } from "../endpoint.ts";
import { dropFromJobs } from "../endpoints/cluster/backup-jobs.ts";
import { resourceOf } from "../endpoints/cluster/ha.ts";
import {
  frameNames,
  guestLoad,
  maxDisk,
  maxMemory,
  moments,
  processors,
  sizeOf,
} from "../endpoints/cluster/metrics.ts";
import { allocate, disksOf, gib, shortSize } from "../endpoints/guests/disk.ts";
import { locked } from "../endpoints/guests/snapshot.ts";
import { logMessage, startTask } from "../endpoints/nodes/task.ts";
import { died } from "../failure.ts";
import { choice, flag, integer, optional, text } from "../schema.ts";
import { guestOf, type Kind, sidOf, unlocked } from "./guest-kinds.ts";
import { type Config, findNode, nameOf, type SimulatedCluster, type SimulatedGuest } from "./state.ts";
import type { Script } from "./task.ts";

/** Adds a guest that is off; throws when its number is taken. */
export function addGuest(
  world: SimulatedCluster,
  of: Pick<SimulatedGuest, "kind" | "vmid" | "node" | "config">,
): SimulatedGuest {
  if (world.guests.has(of.vmid)) {
    const { kind, node } = world.guests.get(of.vmid) ?? of;
    throw died(
      `unable to create ${of.kind === "qemu" ? "VM" : "CT"} ${of.vmid}: config file already exists (${kind} on ${node})`,
    );
  }
  const guest: SimulatedGuest = { ...of, pending: new Map(), snapshots: new Map(), run: undefined };
  world.guests.set(of.vmid, guest);
  return guest;
}

/** Throws the 500 for a number that is taken anywhere in the cluster. */
export function freeVmid(world: SimulatedCluster, vmid: number): void {
  const taken = world.guests.get(vmid);
  if (taken === undefined) return;
  const label = taken.kind === "qemu" ? "VM" : "CT";
  throw died(`unable to create ${label} ${vmid}: ${label} ${vmid} already exists on node '${taken.node}'`);
}

function clone(call: SimulatedCall, kind: Kind): string {
  const { world } = call;
  const source = unlocked(guestOf(call, kind));
  const newid = call.number("newid");
  demand(world, call.who, `/vms/${newid}`, "VM.Allocate");
  freeVmid(world, newid);
  const target = call.text("target") || call.node;
  findNode(world, target);
  const full = call.number("full", source.config["template"] === 1 ? 0 : 1) === 1;
  const from = call.text("snapname");
  const origin = from === "" ? source.config : source.snapshots.get(from)?.config;
  if (origin === undefined) throw died(`snapshot '${from}' does not exist`);
  const { template: _, protection: __, lock: ___, parent: ____, ...config } = origin;
  const made = addGuest(world, { kind: kind.type, vmid: newid, node: target, config: { lock: "clone" } });
  const body = function* (): Script {
    yield `creating a clone of ${kind.label} ${source.vmid} with ID ${newid}`;
    const fresh: Config = {};
    for (const disk of disksOf(config)) {
      yield `create ${full ? "full" : "linked"} clone of drive ${disk.key} (${disk.volid})`;
      const storage = call.text("storage") || disk.storage;
      const options = String(config[disk.key])
        .split(",")
        .slice(1)
        .filter((it) => !it.startsWith("size="));
      const format = disk.volid.endsWith(".qcow2") ? "qcow2" : "raw";
      const guest = { kind: kind.type, vmid: newid, node: target, config: fresh };
      const copy = allocate(world, guest, { key: disk.key, storage, size: disk.size, format, options });
      fresh[disk.key] = copy.value;
      yield* copy.lines;
      yield `allocated target volume '${copy.volid}'`;
      yield `transferred 0.0 B of ${gib(disk.size)} (0.00%)`;
      yield 0.8;
      yield `transferred ${gib(disk.size)} of ${gib(disk.size)} (100.00%)`;
      yield `transferred ${gib(disk.size)} of ${gib(disk.size)} (100.00%)`;
    }
    yield 0.1;
    made.config = { ...config, ...fresh };
    made.config[kind.name] = call.text(kind.name) || `Copy-of-${kind.label}-${nameOf(source)}`;
    if (call.text("description") !== "") made.config["description"] = call.text("description");
    world.pools.get(call.text("pool"))?.guests.add(newid);
  };
  return startTask(call, `${kind.task}clone`, source.vmid, function* () {
    try {
      yield* locked(source, "clone", body());
    } finally {
      if (made.config["lock"] === "clone") world.guests.delete(newid);
    }
  });
}

function destroy(call: SimulatedCall, kind: Kind): string {
  const { world } = call;
  const guest = guestOf(call, kind);
  const { vmid } = guest;
  const label = `${kind.label} ${vmid}`;
  if (guest.config["protection"] === 1) throw died(`can't remove ${label} - protection mode enabled`);
  if (guest.run !== undefined)
    throw died(
      kind.type === "qemu"
        ? `${label} is running - destroy failed`
        : `unable to destroy ${label} - container is running`,
    );
  const purge = call.params["purge"] === 1;
  const managed = resourceOf(world, guest) !== undefined;
  if (managed && !purge) throw died(`unable to remove ${label} - used in HA resources and purge parameter not set.`);
  return startTask(call, `${kind.task}destroy`, vmid, function* () {
    unlocked(guest);
    yield 0.4;
    if (purge) yield `purging ${label} from related configurations..`;
    world.guests.delete(vmid);
    forget(world, vmid);
    if (!purge) return;
    dropFromJobs(world, vmid);
    if (world.ha.delete(sidOf(guest))) yield `NOTE: removed ${label} from HA resource configuration.`;
  });
}

/** What goes with a guest even without purge: pool membership, ACL entries and firewall file (`alpha-purge.json`). */
function forget(world: SimulatedCluster, vmid: number): void {
  for (const pool of world.pools.values()) pool.guests.delete(vmid);
  world.acl.splice(0, world.acl.length, ...world.acl.filter(({ path }) => path !== `/vms/${vmid}`));
  world.firewalls.delete(`guest/${vmid}`);
}

function resize(call: SimulatedCall, kind: Kind): string {
  const guest = unlocked(guestOf(call, kind));
  const key = call.text("disk");
  const disk = disksOf(guest.config).find((it) => it.key === key);
  if (disk === undefined) throw died(`disk '${key}' does not exist`);
  const [, plus, amount = ""] = /^(\+?)(.*)$/.exec(call.text("size")) ?? [];
  const size = sizeOf(`size=${amount}`) + (plus === "+" ? disk.size : 0);
  if (size < disk.size) throw died("shrinking disks is not supported");
  return startTask(call, "resize", guest.vmid, function* () {
    logMessage(call, `update ${kind.label} ${guest.vmid}: resize --disk ${key} --size ${call.text("size")}`);
    yield "Image resized.";
    yield 0.1;
    guest.config[key] = String(guest.config[key]).replace(/size=[^,]+/, `size=${shortSize(size)}`);
  });
}

/** What happens to a guest as a whole: copied, grown, made a template, destroyed. */
export function lifeEndpoints(kind: Kind): readonly Endpoint[] {
  const path = `${kind.base}/{vmid}`;
  return [
    post(`${path}/clone`, {
      does: `Copy the ${kind.noun}: a task.`,
      needs: on("/vms/{vmid}", "VM.Clone"),
      takes: {
        newid: integer("The copy's number.", { minimum: 100, maximum: 999999999 }),
        ...optional({
          [kind.name]: text("The copy's name.", { format: "dns-name" }),
          description: text("The copy's note."),
          full: flag("Copy all disks; otherwise a template gets linked copies."),
          pool: text("The pool that takes the copy.", { format: "pve-poolid" }),
          snapname: text("Copy what this snapshot holds.", { format: "pve-configid", maxLength: 40 }),
          storage: text("Where the disks go.", { format: "pve-storage-id" }),
          target: text("The node that takes the copy.", { format: "pve-node" }),
        }),
      },
      gives: "string",
      run: (call) => clone(call, kind),
    }),
    put(`${path}/resize`, {
      does: "Make a disk larger: a task.",
      needs: on("/vms/{vmid}", "VM.Config.Disk"),
      takes: {
        disk: text("The disk, such as `scsi0` or `rootfs`."),
        size: text("The new size, or with `+` what is added.", { pattern: /^\+?\d+(\.\d+)?[KMGT]?$/ }),
        digest: text("Refuse when the configuration has changed.", { optional: 1 }),
      },
      gives: "string",
      run: (call) => resize(call, kind),
    }),
    post(`${path}/template`, {
      does: `Make the ${kind.noun} a template for good.`,
      needs: on("/vms/{vmid}", "VM.Allocate"),
      gives: kind.type === "qemu" ? "string" : "null",
      run: (call) => {
        const guest = unlocked(guestOf(call, kind));
        if (guest.run !== undefined)
          throw died(`you can't convert a ${kind.label} to template if the ${kind.label} is running`);
        const rename = (): void => {
          guest.config["template"] = 1;
          for (const { key } of disksOf(guest.config))
            guest.config[key] = String(guest.config[key]).replace(
              /(?:vm|subvol)-(\d+-disk)/,
              kind.type === "qemu" ? "base-$1" : "basevol-$1",
            );
        };
        if (kind.type === "lxc") return rename();
        return startTask(call, "qmtemplate", guest.vmid, function* () {
          yield 0.2;
          rename();
        });
      },
    }),
    del(path, {
      does: `Destroy the ${kind.noun} and its disks: a task.`,
      needs: on("/vms/{vmid}", "VM.Allocate"),
      takes: optional({
        purge: flag("Forget it in backup jobs, replication and HA too."),
        "destroy-unreferenced-disks": flag("Also disks with its number that it does not use."),
        ...(kind.type === "qemu"
          ? { skiplock: flag("Ignore a lock; only for root.") }
          : { force: flag("Even if it runs.") }),
      }),
      gives: "string",
      run: (call) => destroy(call, kind),
    }),
    get(`${path}/rrddata`, {
      does: "How the load went.",
      needs: on("/vms/{vmid}", "VM.Audit"),
      takes: {
        timeframe: choice("How far back.", frameNames),
        cf: choice("Mean or maximum.", ["AVERAGE", "MAX"], { optional: 1 }),
      },
      gives: "array",
      rows: "kept",
      run: (call) => history(call.world, guestOf(call, kind), call.text("timeframe")),
    }),
  ];
}

function history(world: SimulatedCluster, guest: SimulatedGuest, frame: string): object[] {
  const most = { maxcpu: processors(world, guest), maxmem: maxMemory(guest), maxdisk: maxDisk(guest), disk: 0 };
  return moments(world, frame).map((time) => {
    if (time * 1000 < (world.nodes.get(guest.node)?.booted ?? 0)) return { time };
    const { uptime, ...load } = guestLoad(world, guest, time * 1000);
    return uptime === 0 ? { time, ...most } : { time, ...most, ...load };
  });
}
