import { anyone, demand, may, on } from "../../access.ts";
import { type Endpoint, get, post, type SimulatedCall } from "../../endpoint.ts";
import { died } from "../../failure.ts";
import { choice, flag, integer, number, optional, type Parameters, text } from "../../schema.ts";
import { guestOf, listRow, lxc } from "../../state/guest-kinds.ts";
import { addGuest, freeVmid, lifeEndpoints } from "../../state/lifecycle.ts";
import type { Config } from "../../state/state.ts";
import { startTask } from "../nodes/task.ts";
import { restore } from "./backup.ts";
import { configEndpoints, settings, write } from "./config.ts";
import { migrateEndpoints } from "./migrate.ts";
import { powerEndpoints, turnOn } from "./power.ts";
import { snapshotEndpoints } from "./snapshot.ts";

const known: Parameters = {
  arch: choice("The architecture.", ["amd64", "i386", "arm64", "armhf", "riscv32", "riscv64"], { default: "amd64" }),
  cores: integer("Cores; all of the node's when not set.", { minimum: 1, maximum: 8192 }),
  cpulimit: number("Limit on processor time; 0 for none.", { minimum: 0, maximum: 8192 }),
  cpuunits: integer("Weight against other guests.", { minimum: 0, maximum: 500000 }),
  description: text("Notes, as Markdown.", { maxLength: 8192 }),
  features: text("What it may do, `nesting=1`."),
  hookscript: text("A script that runs when the guest starts and stops."),
  hostname: text("The name.", { format: "dns-name", maxLength: 255 }),
  memory: integer("Memory in MiB.", { minimum: 16, default: 512 }),
  "mp[n]": text("A mount point: `storage:GiB,mp=/path` makes a new volume."),
  nameserver: text("DNS servers."),
  "net[n]": text("A network card, `name=eth0,bridge=vmbr0`."),
  onboot: flag("Start it when the node boots.", { default: 0 }),
  ostype: choice("The system inside.", [
    "alpine",
    "archlinux",
    "centos",
    "debian",
    "fedora",
    "opensuse",
    "ubuntu",
    "unmanaged",
  ]),
  protection: flag("Refuse to destroy it or its disks.", { default: 0 }),
  rootfs: text("Its root: `storage:GiB` makes a new volume."),
  searchdomain: text("The DNS domain."),
  startup: text("Its place when the node boots, `order=1,up=30`."),
  swap: integer("Swap in MiB.", { minimum: 0, default: 512 }),
  tags: text("Labels, separated by semicolons.", { format: "pve-tag-list" }),
  template: flag("It is a template.", { default: 0 }),
  unprivileged: flag("Maps root to an unprivileged user of the host.", { default: 0 }),
  "unused[n]": text("A volume that is not mounted."),
};

function create(call: SimulatedCall): string {
  const { world, node } = call;
  const vmid = call.number("vmid");
  if (!may(world, call.who, `/vms/${vmid}`, "VM.Allocate"))
    demand(world, call.who, `/pool/${call.text("pool")}`, "VM.Allocate");
  const template = call.text("ostemplate");
  if (call.params["restore"] === 1) return restore(call, lxc, template);
  freeVmid(world, vmid);
  const held = world.storages.get(template.split(":")[0] ?? "")?.volumes.some(({ volid }) => volid === template);
  if (held !== true) throw died(`volume '${template}' does not exist`);
  const wanted = settings(
    call,
    "ostemplate",
    "password",
    "pool",
    "restore",
    "ssh-public-keys",
    "start",
    "storage",
    "unique",
  );
  const config: Config = {};
  const guest = { kind: "lxc" as const, vmid, node, config };
  const rootfs = wanted["rootfs"] ?? `${call.text("storage") || "local"}:4`;
  const standard = { arch: "amd64", hostname: `CT${vmid}`, memory: 512, ostype: "debian", swap: 512 };
  const lines = write(world, guest, { ...standard, ...wanted, rootfs });
  const made = addGuest(world, { ...guest, config: { lock: "create" } });
  return startTask(call, "vzcreate", vmid, function* () {
    yield* lines;
    yield `extracting archive '${template}'`;
    yield 0.7;
    yield "Detected container architecture: amd64";
    made.config = config;
    world.pools.get(call.text("pool"))?.guests.add(vmid);
    if (call.params["start"] === 1) turnOn(world, made);
  });
}

export const lxcEndpoints: readonly Endpoint[] = [
  get("/nodes/{node}/lxc", {
    does: "The node's containers.",
    needs: anyone,
    gives: "array",
    run: ({ world, node, who }) =>
      [...world.guests.values()]
        .filter((it) => it.kind === "lxc" && it.node === node && may(world, who, `/vms/${it.vmid}`, "VM.Audit"))
        .map((it) => listRow(world, it)),
  }),
  post("/nodes/{node}/lxc", {
    does: "Create a container, or restore one from a backup: a task.",
    needs: anyone,
    takes: {
      vmid: integer("Its number.", { minimum: 100, maximum: 999999999 }),
      ostemplate: text("The template, or with `restore` the backup.", { maxLength: 255 }),
      ...optional({
        ...known,
        force: flag("Restore over the guest that has this number."),
        password: text("The password of root.", { minLength: 5 }),
        pool: text("The pool that takes it.", { format: "pve-poolid" }),
        restore: flag("`ostemplate` is a backup."),
        "ssh-public-keys": text("Keys for root."),
        start: flag("Start it when it is made."),
        storage: text("Where its root goes.", { format: "pve-storage-id" }),
        unique: flag("Give restored network cards new addresses."),
      }),
    },
    gives: "string",
    run: create,
  }),
  get("/nodes/{node}/lxc/{vmid}/interfaces", {
    does: "The container's network addresses while it runs.",
    needs: on("/vms/{vmid}", "VM.Audit"),
    gives: "array",
    run: (call) => {
      const guest = guestOf(call, lxc);
      if (guest.run === undefined) return null;
      const net = String(guest.config["net0"] ?? "");
      const hwaddr = /hwaddr=([^,]+)/.exec(net)?.[1]?.toLowerCase() ?? "";
      return [{ name: "eth0", hwaddr, inet: /(?:^|,)ip=([\d./]+)/.exec(net)?.[1] ?? `192.0.2.${guest.vmid % 250}/24` }];
    },
  }),
  ...configEndpoints(lxc, known),
  ...powerEndpoints(lxc),
  ...snapshotEndpoints(lxc),
  ...lifeEndpoints(lxc),
  ...migrateEndpoints(lxc),
];
