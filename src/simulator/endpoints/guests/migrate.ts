import { on } from "../../access.ts";
import { type Endpoint, get, post, type SimulatedCall } from "../../endpoint.ts";
import { died, refused } from "../../failure.ts";
import { flag, integer, optional, text } from "../../schema.ts";
import { guestOf, type Kind, qemu, unlocked } from "../../state/guest-kinds.ts";
import { findNode } from "../../state/state.ts";
import type { Script } from "../../state/task.ts";
import { startTask } from "../nodes/task.ts";
import { disksOf, gib } from "./disk.ts";
import { locked } from "./snapshot.ts";

function migrate(call: SimulatedCall, kind: Kind): string {
  const { world } = call;
  const guest = unlocked(guestOf(call, kind));
  const { vmid } = guest;
  const to = call.text("target");
  const target = findNode(world, to);
  if (to === call.node) throw refused({ target: "target is local node." });
  const running = guest.run !== undefined;
  if (running && call.params["online"] !== 1 && call.params["restart"] !== 1)
    throw died(
      kind.type === "qemu"
        ? "can't migrate running VM without --online"
        : "can't migrate running container without --online or --restart",
    );
  const stamp = (): string => new Date(world.now()).toISOString().slice(0, 19).replace("T", " ");
  const body = function* (): Script {
    yield `${stamp()} starting migration of ${kind.label} ${vmid} to node '${to}' (${target.ip})`;
    if (!target.online) {
      yield 1;
      throw died("Can't connect to destination address using public key");
    }
    for (const disk of disksOf(guest.config).filter((it) => world.storages.get(it.storage)?.config["shared"] !== 1)) {
      yield `${stamp()} found local disk '${disk.volid}' (attached)`;
      yield `${stamp()} copying local disk images`;
      for (const part of [0.25, 0.5, 0.75]) {
        yield 0.3;
        yield `${stamp()} ${Math.floor(disk.size * part)} bytes (${gib(disk.size * part)}) copied`;
      }
      yield `${stamp()} successfully imported '${disk.volid}'`;
      yield `${stamp()} volume '${disk.volid}' is '${disk.volid}' on the target`;
    }
    yield 0.3;
    yield `${stamp()} migration finished successfully (duration 00:00:${String(Math.ceil(world.taskMs / 1000)).padStart(2, "0")})`;
    guest.node = to;
  };
  return startTask(call, kind.migrate, vmid, () => locked(guest, "migrate", body()));
}

const migrationCheck = get("/nodes/{node}/qemu/{vmid}/migrate", {
  does: "Where the virtual machine could move, and what it would have to copy.",
  needs: on("/vms/{vmid}", "VM.Migrate"),
  takes: optional({ target: text("Look at this node only.", { format: "pve-node" }) }),
  run: (call) => {
    const guest = guestOf(call, qemu);
    const others = [...call.world.nodes.keys()].filter((name) => name !== call.node);
    return {
      running: guest.run === undefined ? 0 : 1,
      allowed_nodes: others,
      not_allowed_nodes: Object.fromEntries(others.map((name) => [name, {}])),
      local_disks: disksOf(guest.config).map(({ key, volid, size }) => ({
        volid,
        drivename: key,
        size,
        shared: 0,
        replicate: 1,
        cdrom: 0,
        is_attached: 1,
        is_unused: key.startsWith("unused") ? 1 : 0,
        is_cloudinit: 0,
        is_tpmstate: 0,
        is_vmstate: 0,
      })),
      local_resources: [],
      "mapped-resources": [],
      "mapped-resource-info": {},
      "has-dbus-vmstate": 1,
    };
  },
});

/** Moving a guest to another node. */
export function migrateEndpoints(kind: Kind): readonly Endpoint[] {
  const path = `${kind.base}/{vmid}`;
  return [
    ...(kind.type === "qemu" ? [migrationCheck] : []),
    post(`${path}/migrate`, {
      does: `Move the ${kind.noun} to another node: a task.`,
      needs: on("/vms/{vmid}", "VM.Migrate"),
      takes: {
        target: text("The node to move to.", { format: "pve-node" }),
        ...optional({
          online: flag("Move while it runs."),
          ...(kind.type === "qemu"
            ? { "with-local-disks": flag("Copy local disks too.") }
            : { restart: flag("Stop it, move it, start it.") }),
          targetstorage: text("Where the disks go on the target."),
          bwlimit: integer("Limit in KiB/s.", { minimum: 0 }),
        }),
      },
      gives: "string",
      run: (call) => migrate(call, kind),
    }),
  ];
}
