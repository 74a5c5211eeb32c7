import { isOff, isOn, wordsOf } from "../../../endpoint-classes/values.ts";
import type { Context, Describer } from "../../describer.ts";
import { objectIn, rowsIn, textIn, yes } from "../../look.ts";
import { count, listText, nameText, shortest } from "../../wording.ts";
import { poolsBelow, readPool } from "./pool-members.ts";
import { areKnown, byGravity, noAccess, type Roles, readRoles, roleText } from "./roles.ts";

/** Who has rights by an ACL entry. */
export interface Holder {
  readonly type: "user" | "group" | "token";
  readonly id: string;
}

/** An ACL entry. */
export interface AclEntry extends Holder {
  readonly path: string;
  readonly role: string;
  readonly propagates: boolean;
}

/** All entries that the token may see, in a fixed order; `undefined` where they cannot be read. */
export async function readAcl({ look }: Context): Promise<readonly AclEntry[] | undefined> {
  return rowsIn(await look(["access", "acl"]))
    ?.map(
      (row): AclEntry => ({
        path: String(row["path"]),
        role: String(row["roleid"]),
        type: row["type"] === "group" || row["type"] === "token" ? row["type"] : "user",
        id: String(row["ugid"]),
        propagates: yes(row["propagate"]),
      }),
    )
    .toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

/** What tells holders apart. */
export function holderKey({ type, id }: Holder): string {
  return `${type} ${id}`;
}

function keyOf({ path, role, type, id }: AclEntry): string {
  return [path, type, id, role].join(" ");
}

/** `PVEAdmin on /vms/100`, with the holder where that is not said otherwise; with what `roles` grant where they are given. */
export function entryText({ path, role, type, id, propagates }: AclEntry, withHolder = false, roles?: Roles): string {
  const holder = withHolder ? `${type} ${nameText(id)}: ` : "";
  return `${holder}${roles === undefined ? nameText(role) : roleText(role, roles)} on ${nameText(path, 120)}${propagates ? "" : " (there only)"}`;
}

/** `PUT /access/acl`: who gets or loses which role, on what, and what they have there already. */
export const describeAcl: Describer = async (context) => {
  const { params, facts, noEffect } = context;
  const path = normal(String(params["path"] ?? ""));
  const roles = wordsOf(params, "roles");
  const holders = [
    ...wordsOf(params, "users").map((id): Holder => ({ type: "user", id })),
    ...wordsOf(params, "groups").map((id): Holder => ({ type: "group", id })),
    ...wordsOf(params, "tokens").map((id): Holder => ({ type: "token", id })),
  ];
  const removes = isOn(params, "delete");
  const propagates = !isOff(params, "propagate");
  const acl = await readAcl(context);
  const groups = await groupsOf(context, holders);
  const members = await membersOf(context, holders);
  const contents = await contentsOf(context, path, propagates);
  const [own, ofGroups] = [new Set(holders.map(holderKey)), new Set(groups.map(holderKey))];
  const mine = (acl ?? []).filter((entry) => own.has(holderKey(entry)) || ofGroups.has(holderKey(entry)));
  const here = mine.filter((entry) => normal(entry.path) === path);
  const inherited = mine.filter((entry) => entry.propagates && isAbove(normal(entry.path), path));
  facts.add(
    "ACL entries",
    [...here, ...inherited].map((entry) => entryText(entry, true)),
  );
  const entriesOf = new Map(
    [...Map.groupBy(here, holderKey)].map(([key, entries]) => [key, new Map(entries.map((one) => [one.role, one]))]),
  );
  const has = (holder: Holder, role: string) => entriesOf.get(holderKey(holder))?.get(role);
  const pairs = holders.flatMap((holder) => {
    const entries = entriesOf.get(holderKey(holder));
    return roles.map((role) => entries?.get(role));
  });
  if (pairs.length > 0 && acl !== undefined) {
    // That an entry is there is seen; that none is there only by a token that sees all.
    if (!removes && pairs.every((entry) => entry?.propagates === propagates)) {
      throw noEffect(`${listText(here.map((entry) => entryText(entry, true)))} is set already`);
    }
    if (removes && pairs.every((entry) => entry === undefined) && (await seesAll(context))) {
      const have =
        here.length === 0
          ? "there are none of theirs"
          : `there are: ${listText(here.map((entry) => entryText(entry, true)))}`;
      throw noEffect(`there is no such ACL entry on ${nameText(path, 200)}; ${have}`);
    }
  }
  const privileges = await readRoles(context, roles);
  const who = listText(
    holders.map(({ type, id }) => `${type} ${nameText(id)}`),
    3,
  );
  const by = (entry: AclEntry) => (ofGroups.has(holderKey(entry)) ? ` by group ${nameText(entry.id)}` : "");
  const present = [
    ...here.map((entry) => `${nameText(entry.role)} here${by(entry)}`),
    ...inherited.map((entry) => `${nameText(entry.role)} from ${nameText(entry.path)}${by(entry)}`),
  ];
  const isOverruled =
    !removes && !roles.includes(noAccess) && holders.some((holder) => has(holder, noAccess) !== undefined);
  const scope = removes ? "" : propagates ? " and below" : ", not below";
  const separated = await separation(context, holders);
  return {
    action: `CHANGE rights on ${nameText(path, 80)}`,
    effect: [
      `${changeText(roles, privileges, removes)} ${removes ? "from" : "to"} ${who}${scope}`,
      ...(isOverruled ? [`no effect while ${noAccess} is there`] : []),
      acl === undefined
        ? "present rights not readable"
        : present.length === 0
          ? "nothing there now"
          : shortest(28, `now: ${listText(present)}`, `now: ${count(present.length, "ACL entry", "ACL entries")}`),
      ...members.effect,
      ...contents.effect,
    ],
    details: [
      ...[...privileges].map(
        ([role, names]) =>
          `Role ${nameText(role)}: ${names === undefined ? "privileges not readable" : listText(byGravity(names), 60)}.`,
      ),
      ...members.details,
      ...contents.details,
      ...(roles.includes(noAccess)
        ? [`${noAccess} overrules all other roles that its holder has on a path, also those from a pool.`]
        : []),
      // PVE::AccessControl, `roles`; what a pool grants is added (PVE::RPCEnvironment).
      ...(removes || present.length === 0
        ? []
        : [
            "An ACL entry on a path overrides those from above, unless a pool adds them, and a user's own those of its groups.",
          ]),
      ...[...here, ...inherited].map((entry) => `Has now: ${entryText(entry, true)}.`),
      ...separated,
    ],
    words: [...holders.map(({ id }) => id), textIn(path) ?? ""].filter((word) => word !== ""),
    told: ["path", "roles", "users", "groups", "tokens"],
    paraphrased: ["propagate", "delete"],
    long: holders.length > 3 || roles.length > 3 || !areKnown(roles, privileges),
  };
};

/** `gives PVEAdmin`, `takes PVEAdmin`; `NoAccess` takes rights away where it is given, and the other way round. */
function changeText(roles: readonly string[], privileges: Roles, removes: boolean): string {
  const others = roles.filter((role) => role !== noAccess);
  const listed = listText(
    others.map((role) => roleText(role, privileges)),
    3,
  );
  if (others.length === roles.length) return `${removes ? "takes" : "gives"} ${listed}`;
  if (!removes) return `denies all rights (${noAccess}${others.length === 0 ? "" : `, which overrules ${listed}`})`;
  return `lifts ${roleText(noAccess, privileges)}${others.length === 0 ? "" : ` and takes ${listed}`}`;
}

/** The members of the groups that rights are given to or taken from. */
async function membersOf({ look, facts }: Context, holders: readonly Holder[]): Promise<Lines> {
  const groups = holders.filter(({ type }) => type === "group").slice(0, 8);
  const lines = await Promise.all(
    groups.map(async ({ id }) => {
      const row = objectIn(await look(["access", "groups", id]));
      const members = Array.isArray(row?.["members"]) ? row["members"].map(String).toSorted() : undefined;
      facts.add(`members of group ${id}`, members ?? "not readable");
      const name = nameText(id);
      return members === undefined
        ? { effect: `members of group ${name} not readable`, details: `Members of group ${name}: not readable.` }
        : {
            effect: `${holders.length === 1 ? "" : `group ${name} has `}${count(members.length, "member")}`,
            details: `Members of group ${name}: ${members.length === 0 ? "none" : listText(members.map((one) => nameText(one)))}.`,
          };
    }),
  );
  return { effect: lines.map(({ effect }) => effect), details: lines.map(({ details }) => details) };
}

/** The members of the pool that an ACL path names: the rights are about them. */
async function contentsOf(context: Context, path: string, propagates: boolean): Promise<Lines> {
  const pool = /^\/pool\/(.+)$/.exec(path)?.[1];
  if (pool === undefined) return { effect: [], details: [] };
  const own = await readPool(context, pool);
  const below = propagates ? await poolsBelow(context, pool) : [];
  const others = await Promise.all(below.map(async (name) => ({ name, ...(await readPool(context, name)) })));
  const pools = [{ name: pool, ...own }, ...others];
  const number = pools.reduce((sum, { members }) => sum + members.length, 0);
  return {
    effect: [pools.some(({ row }) => row === undefined) ? "pool members not readable" : count(number, "pool member")],
    details: pools.map(({ name, row, members }) =>
      row === undefined
        ? `Pool ${nameText(name)} could not be read.`
        : `Members of pool ${nameText(name)}: ${members.length === 0 ? "none" : listText(members)}.`,
    ),
  };
}

/** Parts of line 2 and of the details. */
interface Lines {
  readonly effect: readonly string[];
  readonly details: readonly string[];
}

/** The groups of the users that rights are given to or taken from. */
async function groupsOf(context: Context, holders: readonly Holder[]): Promise<readonly Holder[]> {
  const users = holders.filter(({ type }) => type === "user").slice(0, 8);
  const groups = await Promise.all(users.map(async ({ id }) => (await groupsOfUser(context, id)) ?? []));
  return groups.flat().map((id): Holder => ({ type: "group", id }));
}

/** The groups of a user, sorted and bound; `undefined` where they cannot be read. */
export async function groupsOfUser({ look, facts }: Context, user: string): Promise<readonly string[] | undefined> {
  const row = objectIn(await look(["access", "users", user]));
  const groups = Array.isArray(row?.["groups"]) ? row["groups"].map(String).toSorted() : undefined;
  facts.add(`groups of user ${user}`, groups);
  return groups;
}

/** A token without privilege separation has its user's rights whatever its own entries say (PVE::RPCEnvironment). */
async function separation({ look, facts }: Context, holders: readonly Holder[]): Promise<string[]> {
  const tokens = holders.filter(({ type }) => type === "token").slice(0, 8);
  const told = await Promise.all(
    tokens.map(async ({ id }) => {
      const [user = "", name = ""] = id.split("!");
      const owner = objectIn(await look(["access", "users", user]));
      const token = objectIn({ data: objectIn({ data: owner?.["tokens"] })?.[name] });
      if (token !== undefined) facts.add(`privilege separation of token ${id}`, yes(token["privsep"]));
      return token !== undefined && !yes(token["privsep"])
        ? [`Token ${nameText(id)} has privsep 0: it has all rights of its user, and its own entries change nothing.`]
        : [];
    }),
  );
  return told.flat();
}

/** GET /access/acl shows all entries to a token with Sys.Audit on /access, else those of paths where it may modify rights. */
export async function seesAll({ look }: Context): Promise<boolean> {
  const granted = objectIn(await look(["access", "permissions"], { path: "/access" }));
  const rights = objectIn({ data: granted?.["/access"] });
  return rights !== undefined && rights["Sys.Audit"] !== undefined;
}

/** PVE::AccessControl::normalize_path. */
function normal(path: string): string {
  return `/${path
    .split("/")
    .filter((part) => part !== "")
    .join("/")}`;
}

function isAbove(upper: string, path: string): boolean {
  return upper !== path && (upper === "/" || path.startsWith(`${upper}/`));
}
