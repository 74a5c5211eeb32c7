import { anyone, may, mayAny, on, onAny } from "../../access.ts";
import { del, type Endpoint, get, type SimulatedCall } from "../../endpoint.ts";
import { died } from "../../failure.ts";
import { flag, list, optional, text } from "../../schema.ts";
import type { Config, SimulatedCluster, Storage } from "../../state/state.ts";
import { available, disksOf, diskTime } from "../guests/disk.ts";
import { startTask } from "./task.ts";

const users = ["Datastore.Audit", "Datastore.AllocateSpace"];

/** Storages that the caller may see, by name. */
export function visible({ world, who }: SimulatedCall): [string, Storage][] {
  return [...world.storages].filter(([name]) => mayAny(world, who, `/storage/${name}`, ...users));
}

/** A storage's bytes in use: what its volumes take, and what else is on the disk. */
function usedBytes(world: SimulatedCluster, name: string, storage: Storage): number {
  const guests = [...world.guests.values()].flatMap((guest) =>
    disksOf(guest.config).filter((it) => it.storage === name),
  );
  const files = storage.volumes.reduce((all, { row }) => all + Number(row["size"] ?? 0), 0);
  return storage.used + world.answers * 4096 + files + guests.reduce((all, disk) => all + Math.floor(disk.size / 8), 0);
}

/** The rows of `/cluster/resources` for storages. */
export function storageResources(call: SimulatedCall): object[] {
  return visible(call).flatMap(([storage, it]) => {
    const { content, type, shared = 0, nodes, disable } = it.config;
    if (disable === 1) return [];
    const reachable = !call.world.faults.inactive.includes(storage);
    return [...call.world.nodes.values()]
      .filter(({ name }) => nodes === undefined || String(nodes).split(",").includes(name))
      .map(({ name: node, online }) => ({
        id: `storage/${node}/${storage}`,
        type: "storage",
        storage,
        node,
        status: online && reachable ? "available" : "unknown",
        plugintype: type,
        content,
        shared,
        ...(online && reachable ? { disk: usedBytes(call.world, storage, it), maxdisk: it.total } : {}),
      }));
  });
}

function status(world: SimulatedCluster, name: string, storage: Storage, node: string): Record<string, unknown> {
  const { content, type, shared = 0 } = storage.config;
  const enabled = available(storage, node) ? 1 : 0;
  const active = enabled === 1 && !world.faults.inactive.includes(name) ? 1 : 0;
  const used = active ? usedBytes(world, name, storage) : 0;
  // Not all that is not used is available: file systems keep a share for root.
  const avail = active ? Math.max(0, Math.floor((storage.total - used) * 0.95)) : 0;
  return { type, content, shared, active, enabled, total: active ? storage.total : 0, used, avail };
}

/** The storage that the call names, or the text for one that does not exist. */
export function findStorage(call: SimulatedCall): Storage {
  const storage = call.world.storages.get(call.text("storage"));
  if (storage === undefined) throw died(`storage '${call.text("storage")}' does not exist`);
  return storage;
}

function content(call: SimulatedCall): Record<string, unknown>[] {
  const { world, node, who } = call;
  const name = call.text("storage");
  const storage = findStorage(call);
  if (!available(storage, node)) throw died(`storage '${name}' is not available on node '${node}'`);
  const here = storage.config["shared"] === 1 ? undefined : node;
  const owner = may(world, who, `/storage/${name}`, "Datastore.Allocate");
  const writer = may(world, who, `/storage/${name}`, "Datastore.AllocateSpace");
  const files = storage.volumes
    .filter(({ row }) => {
      if (owner || row["content"] !== "backup") return true;
      return writer && may(world, who, `/vms/${row["vmid"]}`, "VM.Backup");
    })
    .filter((it) => it.node === undefined || here === undefined || it.node === here)
    .map(({ volid, row }) => ({ volid, ...row }));
  const disks = [...world.guests.values()]
    .filter((guest) => here === undefined || guest.node === here)
    .flatMap((guest) =>
      disksOf(guest.config)
        .filter((disk) => disk.storage === name)
        .map((disk) => ({ ...disk, ctime: diskTime(world, guest, disk) }))
        .map(({ volid, size, ctime }) => ({
          volid,
          content: guest.kind === "lxc" ? "rootdir" : "images",
          format: /\.(qcow2|raw)$/.exec(volid)?.[1] ?? (volid.includes("subvol") ? "subvol" : "raw"),
          ctime,
          parent: null,
          size,
          used: Math.floor(size / 8),
          vmid: guest.vmid,
        })),
    );
  const type = call.text("content");
  const vmid = call.params["vmid"];
  return [...files, ...disks]
    .filter(
      (row: Record<string, unknown>) =>
        (type === "" || row["content"] === type) && (vmid === undefined || row["vmid"] === vmid),
    )
    .sort((a, b) => (a.volid.toLowerCase() < b.volid.toLowerCase() ? -1 : 1));
}

/** The volume id of the path's last part, which may leave out the storage. */
function volid(call: SimulatedCall): string {
  const volume = call.text("volume");
  return volume.includes(":") ? volume : `${call.text("storage")}:${volume}`;
}

export const storageEndpoints: readonly Endpoint[] = [
  get("/nodes/{node}/storage", {
    does: "The storages as the node sees them, with their use.",
    needs: anyone,
    takes: optional({
      content: list("Only those that may hold this."),
      enabled: flag("Only enabled ones."),
      storage: text("Only this one."),
    }),
    gives: "array",
    sets: ["content"],
    run: (call) =>
      visible(call)
        .filter(([name]) => call.text("storage") === "" || call.text("storage") === name)
        .filter(([, { config }]) =>
          call
            .text("content")
            .split(",")
            .every((it) => String(config["content"]).includes(it)),
        )
        .map(([storage, it]): Config => {
          const row = status(call.world, storage, it, call.node);
          const fraction = row["active"] === 1 ? { used_fraction: Number(row["used"]) / it.total } : {};
          return { storage, ...row, ...fraction } as Config;
        })
        .filter((row) => call.params["enabled"] !== 1 || row["enabled"] === 1),
  }),
  get("/nodes/{node}/storage/{storage}/status", {
    does: "One storage's use.",
    needs: onAny("/storage/{storage}", ...users),
    sets: ["content"],
    run: (call) => status(call.world, call.text("storage"), findStorage(call), call.node),
  }),
  get("/nodes/{node}/storage/{storage}/content", {
    does: "The volumes on a storage.",
    needs: onAny("/storage/{storage}", ...users),
    takes: optional({
      content: text("Only this content."),
      vmid: { ...text("Only this guest's."), type: "integer", minimum: 100 },
    }),
    gives: "array",
    rows: "kept",
    run: content,
  }),
  get("/nodes/{node}/storage/{storage}/content/{volume}", {
    does: "One volume's attributes.",
    needs: onAny("/storage/{storage}", ...users),
    run: (call) => {
      const row = content(call).find((it) => it["volid"] === volid(call));
      if (row === undefined) throw died(`volume '${volid(call)}' does not exist`);
      const { volid: _, ...rest } = row;
      return rest;
    },
  }),
  del("/nodes/{node}/storage/{storage}/content/{volume}", {
    does: "Delete a volume: a task.",
    needs: on("/storage/{storage}", "Datastore.Allocate"),
    takes: optional({
      delay: { ...text("Seconds to wait for the task's end."), type: "integer", minimum: 1, maximum: 30 },
    }),
    gives: "string",
    run: (call) => {
      const storage = findStorage(call);
      const id = volid(call);
      const owner = storage.volumes.find((it) => it.volid === id)?.row["vmid"];
      const name = call.text("storage");
      return startTask(call, "imgdel", owner === undefined ? name : `${owner}@${name}`, function* () {
        const index = storage.volumes.findIndex((it) => it.volid === id);
        if (index < 0) throw died(`volume '${id}' does not exist or is in use`);
        yield 0.2;
        storage.volumes.splice(index, 1);
        yield `Removed volume '${id}'`;
      });
    },
  }),
];
