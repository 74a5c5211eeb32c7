import { anyone, may, on } from "./access.ts";
import { type Call, del, type Endpoint, get, post, put } from "./endpoint.ts";
import { died } from "./failure.ts";
import { memberRow } from "./guest.ts";
import { flag, list, optional, text } from "./schema.ts";
import { storageResources } from "./storage.ts";
import { type Pool, poolOf } from "./world.ts";

function find(call: Call): Pool {
  const pool = call.world.pools.get(call.text("poolid"));
  if (pool === undefined) throw died(`pool '${call.text("poolid")}' does not exist`);
  return pool;
}

function detail(call: Call): object {
  const { world, node } = call;
  const pool = find(call);
  const guests = [...pool.guests].flatMap((vmid) => world.guests.get(vmid) ?? []);
  const storages = storageResources(call) as { storage: string; node: string }[];
  return {
    poolid: call.text("poolid"),
    ...(pool.comment === undefined ? {} : { comment: pool.comment }),
    members: [
      ...guests.map((guest) => memberRow(world, guest)),
      ...storages.filter((row) => pool.storages.has(row.storage) && row.node === node),
    ],
  };
}

function change(call: Call): void {
  const { world } = call;
  const pool = find(call);
  const words = (name: string): string[] =>
    call
      .text(name)
      .split(/[,; \0]+/)
      .filter((it) => it !== "");
  const gone = call.params["delete"] === 1;
  for (const vmid of words("vms").map(Number)) {
    if (!world.guests.has(vmid)) throw died(`update pools failed: VM ${vmid} does not exist`);
    const now = poolOf(world, vmid);
    if (gone && !pool.guests.delete(vmid)) throw died(`update pools failed: VM ${vmid} is not a pool member`);
    if (gone) continue;
    if (now !== undefined && call.params["allow-move"] !== 1)
      throw died(`update pools failed: VM ${vmid} belongs already to pool '${now}' and 'allow-move' is not set`);
    if (now !== undefined) world.pools.get(now)?.guests.delete(vmid);
    pool.guests.add(vmid);
  }
  for (const storage of words("storage")) {
    if (gone) pool.storages.delete(storage);
    else pool.storages.add(storage);
  }
  if (call.params["comment"] !== undefined) pool.comment = call.text("comment");
}

const guarded = (failure: string) => ({ file: "user_cfg", failure });
const changes = optional({
  "allow-move": flag("Take guests out of another pool."),
  comment: text("A note."),
  delete: flag("Remove the members instead."),
  storage: list("Storages to add."),
  vms: list("Guests to add."),
});

export const poolEndpoints: readonly Endpoint[] = [
  get("/pools", {
    does: "The pools.",
    needs: anyone,
    gives: "array",
    rows: "kept",
    run: ({ world, who }) =>
      [...world.pools]
        .filter(([poolid]) => may(world, who, `/pool/${poolid}`, "Pool.Audit"))
        .map(([poolid, { comment }]) => ({ poolid, ...(comment === undefined ? {} : { comment }) })),
  }),
  post("/pools", {
    does: "Create a pool.",
    needs: on("/pool/{poolid}", "Pool.Allocate"),
    takes: { poolid: text("Its name.", { format: "pve-poolid" }), comment: text("A note.", { optional: 1 }) },
    quorum: guarded("create pool failed"),
    run: (call) => {
      const poolid = call.text("poolid");
      if (call.world.pools.has(poolid)) throw died(`create pool failed: pool '${poolid}' already exists`);
      const comment = call.params["comment"] === undefined ? undefined : call.text("comment");
      call.world.pools.set(poolid, { comment, guests: new Set(), storages: new Set() });
    },
  }),
  get("/pools/{poolid}", {
    does: "A pool with its members.",
    needs: on("/pool/{poolid}", "Pool.Audit"),
    sets: ["content"],
    lists: ["members"],
    run: detail,
  }),
  put("/pools/{poolid}", {
    does: "Change a pool or its members.",
    needs: on("/pool/{poolid}", "Pool.Allocate"),
    takes: changes,
    quorum: guarded("update pools failed"),
    run: change,
  }),
  del("/pools/{poolid}", {
    does: "Delete a pool without members.",
    needs: on("/pool/{poolid}", "Pool.Allocate"),
    quorum: guarded("delete pool failed"),
    run: (call) => {
      const poolid = call.text("poolid");
      const { guests, storages } = find(call);
      if (guests.size + storages.size > 0)
        throw died(`delete pool failed: pool '${poolid}' is not empty (contains VM ${[...guests][0] ?? ""})`);
      call.world.pools.delete(poolid);
    },
  }),
];
