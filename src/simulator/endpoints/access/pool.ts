import { anyone, may, on } from "../../access.ts";
import { del, type Endpoint, get, post, put, type SimulatedCall } from "../../endpoint.ts";
import { died, refused } from "../../failure.ts";
import { choice, flag, list, optional, text } from "../../schema.ts";
import { memberRow } from "../../state/guest-kinds.ts";
import { type Pool, poolOf, words } from "../../state/state.ts";
import { storageResources } from "../nodes/storage.ts";
import { guarded } from "./user.ts";

function find(call: SimulatedCall, failure = ""): Pool {
  const pool = call.world.pools.get(call.text("poolid"));
  if (pool === undefined) throw died(`${failure}pool '${call.text("poolid")}' does not exist`);
  return pool;
}

function detail(call: SimulatedCall): object {
  const { world, node } = call;
  const pool = find(call);
  const type = call.text("type");
  const guests = [...pool.guests].flatMap((vmid) => world.guests.get(vmid) ?? []);
  const storages = storageResources(call) as { storage: string; node: string; type: string }[];
  const members = [
    ...guests.map((guest) => memberRow(world, guest)),
    ...storages.filter((row) => pool.storages.has(row.storage) && row.node === node),
  ];
  return {
    poolid: call.text("poolid"),
    ...(pool.comment === undefined ? {} : { comment: pool.comment }),
    members: members.filter((row) => type === "" || row["type"] === type),
  };
}

/** A guest that does not exist is taken, too (recorded, `alpha-pools.json`). */
function change(call: SimulatedCall): void {
  const { world } = call;
  const pool = find(call, "update pools failed: ");
  const gone = call.params["delete"] === 1;
  for (const vmid of words(call.text("vms")).map(Number)) {
    const now = poolOf(world, vmid);
    if (gone && !pool.guests.delete(vmid)) throw died(`update pools failed: VM ${vmid} is not a pool member`);
    if (gone) continue;
    if (now !== undefined && call.params["allow-move"] !== 1)
      throw died(`update pools failed: VM ${vmid} belongs already to pool '${now}' and 'allow-move' is not set`);
    if (now !== undefined) world.pools.get(now)?.guests.delete(vmid);
    pool.guests.add(vmid);
  }
  for (const storage of words(call.text("storage"))) {
    if (gone) pool.storages.delete(storage);
    else if (world.storages.has(storage)) pool.storages.add(storage);
  }
  if (call.params["comment"] !== undefined) pool.comment = call.text("comment");
}

const changes = optional({
  "allow-move": flag("Take guests out of another pool."),
  comment: text("A note."),
  delete: flag("Remove the members instead."),
  storage: list("Storages to add."),
  vms: list("Guests to add."),
});

function create(call: SimulatedCall): void {
  const { pools } = call.world;
  const name = call.text("poolid");
  const failure = "create pool failed";
  if (name.split("/").length > 3)
    throw refused({ poolid: `invalid format - pool name '${name}' nested too deeply (max levels = 3)\n` });
  if (pools.has(name)) throw died(`${failure}: pool '${name}' already exists`);
  const parent = name.slice(0, Math.max(0, name.lastIndexOf("/")));
  if (parent !== "" && !pools.has(parent))
    throw died(`${failure}: parent '${parent}' of pool '${name}' does not exist`);
  const comment = call.params["comment"] === undefined ? undefined : call.text("comment");
  pools.set(name, { comment, guests: new Set(), storages: new Set() });
}

function remove(call: SimulatedCall): void {
  const name = call.text("poolid");
  const { guests, storages } = find(call, "delete pool failed: ");
  const child = [...call.world.pools.keys()].sort().find((other) => other.startsWith(`${name}/`));
  const [vmid] = guests;
  const [storage] = storages;
  const held = [child && `pool '${child}'`, vmid && `VM ${vmid}`, storage && `storage '${storage}'`].find(Boolean);
  if (held !== undefined) throw died(`delete pool failed: pool '${name}' is not empty (contains ${held})`);
  call.world.pools.delete(name);
}

const allocate = on("/pool/{poolid}", "Pool.Allocate");
const poolid = text("Its name.", { format: "pve-poolid" });
const type = choice("Only members of this type.", ["qemu", "lxc", "storage"]);

/** Pools of guests and storages. */
export const poolEndpoints: readonly Endpoint[] = [
  get("/pools", {
    does: "The pools, or with `poolid` one of them with its members.",
    needs: anyone,
    takes: optional({ poolid: text("Only this pool.", { format: "pve-poolid" }), type }),
    gives: "array",
    rows: "kept",
    sets: ["content"],
    lists: ["members"],
    run: (call) => {
      const { world, who, params } = call;
      if (params["poolid"] !== undefined) return [detail(call)];
      if (params["type"] !== undefined) throw refused({ poolid: "missing property required by 'type'" });
      return [...world.pools]
        .filter(([poolid]) => may(world, who, `/pool/${poolid}`, "Pool.Audit"))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([poolid, { comment }]) => ({ poolid, ...(comment === undefined ? {} : { comment }) }));
    },
  }),
  post("/pools", {
    does: "Create a pool.",
    needs: allocate,
    takes: { poolid, comment: text("A note.", { optional: 1 }) },
    quorum: guarded("create pool failed"),
    run: create,
  }),
  // A nested pool is reached by the parameter only: its name has a slash.
  put("/pools", {
    does: "Change a pool or its members.",
    needs: allocate,
    takes: { poolid, ...changes },
    quorum: guarded("update pools failed"),
    run: change,
  }),
  del("/pools", {
    does: "Delete a pool without members.",
    needs: allocate,
    takes: { poolid },
    quorum: guarded("delete pool failed"),
    run: remove,
  }),
  get("/pools/{poolid}", {
    does: "A pool with its members.",
    needs: on("/pool/{poolid}", "Pool.Audit"),
    takes: optional({ type }),
    sets: ["content"],
    lists: ["members"],
    run: detail,
  }),
  put("/pools/{poolid}", {
    does: "Change a pool or its members.",
    needs: allocate,
    takes: changes,
    quorum: guarded("update pools failed"),
    run: change,
  }),
  del("/pools/{poolid}", {
    does: "Delete a pool without members.",
    needs: allocate,
    quorum: guarded("delete pool failed"),
    run: remove,
  }),
];
