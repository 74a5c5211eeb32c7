import { randomUUID } from "node:crypto";
import { anyone, demand, may } from "../../access.ts";
import { type Endpoint, get, post, type SimulatedCall } from "../../endpoint.ts";
import { choice, flag, integer, number, optional, type Parameters, text } from "../../schema.ts";
import { listRow, qemu, qmpStatus } from "../../state/guest-kinds.ts";
import { addGuest, freeVmid, lifeEndpoints } from "../../state/lifecycle.ts";
import { type Config, seconds } from "../../state/state.ts";
import { startTask } from "../nodes/task.ts";
import { agentEndpoints } from "./agent.ts";
import { restore } from "./backup.ts";
import { configEndpoints, settings, write } from "./config.ts";
import { migrateEndpoints } from "./migrate.ts";
import { powerEndpoints, turnOn } from "./power.ts";
import { snapshotEndpoints } from "./snapshot.ts";

const known: Parameters = {
  acpi: flag("Whether the guest hears ACPI.", { default: 1 }),
  agent: text("Whether to talk to the guest agent: `1` or `enabled=1,...`."),
  args: text("Arguments for QEMU itself; only for root."),
  balloon: integer("The least memory in MiB; 0 turns the balloon off.", { minimum: 0 }),
  bios: choice("The firmware.", ["seabios", "ovmf"]),
  boot: text("What to boot from, `order=scsi0;net0`."),
  cicustom: text("Own cloud-init files."),
  cipassword: text("The password that cloud-init sets."),
  ciuser: text("The user that cloud-init makes."),
  cores: integer("Cores of each socket.", { minimum: 1, default: 1 }),
  cpu: text("The processor's model."),
  cpulimit: number("Limit on processor time; 0 for none.", { minimum: 0, maximum: 128 }),
  description: text("Notes, as Markdown.", { maxLength: 8192 }),
  efidisk0: text("Where the firmware keeps its variables."),
  hookscript: text("A script that runs when the guest starts and stops."),
  "hostpci[n]": text("A device of the host."),
  "ide[n]": text("An IDE disk or CD-ROM."),
  "ipconfig[n]": text("Addresses that cloud-init sets."),
  keyboard: choice("The console's keyboard.", ["de", "en-gb", "en-us", "es", "fr", "it", "ja", "pl", "pt", "sv"]),
  kvm: flag("Use hardware virtualization.", { default: 1 }),
  lock: choice("The lock.", [
    "backup",
    "clone",
    "create",
    "migrate",
    "rollback",
    "snapshot",
    "suspended",
    "suspending",
  ]),
  machine: text("The machine's type."),
  memory: text("Memory in MiB.", {
    format: { current: integer("Memory in MiB.", { minimum: 16, default: 512, default_key: 1 } as object) },
  }),
  name: text("The name.", { format: "dns-name" }),
  nameserver: text("DNS servers that cloud-init sets."),
  "net[n]": text("A network card, `virtio,bridge=vmbr0`."),
  numa: flag("Use NUMA.", { default: 0 }),
  onboot: flag("Start it when the node boots.", { default: 0 }),
  ostype: choice("The system inside.", [
    "other",
    "wxp",
    "w2k",
    "win7",
    "win8",
    "win10",
    "win11",
    "l24",
    "l26",
    "solaris",
  ]),
  protection: flag("Refuse to destroy it or its disks.", { default: 0 }),
  "sata[n]": text("A SATA disk or CD-ROM."),
  "scsi[n]": text("A SCSI disk: `storage:GiB` makes a new one."),
  scsihw: choice("The SCSI controller.", [
    "lsi",
    "lsi53c810",
    "virtio-scsi-pci",
    "virtio-scsi-single",
    "megasas",
    "pvscsi",
  ]),
  searchdomain: text("The DNS domain that cloud-init sets."),
  "serial[n]": text("A serial port."),
  smbios1: text("What SMBIOS tells the guest."),
  sockets: integer("Sockets.", { minimum: 1, default: 1 }),
  sshkeys: text("Public keys that cloud-init sets, percent-encoded."),
  startup: text("Its place when the node boots, `order=1,up=30`."),
  tablet: flag("A pointer with absolute positions.", { default: 1 }),
  tags: text("Labels, separated by semicolons.", { format: "pve-tag-list" }),
  template: flag("It is a template.", { default: 0 }),
  tpmstate0: text("Where the TPM keeps its state."),
  "unused[n]": text("A disk that is not attached."),
  vga: text("The graphics card."),
  "virtio[n]": text("A VirtIO disk."),
  vmgenid: text("The generation id."),
};

function create(call: SimulatedCall): string {
  const { world, node } = call;
  const vmid = call.number("vmid");
  if (!may(world, call.who, `/vms/${vmid}`, "VM.Allocate"))
    demand(world, call.who, `/pool/${call.text("pool")}`, "VM.Allocate");
  const archive = call.text("archive");
  if (archive !== "") return restore(call, qemu, archive);
  freeVmid(world, vmid);
  const wanted = settings(call, "archive", "pool", "start", "storage", "unique", "live-restore");
  const config: Config = {};
  const guest = { kind: "qemu" as const, vmid, node, config };
  // Disks are looked at before the task starts: a storage that does not exist is a plain 500.
  const lines = write(world, guest, wanted);
  const made = addGuest(world, { ...guest, config: { lock: "create" } });
  return startTask(call, "qmcreate", vmid, function* () {
    yield* lines;
    yield 0.5;
    const order = Object.keys(config).filter((key) => /^(scsi0|virtio0|sata0|ide0|ide2|net0)$/.test(key));
    made.config = {
      ...(order.length > 0 ? { boot: `order=${order.join(";")}` } : {}),
      ...config,
      meta: `creation-qemu=10.0.2,ctime=${seconds(world)}`,
      smbios1: `uuid=${randomUUID()}`,
      vmgenid: randomUUID(),
    };
    world.pools.get(call.text("pool"))?.guests.add(vmid);
    if (call.params["start"] === 1) turnOn(world, made);
  });
}

export const qemuEndpoints: readonly Endpoint[] = [
  get("/nodes/{node}/qemu", {
    does: "The node's virtual machines.",
    needs: anyone,
    takes: optional({ full: flag("More about those that run.") }),
    gives: "array",
    run: ({ world, node, who, params }) =>
      [...world.guests.values()]
        .filter((it) => it.kind === "qemu" && it.node === node && may(world, who, `/vms/${it.vmid}`, "VM.Audit"))
        .map((it) => ({ ...listRow(world, it), ...(params["full"] === 1 ? { qmpstatus: qmpStatus(it) } : {}) })),
  }),
  post("/nodes/{node}/qemu", {
    does: "Create a virtual machine, or restore one from a backup: a task.",
    needs: anyone,
    takes: {
      vmid: integer("Its number.", { minimum: 100, maximum: 999999999 }),
      ...optional({
        ...known,
        archive: text("The backup to restore."),
        force: flag("Restore over the guest that has this number."),
        pool: text("The pool that takes it.", { format: "pve-poolid" }),
        start: flag("Start it when it is made."),
        storage: text("Where restored disks go.", { format: "pve-storage-id" }),
        unique: flag("Give restored network cards new addresses."),
      }),
    },
    gives: "string",
    run: create,
  }),
  ...configEndpoints(qemu, known),
  ...powerEndpoints(qemu),
  ...snapshotEndpoints(qemu),
  ...lifeEndpoints(qemu),
  ...migrateEndpoints(qemu),
  ...agentEndpoints,
];
