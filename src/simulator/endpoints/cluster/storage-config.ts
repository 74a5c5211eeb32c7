import { anyone, on } from "../../access.ts";
import { del, type Endpoint, get, post, put, type SimulatedCall } from "../../endpoint.ts";
import { died } from "../../failure.ts";
import { choice, flag, list, optional, type Parameters, text } from "../../schema.ts";
import { digest, unmodified } from "../../state/digest.ts";
import { type Config, type SimulatedCluster, type Storage, words } from "../../state/state.ts";
import { findStorage, visible } from "../nodes/storage.ts";

/** One digest for the whole file, and another after every write: Perl writes its sets in another order each time. */
function fileDigest({ storages, storageWrites }: SimulatedCluster): string {
  const rows = [...storages].sort(([a], [b]) => (a < b ? -1 : 1)).map(([storage, it]) => ({ ...it.config, storage }));
  return digest(...rows, { written: storageWrites });
}

/** What the call says about the storage itself; sets keep each word once. */
function given(call: SimulatedCall): Config {
  const { storage: _, digest: __, delete: ___, ...params } = call.params;
  const rest: Config = { ...params };
  for (const key of ["content", "nodes"] as const)
    if (rest[key] !== undefined) rest[key] = [...new Set(words(String(rest[key])))].join(",");
  return rest;
}

function create(call: SimulatedCall): object {
  const { world } = call;
  const name = call.text("storage");
  const failure = "create storage failed";
  if (world.storages.has(name)) throw died(`${failure}: storage ID '${name}' already defined`);
  const config: Config = { content: "images,rootdir,vztmpl,iso,backup,snippets", ...given(call) };
  // A directory that is not there is made, unless `mkdir` says no (recorded, `alpha-storage.json`).
  if (config["mkdir"] === 0)
    throw died(
      `${failure}: unable to activate storage '${name}' - directory '${config["path"]}' does not exist or is unreachable`,
    );
  world.storages.set(name, { config, volumes: [], total: 107374182400, used: 4096 });
  world.storageWrites++;
  return { storage: name, type: config["type"] };
}

function existing(call: SimulatedCall, failure: string): Storage {
  const storage = call.world.storages.get(call.text("storage"));
  if (storage === undefined) throw died(`${failure}: storage '${call.text("storage")}' does not exist`);
  return storage;
}

function update(call: SimulatedCall): object {
  const { world } = call;
  unmodified(call.text("digest"), fileDigest(world), "update storage failed: ");
  const storage = existing(call, "update storage failed");
  const gone = words(call.text("delete"));
  const fixed = gone.find((key) => ["path", "type", "server", "export", "vgname"].includes(key));
  if (fixed !== undefined) throw died(`update storage failed: unable to delete fixed option '${fixed}'`);
  const kept = Object.fromEntries(Object.entries(storage.config).filter(([key]) => !gone.includes(key)));
  storage.config = { ...kept, ...given(call) };
  world.storageWrites++;
  return { storage: call.text("storage"), type: storage.config["type"] };
}

const changeable: Parameters = optional({
  content: list("What it may hold."),
  disable: flag("Do not use it."),
  nodes: list("The nodes that have it."),
  "prune-backups": text("How many backups are kept, `keep-last=3`."),
  shared: flag("All nodes see the same content."),
});
const fixed: Parameters = optional({
  export: text("The path that an NFS server exports."),
  mkdir: flag("Make the directory.", { default: 1 }),
  path: text("The directory."),
  pool: text("The ZFS or Ceph pool."),
  server: text("The server."),
  thinpool: text("The thin pool of a volume group."),
  vgname: text("The volume group."),
});
const types = ["btrfs", "cephfs", "cifs", "dir", "iscsi", "lvm", "lvmthin", "nfs", "pbs", "rbd", "zfs", "zfspool"];
const allocate = on("/storage", "Datastore.Allocate");
const quorum = (failure: string) => ({ file: "storage_cfg", failure });

/** Storages as `storage.cfg` defines them. */
export const storageConfigEndpoints: readonly Endpoint[] = [
  get("/storage", {
    does: "The storages as configured.",
    needs: anyone,
    takes: optional({ type: text("Only this type.") }),
    gives: "array",
    sets: ["content", "nodes"],
    run: (call) =>
      visible(call)
        .filter(([, { config }]) => call.text("type") === "" || config["type"] === call.text("type"))
        .map(([storage, { config }]) => ({ storage, digest: fileDigest(call.world), ...config })),
  }),
  post("/storage", {
    does: "Define a storage.",
    needs: allocate,
    takes: {
      storage: text("Its name.", { format: "pve-storage-id" }),
      type: choice("Its type.", types),
      ...changeable,
      ...fixed,
    },
    gives: "object",
    quorum: quorum("create storage failed"),
    run: create,
  }),
  get("/storage/{storage}", {
    does: "A storage as configured.",
    needs: on("/storage/{storage}", "Datastore.Allocate"),
    sets: ["content", "nodes"],
    run: (call) => ({ storage: call.text("storage"), ...findStorage(call).config, digest: fileDigest(call.world) }),
  }),
  put("/storage/{storage}", {
    does: "Change a storage's definition.",
    needs: allocate,
    takes: {
      ...changeable,
      ...optional({ delete: list("Settings to remove."), digest: text("Refuse when the file has another digest.") }),
    },
    gives: "object",
    quorum: quorum("update storage failed"),
    run: update,
  }),
  del("/storage/{storage}", {
    does: "Remove a storage's definition; what it holds stays.",
    needs: allocate,
    quorum: quorum("delete storage failed"),
    run: (call) => {
      const { world } = call;
      const name = call.text("storage");
      existing(call, "delete storage failed");
      world.storages.delete(name);
      world.storageWrites++;
      // `remove_storage_access` of pve-access-control.
      for (const pool of world.pools.values()) pool.storages.delete(name);
      world.acl.splice(0, world.acl.length, ...world.acl.filter(({ path }) => path !== `/storage/${name}`));
    },
  }),
];
