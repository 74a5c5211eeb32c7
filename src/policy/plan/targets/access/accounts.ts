import { isOff, isOn, wordsOf } from "../../../endpoint-classes/values.ts";
import type { Context, Describer } from "../../describer.ts";
import type { Row } from "../../facts.ts";
import { refuseUnread } from "../../guest-state.ts";
import { isRow, objectIn, rowsIn, textIn, yes } from "../../look.ts";
import { count, dateText, listText, nameText } from "../../wording.ts";
import { objectDescriber, type Told } from "../object.ts";
import { entryText, groupsOfUser, type Holder, holderKey, readAcl, seesAll } from "./acl.ts";
import { areKnown, byGravity, isBuiltIn, readRoles } from "./roles.ts";

/** What a token needs to read accounts. */
const accountRight = "The token needs Sys.Audit or User.Modify on the user or its groups.";

/** Rights of a user, group, token or role for line 2 and the details, bound to the consent. */
async function rightsOf(context: Context, holder: Holder | { readonly role: string }): Promise<Told> {
  const acl = await readAcl(context);
  if (acl === undefined)
    return { effect: ["ACL entries not readable"], details: ["Its ACL entries are not readable."] };
  const mine = acl.filter((entry) =>
    "role" in holder ? entry.role === holder.role : entry.type === holder.type && entry.id === holder.id,
  );
  const texts = mine.map((entry) => entryText(entry, "role" in holder));
  context.facts.add("ACL entries", texts);
  if (mine.length === 0) {
    return (await seesAll(context))
      ? { effect: ["no ACL entries"] }
      : {
          effect: ["no ACL entries seen"],
          details: ["The token does not see all ACL entries (Sys.Audit on /access)."],
        };
  }
  return {
    effect: [`${count(mine.length, "ACL entry", "ACL entries")}: ${listText(texts, 3)}`],
    details: [`ACL entries: ${listText(texts)}.`],
  };
}

/** The rights that a user or token gains from holders: what their ACL entries grant, with the privileges of custom roles. */
async function gainsFrom(context: Context, holders: readonly Holder[]): Promise<Told> {
  if (holders.length === 0) return {};
  const acl = await readAcl(context);
  if (acl === undefined) return { effect: ["rights gained not readable"], long: true };
  const keys = new Set(holders.map(holderKey));
  const gained = acl.filter((entry) => keys.has(holderKey(entry)));
  const byHolder = Map.groupBy(gained, holderKey);
  context.facts.add(
    "ACL entries gained",
    gained.map((entry) => entryText(entry, true)),
  );
  const names = gained.map(({ role }) => role);
  const roles = await readRoles(
    context,
    names.filter((name) => !isBuiltIn(name)),
  );
  return {
    effect: holders.map((holder) => {
      const texts = (byHolder.get(holderKey(holder)) ?? []).map((entry) => entryText(entry, false, roles));
      return `${holder.type} ${nameText(holder.id)} has ${texts.length === 0 ? "no ACL entries" : listText(texts, 3)}`;
    }),
    details: gained.map((entry) => `Gains ${entryText(entry, true, roles)}.`),
    long: gained.length > 3 || !areKnown(names, roles),
  };
}

/** A user and its groups, as holders of rights. */
async function withGroups(context: Context, user: string): Promise<readonly Holder[]> {
  const groups = (await groupsOfUser(context, user)) ?? [];
  return [{ type: "user", id: user }, ...groups.map((id): Holder => ({ type: "group", id }))];
}

/** `/access/users/{userid}`. */
export const describeUser = objectDescriber({
  noun: "user",
  need: accountRight,
  removal: async (row, context) => {
    const user = context.values["userid"] ?? "";
    const tokens = tokensIn(row);
    const rights = await rightsOf(context, { type: "user", id: user });
    return {
      effect: [
        tokens === undefined
          ? "tokens not readable"
          : tokens.length === 0
            ? "no tokens"
            : `${count(tokens.length, "token")}: ${listText(
                tokens.map((one) => nameText(one)),
                4,
              )}`,
        ...(rights.effect ?? []),
      ],
      details: [
        ...tokensText(row),
        ...(rights.details ?? []),
        "Its password, second factors and token secrets are lost.",
      ],
    };
  },
  omit: ["tokens"],
  change: async (row, context) => {
    const { params, values } = context;
    const present = Array.isArray(row?.["groups"]) ? row["groups"].map(String) : [];
    const wanted = wordsOf(params, "groups");
    const [before, after] = [new Set(present), new Set(wanted)];
    const added = wanted.filter((id) => !before.has(id));
    // PVE::API2::User takes the user out of all groups first, unless `append` is set.
    const left = params["groups"] === undefined || isOn(params, "append") ? [] : present.filter((id) => !after.has(id));
    // An account that was disabled gets back what it has.
    const enables = isOn(params, "enable") && !yes(row?.["enable"]);
    const own = enables ? await withGroups(context, values["userid"] ?? "") : [];
    const gains = await gainsFrom(context, [...own, ...added.map((id): Holder => ({ type: "group", id }))]);
    return {
      ...gains,
      effect: [
        ...(isOff(params, "enable") && yes(row?.["enable"]) ? ["disables the account and its tokens"] : []),
        ...(enables ? ["enables the account"] : []),
        ...(gains.effect ?? []),
        ...(left.length === 0
          ? []
          : [
              `leaves ${left.length === 1 ? "group" : "groups"} ${listText(left.toSorted().map((id) => nameText(id)))}`,
            ]),
      ],
      details: [...tokensText(row), ...(gains.details ?? [])],
    };
  },
});

/** `Tokens: ci (limited to its own ACL entries), tok (all rights of the user, expires 2026-12-01 00:00 UTC).` */
function tokensText(row: Row | undefined): string[] {
  const texts = (tokensIn(row) ?? []).map((name) => {
    const token = objectIn({ data: objectIn({ data: row?.["tokens"] })?.[name] });
    if (token === undefined) return nameText(name);
    const rights = yes(token["privsep"]) ? "limited to its own ACL entries" : "all rights of the user";
    const expire = Number(token["expire"] ?? 0) === 0 ? "" : `, expires ${dateText(token["expire"])}`;
    return `${nameText(name)} (${rights}${expire})`;
  });
  return texts.length === 0 ? [] : [`Tokens: ${listText(texts)}.`];
}

/** The names of a user's tokens; `undefined` where the user could not be read. */
function tokensIn(row: Row | undefined): string[] | undefined {
  if (row === undefined) return undefined;
  const { tokens } = row;
  if (isRow(tokens)) return Object.keys(tokens).toSorted();
  return Array.isArray(tokens)
    ? tokens.flatMap((one) => (isRow(one) ? (textIn(one["tokenid"]) ?? []) : [])).toSorted()
    : [];
}

/** What `POST` below /access creates, and the parameter that names it. */
const creations: ReadonlyMap<string, readonly [noun: string, key: string]> = new Map([
  ["users", ["user", "userid"]],
  ["groups", ["group", "groupid"]],
  ["roles", ["role", "roleid"]],
  ["domains", ["realm", "realm"]],
]);

/** `POST /access/users`, `groups`, `roles` and `domains`. */
export const describeAccessCreation: Describer = async (context) => {
  const { path, params } = context;
  const [noun, key] = creations.get(path[1] ?? "") ?? ["object", "id"];
  const name = String(params[key] ?? "");
  const groups = noun === "user" ? wordsOf(params, "groups") : [];
  const gains = await gainsFrom(
    context,
    groups.map((id): Holder => ({ type: "group", id })),
  );
  return {
    action: `CREATE ${noun} ${nameText(name)}`,
    undo: { how: "by deleting it" },
    ...gains,
    effect: gains.effect ?? [],
    words: [name],
    told: [key],
  };
};

/** `/access/users/{userid}/token/{tokenid}`: a token, and what it may do. */
export const describeToken: Describer = async (context) => {
  const { method, path, params, values, look, facts, noEffect } = context;
  const user = values["userid"] ?? "";
  const token = values["tokenid"] ?? "";
  const id = `${user}!${token}`;
  const seen = await look(path);
  const owner = objectIn(await look(path.slice(0, 3)));
  const listed = objectIn({ data: owner?.["tokens"] });
  // A token may not read another token (403); its user's row shows them all.
  const row = objectIn(seen) ?? (isRow(listed?.[token]) ? listed[token] : undefined);
  const isGone = ("missing" in seen && seen.absent) || (listed !== undefined && !Object.hasOwn(listed, token));
  if (method !== "POST" && row === undefined && isGone) throw noEffect(`token ${id} does not exist`);
  if (method === "POST" && row !== undefined) throw noEffect(`token ${id} exists already`);
  if (method !== "POST" && row === undefined) refuseUnread(context.planned, seen, accountRight);
  if (row !== undefined) facts.addObject(row);
  else facts.add("token", isGone ? "not there" : "not readable");
  const rights = await rightsOf(context, { type: "token", id });
  const isNew = method === "POST";
  // PVE::API2::AccessControl's default for a new token is privsep=1.
  const separate =
    params["privsep"] !== undefined
      ? isOn(params, "privsep")
      : isNew || (row === undefined ? undefined : yes(row["privsep"]));
  const gains: Told =
    separate === false && method !== "DELETE" ? await gainsFrom(context, await withGroups(context, user)) : {};
  const may =
    separate === undefined
      ? "its rights are not readable"
      : separate
        ? (rights.effect ?? []).join("; ")
        : `has all rights of ${nameText(user)}`;
  const verb = { POST: "CREATE", PUT: "CHANGE", DELETE: "DELETE" }[method] ?? method;
  return {
    action: `${verb} token ${nameText(id)}`,
    ...(isNew && { undo: { how: "by deleting it" } }),
    effect: [
      may,
      ...(gains.effect ?? []),
      ...(method === "DELETE" ? ["its secret is lost"] : []),
      ...(isOn(params, "regenerate") ? ["its present secret is lost; the answer shows the new one"] : []),
      ...(isNew ? ["the answer shows its secret"] : []),
    ],
    details: [
      ...(rights.details ?? []),
      ...(gains.details ?? []),
      ...(row?.["expire"] === undefined || Number(row["expire"]) === 0
        ? []
        : [`It expires ${dateText(row["expire"])}.`]),
      ...(textIn(row?.["comment"]) === undefined ? [] : [`Comment: ${nameText(String(row?.["comment"]), 200)}.`]),
    ],
    words: [id, token],
    paraphrased: ["privsep", ...(isOn(params, "regenerate") ? ["regenerate"] : [])],
    long: gains.long === true,
  };
};

/** `/access/groups/{groupid}`. */
export const describeGroup = objectDescriber({
  noun: "group",
  removal: async (row, context) => {
    const members = Array.isArray(row?.["members"]) ? row["members"].map(String).toSorted() : [];
    const rights = await rightsOf(context, { type: "group", id: context.values["groupid"] ?? "" });
    return {
      effect: [
        row === undefined
          ? "members not readable"
          : members.length === 0
            ? "no members"
            : `${count(members.length, "member")}: ${listText(
                members.map((one) => nameText(one)),
                3,
              )}`,
        ...(rights.effect ?? []),
      ],
      details: [
        ...(members.length === 0 ? [] : [`Members: ${listText(members.map((one) => nameText(one)))}.`]),
        ...(rights.details ?? []),
      ],
    };
  },
});

/** `/access/roles/{roleid}`: the privileges, and who has the role. */
export const describeRole: Describer = async (context) => {
  const { method, path, params, look, facts, noEffect } = context;
  const name = path[2] ?? "";
  const seen = await look(path);
  if ("missing" in seen && seen.absent) throw noEffect(`role ${nameText(name)} does not exist`);
  const row = objectIn(seen);
  const now =
    row === undefined
      ? undefined
      : Object.keys(row)
          .filter((key) => yes(row[key]))
          .toSorted();
  if (now !== undefined) facts.add("privileges", now.join(","), "privs");
  const rights = await rightsOf(context, { role: name });
  const wanted = wordsOf(params, "privs");
  const [before, after] = [new Set(now), new Set(wanted)];
  const gained = byGravity(wanted.filter((priv) => !before.has(priv)));
  // Without `append` Proxmox clears the role first, also where the call names no privileges (PVE::API2::Role).
  const replaces = method === "PUT" && !isOn(params, "append");
  const lost = replaces ? byGravity((now ?? []).filter((priv) => !after.has(priv))) : [];
  if (method === "PUT" && now !== undefined && gained.length + lost.length === 0) {
    throw noEffect(`role ${nameText(name)} has those privileges already`);
  }
  return {
    action: `${method === "DELETE" ? "DELETE" : "CHANGE"} role ${nameText(name)}`,
    ...(method === "DELETE" && { undo: { how: "by creating it again" } }),
    effect: [
      ...(gained.length > 0
        ? [
            `adds ${listText(
              gained.map((one) => nameText(one)),
              4,
            )}`,
          ]
        : []),
      ...(replaces && now === undefined ? ["takes away all others"] : []),
      ...(lost.length > 0
        ? [
            `takes away ${listText(
              lost.map((one) => nameText(one)),
              4,
            )}`,
          ]
        : []),
      ...(rights.effect ?? []),
    ],
    details: [`Privileges now: ${now === undefined ? "not readable" : listText(now, 60)}.`, ...(rights.details ?? [])],
    words: [name],
    told: ["privs"],
    paraphrased: ["append"],
    long: gained.length + lost.length > 4,
  };
};

/** `/access/domains/{realm}`: a realm, and how many users log in by it. */
export const describeRealm: Describer = async (context) => {
  const { params, look, facts, path, noEffect } = context;
  const realm = path[2] ?? "";
  const [users, realms] = await Promise.all([
    look(["access", "users"]).then(rowsIn),
    look(["access", "domains"]).then(rowsIn),
  ]);
  const row = realms?.find((one) => one["realm"] === realm);
  // Everybody sees the whole list of realms: logins need it.
  if (realms !== undefined && realms.length > 0 && row === undefined) {
    throw noEffect(`realm ${nameText(realm)} does not exist`);
  }
  if (row !== undefined) facts.addObject(row);
  const mine = (users ?? [])
    .map(({ userid }) => String(userid))
    .filter((id) => id.endsWith(`@${realm}`))
    .toSorted();
  facts.add("users of the realm", mine);
  // PVE::API2::Domains takes the default from every other realm.
  const others = (isOn(params, "default") ? (realms ?? []) : [])
    .filter((one) => one["realm"] !== realm && yes(one["default"]))
    .map((one) => String(one["realm"]))
    .toSorted();
  if (others.length > 0) facts.add("default realm", others);
  const told: Told = {
    effect: [
      users === undefined ? "users not readable" : `${count(mine.length, "user")} of it cannot log in then`,
      "its credentials are lost",
    ],
    details: mine.length === 0 ? [] : [`Users of it: ${listText(mine.map((one) => nameText(one)))}.`],
  };
  return await objectDescriber({
    noun: "realm",
    removal: () => (mine.length === 0 && users !== undefined ? { effect: ["no users of it"] } : told),
    change: () => ({ effect: others.map((name) => `realm ${nameText(name)} is no longer the default`) }),
  })(context);
};

/** `PUT /access/password` and second factors. */
export const describePassword: Describer = async ({ params, path, method, look, facts, noEffect, planned }) => {
  const user = String(params["userid"] ?? path[2] ?? "");
  const isPassword = path[1] === "password";
  const isUnlock = path[3] === "unlock-tfa";
  const isFactor = path[1] === "tfa" && path[3] !== undefined;
  const factors = isFactor ? await look(path.slice(0, 3)) : { data: undefined };
  const list = rowsIn(factors);
  const factor = list?.find(({ id }) => id === path[3]);
  // A list without rows may be one that the token may not see.
  if (list !== undefined && list.length > 0 && factor === undefined) {
    throw noEffect(`user ${nameText(user)} has no second factor ${nameText(path[3] ?? "")}`);
  }
  if (method === "DELETE" && factor === undefined) refuseUnread(planned, factors, accountRight);
  if (factor !== undefined) facts.addObject(factor);
  return {
    action: isPassword
      ? `SET PASSWORD of user ${nameText(user)}`
      : isUnlock
        ? `UNLOCK SECOND FACTORS of user ${nameText(user)}`
        : `${method === "DELETE" ? "DELETE" : method === "POST" ? "ADD" : "CHANGE"} SECOND FACTOR of user ${nameText(user)}`,
    // No call locks a second factor again.
    ...(isUnlock && { undo: { caveat: "ends the lockout" } }),
    effect: [
      ...(isPassword ? ["the present password is lost"] : []),
      ...(factor === undefined
        ? []
        : [
            `${nameText(String(factor["type"]))} ${nameText(String(factor["description"] ?? ""))} of ${dateText(factor["created"])}`,
          ]),
    ],
    words: [user],
    ...(path[1] === "password" && { told: ["userid"] }),
    paraphrased: isPassword ? ["password", "confirmation-password"] : [],
  };
};
