import { anyone, demand, identityOf, knownPaths, may, mayAny, on, privileges } from "../../access.ts";
import { type Endpoint, get, put, type SimulatedCall } from "../../endpoint.ts";
import { died, refused } from "../../failure.ts";
import { flag, list, optional, text } from "../../schema.ts";
import { words } from "../../state/state.ts";
import { guarded } from "./user.ts";

/** Every known path on which the user or token holds anything; a path that is named is shown also without. */
function permissions(call: SimulatedCall): object {
  const { world, who } = call;
  const userid = call.text("userid") || who.id;
  if (userid !== who.id) demand(world, who, "/access", "Sys.Audit");
  const subject = identityOf(world, userid);
  const held = (path: string): object =>
    subject === undefined ? {} : Object.fromEntries(privileges(world, subject, path));
  const path = call.text("path");
  if (path !== "") return { [path]: held(path) };
  const rows = [...knownPaths(world)].map((known) => [known, held(known)] as const);
  return Object.fromEntries(rows.filter(([, of]) => Object.keys(of).length > 0));
}

/** The privileges of which one is enough to change who has rights on the path (`check_perm_modify`). */
function modifiers(path: string): string[] {
  const allocates = { storage: "Datastore.Allocate", vms: "VM.Allocate", pool: "Pool.Allocate" };
  const kind = /^\/(storage|vms|pool)\/./.exec(path)?.[1] as keyof typeof allocates | undefined;
  return ["Permissions.Modify", ...(kind === undefined ? [] : [allocates[kind]])];
}

/** All entries with Sys.Audit on /access, else only those that the caller may change. */
function entries({ world, who }: SimulatedCall): object[] {
  const all = may(world, who, "/access", "Sys.Audit");
  return world.acl.filter(({ path }) => all || mayAny(world, who, path, ...modifiers(path)));
}

/** As `normalize_path` of pve-access-control. */
const normalized = (path: string): string => `/${path.split("/").filter(Boolean).join("/")}`;

/** The paths on which there may be ACL entries (`check_path` of pve-access-control, without its SDN branches). */
function isAclPath(path: string): boolean {
  const [, branch = "", ...below] = path.split("/");
  const form = branch === "vms" ? /^[1-9]\d{2,}$/ : /^[\w.-]+$/;
  const isKnown = branch !== "access" || below[0] === undefined || below[0] === "groups" || below[0] === "realm";
  return isKnown && below.length <= (deepest.get(branch) ?? -1) && below.every((segment) => form.test(segment));
}

/** How many segments may follow the first. */
const deepest: ReadonlyMap<string, number> = new Map([
  ["", 0],
  ["access", 2],
  ["mapping", 2],
  ["nodes", 1],
  ["pool", 3],
  ["sdn", 4],
  ["storage", 1],
  ["vms", 1],
]);

function change(call: SimulatedCall): void {
  const { acl, roles } = call.world;
  const holders = ["users", "groups", "tokens"] as const;
  if (holders.every((name) => call.text(name) === ""))
    throw refused(
      Object.fromEntries(holders.map((name) => [name, "either 'users', 'groups' or 'tokens' is required."])),
    );
  const propagate = call.number("propagate", 1) === 1 ? 1 : 0;
  const removes = call.params["delete"] === 1;
  const path = normalized(call.text("path"));
  if (!removes && !isAclPath(path)) throw refused({ path: `invalid ACL path '${path}'` });
  for (const roleid of words(call.text("roles"))) {
    if (!roles.has(roleid)) throw died(`ACL update failed: role '${roleid}' does not exist`);
    for (const type of ["group", "user", "token"] as const)
      for (const ugid of words(call.text(`${type}s`))) {
        if (!exists(call, type, ugid)) throw died(`ACL update failed: ${missing(call, type, ugid)}`);
        const index = acl.findIndex((it) => it.path === path && it.roleid === roleid && it.ugid === ugid);
        if (index >= 0) acl.splice(index, 1);
        if (!removes) acl.push({ path, type, ugid, roleid, propagate });
      }
  }
}

function exists({ world }: SimulatedCall, type: "user" | "group" | "token", ugid: string): boolean {
  if (type === "group") return world.groups.has(ugid);
  if (type === "user") return world.users.has(ugid);
  const [user = "", token = ""] = ugid.split("!");
  return world.users.get(user)?.tokens.has(token) ?? false;
}

function missing({ world }: SimulatedCall, type: "user" | "group" | "token", ugid: string): string {
  const [user = "", token] = ugid.split("!");
  if (type === "token" && !world.users.has(user)) return `no such user ('${user}')`;
  return type === "token" ? `no such token '${token}' for user '${user}'` : `${type} '${ugid}' does not exist`;
}

/** Who has which role where, and what follows from it. */
export const aclEndpoints: readonly Endpoint[] = [
  get("/access/acl", {
    does: "Who has which role where.",
    needs: anyone,
    gives: "array",
    run: entries,
  }),
  put("/access/acl", {
    does: "Give or take roles.",
    needs: on("{path}", "Permissions.Modify"),
    takes: {
      path: text("Where."),
      roles: list("The roles."),
      ...optional({
        delete: flag("Take them away."),
        groups: list("Groups."),
        propagate: flag("Below the path too.", { default: 1 }),
        tokens: list("Tokens, `user@realm!name`."),
        users: list("Users."),
      }),
    },
    quorum: guarded("ACL update failed"),
    run: change,
  }),
  get("/access/permissions", {
    does: "The effective rights of a user or token, by path.",
    needs: anyone,
    takes: optional({ path: text("Only this path."), userid: text("Another user or token.") }),
    run: permissions,
  }),
  get("/access/domains", {
    does: "The realms.",
    needs: anyone,
    gives: "array",
    run: () => [
      { realm: "pam", type: "pam", comment: "Linux PAM standard authentication" },
      { realm: "pve", type: "pve", comment: "Proxmox VE authentication server" },
    ],
  }),
  put("/access/password", {
    does: "Change a password.",
    needs: anyone,
    tokens: false,
    takes: {
      userid: text("The user.", { format: "pve-userid" }),
      password: text("The new password.", { minLength: 8, maxLength: 64 }),
    },
    run: () => null,
  }),
];
