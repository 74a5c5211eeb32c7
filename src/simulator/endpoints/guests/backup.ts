import { anyone, demand, may, on } from "../../access.ts";
import { type Endpoint, get, post, type SimulatedCall } from "../../endpoint.ts";
import { died, refused } from "../../failure.ts";
import { choice, flag, list, optional, text, type Value } from "../../schema.ts";
import { type Kind, unlocked } from "../../state/guest-kinds.ts";
import { addGuest, freeVmid } from "../../state/lifecycle.ts";
import { nameOf, poolOf, type SimulatedGuest, seconds, type Volume } from "../../state/state.ts";
import type { Script } from "../../state/task.ts";
import { startTask } from "../nodes/task.ts";
import { disksOf, recordDisk, usableStorage } from "./disk.ts";
import { locked } from "./snapshot.ts";

function chosen(call: SimulatedCall): SimulatedGuest[] {
  const { world, node } = call;
  const here = [...world.guests.values()].filter((guest) => guest.node === node);
  const wanted = call
    .text("vmid")
    .split(/[,; \0]+/)
    .filter((it) => it !== "");
  const pool = call.text("pool");
  if (wanted.length === 0 && pool === "" && call.params["all"] !== 1)
    throw refused({ vmid: "property is missing and it is not optional" });
  if (wanted.length > 0) return here.filter((guest) => wanted.includes(String(guest.vmid)));
  return here.filter((guest) => pool === "" || poolOf(world, guest.vmid) === pool);
}

/** Backs up one guest into a volume of the storage, line by line as vzdump reports it. */
function* dump(call: SimulatedCall, guest: SimulatedGuest, storage: string): Script {
  const { world } = call;
  const { vmid, kind } = guest;
  const now = (): string => new Date(world.now()).toISOString().slice(0, 19).replace("T", " ");
  const stamp = now().replaceAll("-", "_").replace(" ", "-").replaceAll(":", "_");
  const format = kind === "qemu" ? "vma.zst" : "tar.zst";
  const file = `vzdump-${kind}-${vmid}-${stamp}.${format}`;
  const mode = call.text("mode") || "snapshot";
  yield `INFO: Starting Backup of VM ${vmid} (${kind})`;
  yield `INFO: Backup started at ${now()}`;
  yield `INFO: status = ${guest.run === undefined ? "stopped" : "running"}`;
  yield `INFO: backup mode: ${mode}`;
  yield "INFO: ionice priority: 7";
  yield `INFO: ${kind === "qemu" ? "VM" : "CT"} Name: ${nameOf(guest)}`;
  yield `INFO: creating vzdump archive '${world.storages.get(storage)?.config["path"]}/dump/${file}'`;
  for (const percent of [25, 50, 75]) {
    yield 0.3;
    yield `INFO: ${percent}% of data transferred`;
  }
  yield 0.3;
  const size = 200000 + vmid * 7;
  const row: Record<string, Value> = { content: "backup", ctime: seconds(world), format, size, subtype: kind, vmid };
  if (call.text("notes-template") !== "")
    row["notes"] = call.text("notes-template").replaceAll("{{guestname}}", nameOf(guest));
  const { lock: _, ...saved } = guest.config;
  const held = world.storages.get(storage);
  const node = held?.config["shared"] === 1 ? undefined : call.node;
  held?.volumes.push({ volid: `${storage}:backup/${file}`, node, row, saved });
  yield `INFO: archive file size: ${Math.round(size / 1000)}KB`;
  yield `INFO: Finished Backup of VM ${vmid} (00:00:0${Math.min(9, Math.floor(world.taskMs / 1000))})`;
  yield `INFO: Backup finished at ${now()}`;
}

function vzdump(call: SimulatedCall): string {
  const { world, node } = call;
  const storage = call.text("storage") || "local";
  usableStorage(world, storage, node, "backup");
  const guests = chosen(call);
  for (const { vmid } of guests) demand(world, call.who, `/vms/${vmid}`, "VM.Backup");
  const given = Object.entries(call.params).filter(([key]) => key !== "node" && key !== "vmid");
  const options = [...given, ["node", node]].map(([key, value]) => `--${key} ${value}`).join(" ");
  const vmids = guests.map(({ vmid }) => vmid).join(" ");
  return startTask(call, "vzdump", guests.length === 1 ? vmids : "", function* () {
    yield `INFO: starting new backup job: vzdump ${vmids} ${options}`;
    for (const guest of guests) {
      unlocked(guest);
      yield* locked(guest, "backup", dump(call, guest, storage));
    }
    yield "INFO: Backup job finished successfully";
  });
}

/** Makes a guest from a backup; over one that exists only with `force`, and only while it is off. */
export function restore(call: SimulatedCall, kind: Kind, archive: string): string {
  const { world, node } = call;
  const vmid = call.number("vmid");
  const volume = findVolume(call, archive);
  const old = world.guests.get(vmid);
  if (old !== undefined && call.params["force"] !== 1) freeVmid(world, vmid);
  if (old?.run !== undefined) throw died(`unable to restore ${kind.label} ${vmid} - ${kind.noun} is running`);
  return startTask(call, `${kind.task}restore`, vmid, function* () {
    yield `restore ${kind.noun} from '${archive}'`;
    if (volume?.saved === undefined) throw died("unable to extract configuration from backup");
    yield 0.8;
    world.guests.delete(vmid);
    const moved = Object.entries(volume.saved).map(([key, value]) => [
      key,
      typeof value === "string"
        ? value
            .replaceAll(`-${volume.row["vmid"]}-disk`, `-${vmid}-disk`)
            .replace(`:${volume.row["vmid"]}/`, `:${vmid}/`)
        : value,
    ]);
    const restored = addGuest(world, { kind: kind.type, vmid, node, config: Object.fromEntries(moved) });
    for (const { volid } of disksOf(restored.config)) recordDisk(world, volid);
    world.pools.get(call.text("pool"))?.guests.add(vmid);
  });
}

function findVolume(call: SimulatedCall, volid: string): Volume {
  const storage = call.world.storages.get(volid.split(":")[0] ?? "");
  if (storage === undefined) throw died(`storage '${volid.split(":")[0]}' does not exist`);
  const volume = storage.volumes.find((it) => it.volid === volid);
  if (volume === undefined) throw died(`volume '${volid}' does not exist`);
  return volume;
}

export const backupEndpoints: readonly Endpoint[] = [
  post("/nodes/{node}/vzdump", {
    does: "Back up guests of this node: a task.",
    needs: anyone,
    takes: optional({
      all: flag("Every guest of the node."),
      compress: choice("The compression.", ["0", "1", "gzip", "lzo", "zstd"]),
      mode: choice("How running guests are treated.", ["snapshot", "suspend", "stop"], { default: "snapshot" }),
      "notes-template": text("The backup's note; `{{guestname}}` is replaced."),
      pool: text("Every guest of this pool.", { format: "pve-poolid" }),
      protected: flag("Never prune the backup."),
      remove: flag("Prune older backups.", { default: 1 }),
      storage: text("Where the backup goes.", { format: "pve-storage-id" }),
      vmid: list("The guests."),
    }),
    gives: "string",
    run: vzdump,
  }),
  get("/cluster/backup-info/not-backed-up", {
    does: "Guests that no backup job covers.",
    needs: on("/", "Sys.Audit"),
    gives: "array",
    run: ({ world, who }) => {
      const covered = (guest: SimulatedGuest): boolean =>
        world.jobs.some(
          (job) =>
            job["all"] === 1 ||
            (job["pool"] !== undefined && job["pool"] === poolOf(world, guest.vmid)) ||
            String(job["vmid"] ?? "")
              .split(",")
              .includes(String(guest.vmid)),
        );
      return [...world.guests.values()]
        .filter((guest) => !covered(guest) && may(world, who, `/vms/${guest.vmid}`, "VM.Audit"))
        .map((guest) => ({ vmid: guest.vmid, type: guest.kind, name: nameOf(guest) }));
    },
  }),
];
