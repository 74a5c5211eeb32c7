import { on } from "../../access.ts";
import { del, type Endpoint, get, post, put, type SimulatedCall } from "../../endpoint.ts";
import { died } from "../../failure.ts";
import { choice, integer, list, optional, text } from "../../schema.ts";
import { digest, unmodified } from "../../state/digest.ts";
import { sidOf } from "../../state/guest-kinds.ts";
import { type HaResource, type SimulatedCluster, type SimulatedGuest, words } from "../../state/state.ts";

/** How high availability manages the guest; undefined when it does not. */
export const resourceOf = (world: SimulatedCluster, guest: SimulatedGuest): HaResource | undefined =>
  world.ha.get(sidOf(guest));

/** The resource id that the call gives, which may leave out the type. */
function sid(call: SimulatedCall): string {
  const given = call.text("sid");
  if (!/^\d+$/.test(given)) return given;
  const guest = call.world.guests.get(Number(given));
  if (guest === undefined) throw died(`unable to detect SID from VMID - VM/CT ${given} does not exist`);
  return sidOf(guest);
}

const row = (name: string, resource: HaResource): HaResource => ({
  sid: name,
  type: name.split(":")[0] ?? "",
  ...resource,
});

/** One digest for the whole of `resources.cfg`. */
function fileDigest({ ha }: SimulatedCluster): string {
  return digest(...[...ha].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, it]) => row(name, it)));
}

function find(call: SimulatedCall, failure = ""): HaResource {
  const resource = call.world.ha.get(sid(call));
  if (resource === undefined) throw died(`${failure}no such resource '${sid(call)}'`);
  return resource;
}

/** What the call says about the resource itself. */
function given(call: SimulatedCall): HaResource {
  const { sid: _, type: __, digest: ___, delete: ____, ...rest } = call.params;
  return rest;
}

function create(call: SimulatedCall): void {
  const { world } = call;
  const name = sid(call);
  const guest = world.guests.get(Number(name.split(":")[1]));
  if (guest === undefined || sidOf(guest) !== name) throw died(`resource '${name}' does not exist in cluster`);
  if (world.ha.has(name)) throw died(`create resource failed: resource ID '${name}' already defined`);
  world.ha.set(name, given(call));
}

function update(call: SimulatedCall): void {
  const failure = "update resources config failed: ";
  unmodified(call.text("digest"), fileDigest(call.world), failure);
  const old = find(call, failure);
  const gone = words(call.text("delete"));
  const unknown = gone.find((key) => settings[key] === undefined);
  if (unknown !== undefined) throw died(`${failure}no such option '${unknown}'`);
  // `delete` wins over a value.
  const kept = Object.entries({ ...old, ...given(call) }).filter(([key]) => !gone.includes(key));
  call.world.ha.set(sid(call), Object.fromEntries(kept));
}

const settings = optional({
  comment: text("A note.", { maxLength: 4096 }),
  max_relocate: integer("How often another node is tried.", { minimum: 0, default: 1 }),
  max_restart: integer("How often a start is tried again.", { minimum: 0, default: 1 }),
  state: choice("What is wanted.", ["started", "stopped", "enabled", "disabled", "ignored"], { default: "started" }),
});
const audit = on("/", "Sys.Audit");
const manage = on("/", "Sys.Console");
const path = "/cluster/ha/resources";

/** Guests under high availability. */
export const haEndpoints: readonly Endpoint[] = [
  get(path, {
    does: "The guests under high availability.",
    needs: audit,
    takes: optional({ type: choice("Only this type.", ["ct", "vm"]) }),
    gives: "array",
    run: ({ world, params }) =>
      [...world.ha]
        .filter(([name]) => params["type"] === undefined || name.startsWith(`${params["type"]}:`))
        .map(([name, it]) => ({ ...row(name, it), digest: fileDigest(world) })),
  }),
  post(path, {
    does: "Put a guest under high availability.",
    needs: manage,
    takes: { sid: text("The guest, `vm:100`."), type: choice("Its type.", ["ct", "vm"], { optional: 1 }), ...settings },
    run: create,
  }),
  get(`${path}/{sid}`, {
    does: "How high availability manages a guest.",
    needs: audit,
    run: (call) => ({ ...row(sid(call), find(call)), digest: fileDigest(call.world) }),
  }),
  put(`${path}/{sid}`, {
    does: "Change how high availability manages a guest.",
    needs: manage,
    takes: {
      ...settings,
      ...optional({ delete: list("Settings to remove."), digest: text("Refuse when the file has another digest.") }),
    },
    run: update,
  }),
  del(`${path}/{sid}`, {
    does: "Take a guest out of high availability.",
    needs: manage,
    run: (call) => {
      if (!call.world.ha.delete(sid(call))) throw died(`cannot delete service '${sid(call)}', not HA managed!`);
    },
  }),
];
