import { anyone, on } from "../../access.ts";
import { del, type Endpoint, get, post, put, type SimulatedCall } from "../../endpoint.ts";
import { died, refused } from "../../failure.ts";
import { flag, list, text } from "../../schema.ts";
import { words } from "../../state/state.ts";
import { guarded } from "./user.ts";

/** The privileges that the call names; throws for one that Proxmox does not know. */
function named(call: SimulatedCall, failure: string): string[] {
  const known = call.world.roles.get("Administrator")?.privileges ?? [];
  const privileges = words(call.text("privs"));
  const wrong = privileges.find((it) => !known.includes(it));
  if (wrong !== undefined) throw died(`${failure}: invalid privilege '${wrong}'`);
  return privileges;
}

function create(call: SimulatedCall): void {
  const { roles } = call.world;
  const roleid = call.text("roleid");
  if (/^PVE/i.test(roleid))
    throw refused({ roleid: "cannot use role ID starting with the (case-insensitive) 'PVE' namespace" });
  if (roles.has(roleid)) throw died(`create role failed: role '${roleid}' already exists`);
  roles.set(roleid, { special: 0, privileges: named(call, "create role failed") });
}

/** The privileges of a role that may be changed. */
function own(call: SimulatedCall, verb: "modified" | "deleted", failure: string): readonly string[] {
  const roleid = call.text("roleid");
  const role = call.world.roles.get(roleid);
  if (role?.special === 1) throw died(`auto-generated role '${roleid}' cannot be ${verb}`);
  if (role === undefined) throw died(`${failure}: role '${roleid}' does not exist`);
  return role.privileges;
}

function update(call: SimulatedCall): void {
  const old = own(call, "modified", "update role failed");
  const added = named(call, "update role failed");
  const privileges = call.params["append"] === 1 ? [...new Set([...old, ...added])] : added;
  call.world.roles.set(call.text("roleid"), { special: 0, privileges });
}

const needs = on("/access", "Sys.Modify");
const privs = list("The privileges.", { optional: 1 });

/** Roles and their privileges. */
export const roleEndpoints: readonly Endpoint[] = [
  get("/access/roles", {
    does: "The roles and their privileges.",
    needs: anyone,
    gives: "array",
    run: ({ world }) =>
      [...world.roles].map(([roleid, it]) => ({
        roleid,
        special: it.special,
        privs: [...it.privileges].sort().join(","),
      })),
  }),
  post("/access/roles", {
    does: "Create a role.",
    needs,
    takes: { roleid: text("Its name."), privs },
    quorum: guarded("create role failed"),
    run: create,
  }),
  get("/access/roles/{roleid}", {
    does: "A role's privileges.",
    needs: anyone,
    run: (call) => {
      const role = call.world.roles.get(call.text("roleid"));
      if (role === undefined) throw died(`role '${call.text("roleid")}' does not exist`);
      return Object.fromEntries(role.privileges.map((privilege) => [privilege, 1]));
    },
  }),
  put("/access/roles/{roleid}", {
    does: "Change a role's privileges.",
    needs,
    takes: { privs, append: flag("Keep those that it has.", { optional: 1 }) },
    quorum: guarded("update role failed"),
    run: update,
  }),
  del("/access/roles/{roleid}", {
    does: "Delete a role.",
    needs,
    quorum: guarded("delete role failed"),
    run: (call) => {
      own(call, "deleted", "delete role failed");
      call.world.roles.delete(call.text("roleid"));
    },
  }),
];
