import { anyone, type Check, mayAny, type Permission } from "../../access.ts";
import { del, type Endpoint, get, post, put, type SimulatedCall } from "../../endpoint.ts";
import { died } from "../../failure.ts";
import { flag, integer, list, optional, text } from "../../schema.ts";
import { type User, words } from "../../state/state.ts";
import { findUser, guarded, tokenRow } from "./user.ts";

function details({ tokens: _, ...user }: User): object {
  return user;
}

function groupsOf(call: SimulatedCall, userid: string): string[] {
  return [...call.world.groups]
    .filter(([, group]) => group.users.has(userid))
    .map(([name]) => name)
    .sort();
}

/** Puts the user into the groups that the call names; throws for one that does not exist. */
function join(call: SimulatedCall, userid: string, failure: string): void {
  for (const name of words(call.text("groups"))) {
    const group = call.world.groups.get(name);
    if (group === undefined) throw died(`${failure}: no such group '${name}'`);
    group.users.add(userid);
  }
}

function create(call: SimulatedCall): void {
  const { users } = call.world;
  const userid = call.text("userid");
  const failure = "create user failed";
  if (users.has(userid)) throw died(`${failure}: user '${userid}' already exists`);
  join(call, userid, failure);
  const made = { comment: undefined, email: "", enable: 1 as const, expire: 0, tokens: new Map() };
  users.set(userid, set(call, made));
}

function set(call: SimulatedCall, user: User): User {
  const { params } = call;
  for (const key of ["comment", "email", "firstname", "lastname"] as const)
    if (params[key] !== undefined) user[key] = call.text(key);
  if (params["enable"] !== undefined) user.enable = params["enable"] === 1 ? 1 : 0;
  if (params["expire"] !== undefined) user.expire = call.number("expire");
  return user;
}

function update(call: SimulatedCall): void {
  const userid = call.text("userid");
  const user = findUser(call);
  if (call.params["groups"] !== undefined && call.params["append"] !== 1)
    for (const group of call.world.groups.values()) group.users.delete(userid);
  join(call, userid, "update user failed");
  set(call, user);
}

/** A user goes with membership, ACL entries and tokens. */
function remove({ world, text: param }: SimulatedCall): void {
  const userid = param("userid");
  world.users.delete(userid);
  for (const group of world.groups.values()) group.users.delete(userid);
  const kept = world.acl.filter(({ ugid }) => ugid !== userid && !ugid.startsWith(`${userid}!`));
  world.acl.splice(0, world.acl.length, ...kept);
}

const allocate: Check = ["userid-param", "Realm.AllocateUser"];
const both = (over: Check): Permission => ({ check: ["and", allocate, over] });

const settings = optional({
  comment: text("A note.", { maxLength: 2048 }),
  email: text("The address.", { maxLength: 254 }),
  enable: flag("Whether the account may be used.", { default: 1 }),
  expire: integer("When it ends, seconds since 1970; 0 for never.", { minimum: 0 }),
  firstname: text("The first name.", { maxLength: 1024 }),
  groups: list("The groups."),
  lastname: text("The last name.", { maxLength: 1024 }),
});

/** Users and what they are. */
export const userEndpoints: readonly Endpoint[] = [
  get("/access/users", {
    does: "The users.",
    needs: anyone,
    takes: optional({
      enabled: flag("Only those that may, or may not, be used."),
      full: flag("With groups and tokens."),
    }),
    gives: "array",
    rows: "kept",
    run: (call) => {
      const { world, who, params } = call;
      const over = (path: string): boolean => mayAny(world, who, path, "User.Modify", "Sys.Audit");
      const shown = ([userid]: readonly [string, User]): boolean =>
        over("/access/groups") || groupsOf(call, userid).some((group) => over(`/access/groups/${group}`));
      return [...world.users]
        .filter(shown)
        .filter(([, { enable }]) => params["enabled"] === undefined || enable === params["enabled"])
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([userid, user]) => ({
          userid,
          "realm-type": userid.split("@")[1],
          ...details(user),
          ...(params["full"] === 1 && {
            groups: groupsOf(call, userid).join(","),
            // null without tokens (recorded, `alpha-orders.json`); sorted by name.
            tokens:
              user.tokens.size === 0
                ? null
                : [...user.tokens]
                    .sort(([a], [b]) => (a < b ? -1 : 1))
                    .map(([tokenid, token]) => ({ tokenid, ...tokenRow(token) })),
          }),
        }));
    },
  }),
  post("/access/users", {
    does: "Create a user.",
    needs: both(["userid-group", ["User.Modify"], "groups_param", "create"]),
    takes: {
      userid: text("A user with realm, `name@realm`.", { format: "pve-userid", maxLength: 64 }),
      password: text("The first password.", { minLength: 8, maxLength: 64, optional: 1 }),
      ...settings,
    },
    quorum: guarded("create user failed"),
    run: create,
  }),
  get("/access/users/{userid}", {
    does: "A user.",
    needs: { check: ["userid-group", ["User.Modify", "Sys.Audit"]] },
    run: (call) => {
      const user = findUser(call);
      const rows = [...user.tokens].map(([id, it]) => [id, tokenRow(it)] as const);
      const tokens = rows.length === 0 ? null : Object.fromEntries(rows);
      return { ...details(user), groups: groupsOf(call, call.text("userid")), tokens };
    },
  }),
  put("/access/users/{userid}", {
    does: "Change a user.",
    needs: { check: ["userid-group", ["User.Modify"], "groups_param", "update"] },
    takes: { ...settings, append: flag("Keep the groups that the user is in.", { optional: 1 }) },
    quorum: guarded("update user failed"),
    run: update,
  }),
  del("/access/users/{userid}", {
    does: "Delete a user.",
    needs: both(["userid-group", ["User.Modify"]]),
    quorum: guarded("delete user failed"),
    run: remove,
  }),
];
