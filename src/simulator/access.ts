import { died, Failure, forbidden } from "./failure.ts";
import { poolOf, type SimulatedCluster, seconds, words } from "./state/state.ts";

/** The user or the token whose rights count; a request always comes from a token, as the demo has no log-in. */
export interface Identity {
  /** `mcp@pve` */
  readonly user: string;
  /** `mcp@pve!tok`, which is what task ids carry; `mcp@pve` for a user. */
  readonly id: string;
  readonly privsep: boolean;
}

/** What an endpoint asks of the caller, in the form of Proxmox's schema. */
export type Permission = { readonly user: "all" } | { readonly check: Check | readonly ["root"] };
export type Check =
  | readonly ["perm", string, readonly string[], ...(readonly ["any", 1] | readonly [])]
  | readonly ["userid-param", "self" | "Realm.AllocateUser"]
  /** On all groups, on one that the user is in, or, for a new user, on all that are given. */
  | readonly ["userid-group", readonly string[], ...(readonly ["groups_param", string] | readonly [])]
  | readonly ["or" | "and", Check, Check];

/** Any valid token; lists are then filtered by what the caller may see. */
export const anyone: Permission = { user: "all" };
/** No token: the schema names no permissions, so only the user root@pam passes. */
export const rootOnly: Permission = { check: ["root"] };
/** All of these privileges on the path. */
export const on = (path: string, ...privileges: string[]): Permission => ({ check: ["perm", path, privileges] });
/** One of these privileges on the path. */
export const onAny = (path: string, ...privileges: string[]): Permission => ({
  check: ["perm", path, privileges, "any", 1],
});

/** Reads the `Authorization` header; throws the 401 that Proxmox answers after its delay. */
export function authenticate(world: SimulatedCluster, header: string | null): Identity {
  const found = /^PVEAPIToken=([^!]+)!([^=]+)=(.*)$/.exec(header ?? "");
  if (found === null) throw new Failure(401, "No ticket", { bodiless: true });
  const [, user = "", name = "", secret] = found;
  const owner = world.users.get(user);
  const token = owner?.tokens.get(name);
  const stale = (expire: number): boolean => expire > 0 && expire < seconds(world);
  if (owner?.enable !== 1 || stale(owner.expire) || token?.secret !== secret || stale(token?.expire ?? 0))
    throw new Failure(401, "Authentication failed!", { bodiless: true });
  return { user, id: `${user}!${name}`, privsep: token?.privsep === 1 };
}

/** The user, or the token with its user; undefined for one that does not exist. */
export function identityOf(world: SimulatedCluster, id: string): Identity | undefined {
  const [user = "", name] = id.split("!");
  const owner = world.users.get(user);
  if (name === undefined) return owner && { user, id, privsep: false };
  const token = owner?.tokens.get(name);
  return token && { user, id, privsep: token.privsep === 1 };
}

/** Privileges on a path, each with 1 when it also holds below. */
export function privileges(world: SimulatedCluster, who: Identity, path: string): Map<string, 0 | 1> {
  const own = granted(world, path, [who.user], groupsOf(world, who.user));
  if (!who.privsep) return own;
  const separate = granted(world, path, [who.id], []);
  // A privilege holds below only where both the user's and the token's do.
  return new Map(
    [...own].flatMap(([privilege, propagate]) => {
      const other = separate.get(privilege);
      return other === undefined ? [] : [[privilege, propagate === 1 ? other : 0] as const];
    }),
  );
}

/** Whether the caller holds all of these privileges on the path. */
export function may(world: SimulatedCluster, who: Identity, path: string, ...wanted: string[]): boolean {
  const held = privileges(world, who, path);
  return wanted.every((privilege) => held.has(privilege));
}

/** Whether the caller holds one of these privileges on the path. */
export function mayAny(world: SimulatedCluster, who: Identity, path: string, ...wanted: string[]): boolean {
  const held = privileges(world, who, path);
  return wanted.some((privilege) => held.has(privilege));
}

/** Throws the 403 that names path and privilege. */
export function demand(world: SimulatedCluster, who: Identity, path: string, ...wanted: string[]): void {
  const fault = lackingOn(world, who, path, wanted);
  if (fault !== undefined) throw fault;
}

/** Holds an endpoint's permission against the caller; `fill` puts parameters into a path template. */
export function enforce(
  world: SimulatedCluster,
  who: Identity,
  permission: Permission,
  fill: (template: string) => string,
  given: Readonly<Record<string, unknown>>,
): void {
  if ("user" in permission) return;
  const { check } = permission;
  // Without permissions in the schema only root@pam passes, and a token's id is another (`root@pam!name`).
  if (check[0] === "root") throw forbidden("(user != root@pam)");
  const fault = lacking({ world, who, fill, given }, check, false);
  if (fault !== undefined) throw fault;
}

interface PermissionCheck {
  readonly world: SimulatedCluster;
  readonly who: Identity;
  fill(template: string): string;
  readonly given: Readonly<Record<string, unknown>>;
}

/**
 * The failure of a check that the caller does not pass. As in `exec_api2_perm_check` of pve-access-control, an
 * alternative of an `or` (`quiet`) only fails: then the 403 of the `or` says no more.
 */
function lacking(asked: PermissionCheck, check: Check, quiet: boolean): Failure | undefined {
  const { world, who, fill, given } = asked;
  const userid = String(given["userid"] ?? "");
  switch (check[0]) {
    case "or":
      return [check[1], check[2]].every((it) => lacking(asked, it, true) !== undefined) ? forbidden() : undefined;
    case "and":
      return lacking(asked, check[1], false) ?? lacking(asked, check[2], false);
    case "userid-param":
      // `self` compares the whole id, so no token is ever its user (recorded, `alpha-privsep.json`).
      if (check[1] === "self") return userid === who.id ? undefined : forbidden();
      return lackingOn(world, who, `/access/realm/${userid.split("@")[1] ?? ""}`, [check[1]]);
    case "userid-group":
      return lackingOverUser(asked, userid, check, quiet);
    default:
      return lackingOn(world, who, fill(check[1]), check[2], check[3] === "any");
  }
}

function lackingOn(
  world: SimulatedCluster,
  who: Identity,
  path: string,
  wanted: readonly string[],
  any = false,
): Failure | undefined {
  const held = privileges(world, who, path);
  if (any) return wanted.some((it) => held.has(it)) ? undefined : forbidden(`(${path}, ${wanted.join("|")})`);
  const missing = wanted.find((it) => !held.has(it));
  return missing === undefined ? undefined : forbidden(`(${path}, ${missing})`);
}

/** What lacks to have the privileges over a user by way of groups (`userid-group` of Proxmox). */
function lackingOverUser(
  { world, who, given }: PermissionCheck,
  userid: string,
  [, wanted, , mode]: Extract<Check, readonly ["userid-group", ...unknown[]]>,
  quiet: boolean,
): Failure | undefined {
  if (mode !== "create" && !world.users.has(userid)) return quiet ? forbidden() : died(`no such user ('${userid}')`);
  if (mayAny(world, who, "/access/groups", ...wanted)) return undefined;
  const over = (group: string): boolean => mayAny(world, who, `/access/groups/${group}`, ...wanted);
  if (mode !== undefined) {
    const named = words(String(given["groups"] ?? ""));
    if (named.length === 0) return forbidden(`(/access/groups, ${wanted.join("|")})`);
    const other = named.find((group) => !over(group));
    if (other !== undefined) return forbidden(`(/access/groups/${other}, ${wanted.join("|")})`);
    if (mode === "create") return undefined;
  }
  return groupsOf(world, userid).some(over) ? undefined : forbidden();
}

/** The paths that `/access/permissions` speaks of: the roots, those with a grant, and the members of pools. */
export function knownPaths(world: SimulatedCluster): Set<string> {
  const paths = new Set(["/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms"]);
  for (const grant of world.acl) paths.add(grant.path);
  for (const pool of world.pools.values()) {
    for (const vmid of pool.guests) paths.add(`/vms/${vmid}`);
    for (const storage of pool.storages) paths.add(`/storage/${storage}`);
  }
  return paths;
}

function groupsOf(world: SimulatedCluster, user: string): string[] {
  return [...world.groups].filter(([, group]) => group.users.has(user)).map(([name]) => name);
}

function granted(world: SimulatedCluster, path: string, users: string[], groups: string[]): Map<string, 0 | 1> {
  const roles = inherited(world, path, users, groups);
  const fromPools = poolsOf(world, path).flatMap((pool) => [
    ...inherited(world, `/pool/${pool}`, users, groups).keys(),
  ]);
  // NoAccess beats every other role, and that of a pool those that the path itself has (PVE::RPCEnvironment).
  if (roles.has("NoAccess") || fromPools.includes("NoAccess")) return new Map();
  for (const role of fromPools) if (!roles.has(role)) roles.set(role, 0);
  const held = new Map<string, 0 | 1>();
  for (const [role, propagate] of roles)
    for (const privilege of world.roles.get(role)?.privileges ?? [])
      held.set(privilege, held.get(privilege) === 1 ? 1 : propagate);
  return held;
}

/** The roles on a path: the nearest grant from the root down wins, and on one level a user's own over that of a group. */
function inherited(world: SimulatedCluster, path: string, users: string[], groups: string[]): Map<string, 0 | 1> {
  let roles = new Map<string, 0 | 1>();
  const segments = path.split("/").filter((segment) => segment !== "");
  for (let depth = 0; depth <= segments.length; depth++) {
    const level = `/${segments.slice(0, depth).join("/")}`;
    const here = world.acl.filter((it) => it.path === level && (it.propagate === 1 || depth === segments.length));
    const own = here.filter((it) => it.type !== "group" && users.includes(it.ugid));
    const theirs = here.filter((it) => it.type === "group" && groups.includes(it.ugid));
    const chosen = own.length > 0 ? own : theirs;
    if (chosen.length > 0) roles = new Map(chosen.map((it) => [it.roleid, it.propagate]));
  }
  return roles;
}

function poolsOf(world: SimulatedCluster, path: string): string[] {
  const [, kind, name = ""] = path.split("/");
  if (kind === "vms") return [poolOf(world, Number(name)) ?? []].flat();
  if (kind !== "storage" || name === "") return [];
  return [...world.pools].filter(([, pool]) => pool.storages.has(name)).map(([id]) => id);
}
