import { on, onAny } from "../../access.ts";
import { del, type Endpoint, get, post, type SimulatedCall } from "../../endpoint.ts";
import { died } from "../../failure.ts";
import { flag, optional, type Parameters, text } from "../../schema.ts";
import { guestDigest } from "../../state/digest.ts";
import { guestOf, type Kind, unlocked } from "../../state/guest-kinds.ts";
import { type Config, type SimulatedGuest, type Snapshot, seconds } from "../../state/state.ts";
import type { Script } from "../../state/task.ts";
import { logMessage, startTask } from "../nodes/task.ts";
import { snapshotable } from "./disk.ts";
import { turnOn } from "./power.ts";

/** Holds a lock on the guest's configuration while the script runs, as Proxmox does. */
export function* locked(guest: SimulatedGuest, lock: string, script: Script): Script {
  guest.config["lock"] = lock;
  try {
    yield* script;
  } finally {
    delete guest.config["lock"];
  }
}

function find(guest: SimulatedGuest, name: string): Snapshot {
  const snapshot = guest.snapshots.get(name);
  if (snapshot === undefined) throw died(`snapshot '${name}' does not exist`);
  return snapshot;
}

function row(name: string, { description, snaptime, vmstate, parent }: Snapshot, kind: Kind): object {
  const state = kind.type === "qemu" ? { vmstate } : {};
  return { name, description, snaptime, ...state, ...(parent === undefined ? {} : { parent }) };
}

/** The configuration without what belongs to the moment only. */
function kept({ lock: _, parent: __, ...config }: Config): Config {
  return config;
}

function take(call: SimulatedCall, kind: Kind): string {
  const guest = guestOf(call, kind);
  const name = call.text("snapname");
  const body = function* (): Script {
    yield 0.6;
    const parent = guest.config["parent"];
    guest.snapshots.set(name, {
      config: kept(guest.config),
      description: call.text("description"),
      snaptime: seconds(call.world),
      parent: parent === undefined ? undefined : String(parent),
      vmstate: call.params["vmstate"] === 1 && guest.run !== undefined ? 1 : 0,
    });
    guest.config["parent"] = name;
  };
  return startTask(call, `${kind.task}snapshot`, guest.vmid, function* () {
    logMessage(call, `snapshot ${kind.type === "qemu" ? "VM" : "container"} ${guest.vmid}: ${name}`);
    unlocked(guest);
    if (guest.snapshots.has(name)) throw died(`snapshot name '${name}' already used`);
    if (!snapshotable(call.world, guest.config)) throw died("snapshot feature is not available");
    yield* locked(guest, "snapshot", body());
  });
}

function rollBack(call: SimulatedCall, kind: Kind): string {
  const guest = guestOf(call, kind);
  const name = call.text("snapname");
  return startTask(call, `${kind.task}rollback`, guest.vmid, function* () {
    logMessage(call, `rollback snapshot ${kind.type === "qemu" ? "VM" : "LXC"} ${guest.vmid}: ${name}`);
    const snapshot = find(guest, name);
    unlocked(guest);
    const body = function* (): Script {
      yield 0.6;
      guest.run = undefined;
    };
    yield* locked(guest, "rollback", body());
    guest.config = { ...snapshot.config, parent: name };
    guest.pending.clear();
    if (snapshot.vmstate === 1 || call.params["start"] === 1) turnOn(call.world, guest);
  });
}

function remove(call: SimulatedCall, kind: Kind): string {
  const guest = guestOf(call, kind);
  const name = call.text("snapname");
  return startTask(call, `${kind.task}delsnapshot`, guest.vmid, function* () {
    logMessage(call, `delete snapshot VM ${guest.vmid}: ${name}`);
    const { parent } = find(guest, name);
    unlocked(guest);
    const body = function* (): Script {
      yield 0.4;
      guest.snapshots.delete(name);
    };
    yield* locked(guest, "snapshot-delete", body());
    for (const [other, it] of guest.snapshots) if (it.parent === name) guest.snapshots.set(other, { ...it, parent });
    if (guest.config["parent"] !== name) return;
    if (parent === undefined) delete guest.config["parent"];
    else guest.config["parent"] = parent;
  });
}

/** A guest's snapshots. */
export function snapshotEndpoints(kind: Kind): readonly Endpoint[] {
  const path = `${kind.base}/{vmid}/snapshot`;
  const memory: Parameters = kind.type === "qemu" ? { vmstate: flag("Keep the memory too.", { optional: 1 }) } : {};
  const needs = on("/vms/{vmid}", "VM.Snapshot");
  const rollback = onAny("/vms/{vmid}", "VM.Snapshot", "VM.Snapshot.Rollback");
  return [
    get(path, {
      does: "The snapshots, and `current` for the guest as it is.",
      needs: on("/vms/{vmid}", "VM.Audit"),
      gives: "array",
      run: (call) => {
        const guest = guestOf(call, kind);
        const rows = [...guest.snapshots].map(([name, snapshot]) => row(name, snapshot, kind));
        const { parent } = guest.config;
        const now = { name: "current", description: "You are here!", digest: guestDigest(guest) };
        const running = kind.type === "qemu" ? { running: guest.run === undefined ? 0 : 1 } : {};
        return [...rows, { ...now, ...running, ...(parent === undefined ? {} : { parent }) }];
      },
    }),
    post(path, {
      does: "Take a snapshot: a task.",
      needs,
      takes: {
        snapname: text("Its name.", { format: "pve-configid", maxLength: 40 }),
        description: text("A note.", { optional: 1 }),
        ...memory,
      },
      gives: "string",
      run: (call) => take(call, kind),
    }),
    get(`${path}/{snapname}/config`, {
      does: "The configuration that a snapshot holds.",
      needs: onAny("/vms/{vmid}", "VM.Snapshot", "VM.Snapshot.Rollback", "VM.Audit"),
      run: (call) => {
        const snapshot = find(guestOf(call, kind), call.text("snapname"));
        const { name: _, ...rest } = row("", snapshot, kind) as Record<string, unknown>;
        return { ...snapshot.config, ...rest };
      },
    }),
    post(`${path}/{snapname}/rollback`, {
      does: "Throw away everything since a snapshot: a task.",
      needs: rollback,
      takes: optional({ start: flag("Start the guest afterwards.") }),
      gives: "string",
      run: (call) => rollBack(call, kind),
    }),
    del(`${path}/{snapname}`, {
      does: "Delete a snapshot: a task.",
      needs,
      takes: optional({ force: flag("Forget it even if its disks cannot be cleaned up.") }),
      gives: "string",
      run: (call) => remove(call, kind),
    }),
  ];
}
