import { isOn, wordsOf } from "../../../endpoint-classes/values.ts";
import type { Describer } from "../../describer.ts";
import { count, listText, nameText } from "../../wording.ts";
import { settingText } from "../object.ts";
import { entryText, readAcl, seesAll } from "./acl.ts";
import { readPool } from "./pool-members.ts";
import { areKnown, isBuiltIn, readRoles } from "./roles.ts";

/** `PUT` and `DELETE` of a pool, by the path or by `poolid`: its members, and the rights on it. */
export const describePool: Describer = async (context) => {
  const { method, params, values, facts, noEffect } = context;
  const pool = values["poolid"] ?? String(params["poolid"] ?? "");
  const { seen, row, members } = await readPool(context, pool);
  if ("missing" in seen && seen.absent) throw noEffect(`pool ${nameText(pool)} does not exist`);
  facts.add("comment", row?.["comment"]);
  const entries = await readAcl(context);
  const acl = (entries ?? []).filter(({ path }) => path === `/pool/${pool}`);
  const isWhole = acl.length > 0 || (entries !== undefined && (await seesAll(context)));
  facts.add(
    "ACL entries",
    acl.map((entry) => entryText(entry, true)),
  );
  // Who gets the members gets what the roles grant.
  const roles = await readRoles(
    context,
    acl.map(({ role }) => role).filter((role) => !isBuiltIn(role)),
  );
  const details = [
    row === undefined
      ? "The pool could not be read."
      : `Members: ${members.length === 0 ? "none" : listText(members)}.`,
    ...(acl.length === 0 ? [] : [`Rights on it: ${listText(acl.map((entry) => entryText(entry, true, roles)))}.`]),
  ];
  if (method === "DELETE") {
    if (members.length > 0) {
      throw noEffect(`Proxmox deletes no pool that has members, and ${nameText(pool)} has: ${listText(members, 10)}`);
    }
    return {
      action: `DELETE pool ${nameText(pool)}`,
      undo: { how: "by creating it again" },
      effect: [
        row === undefined ? "members not readable" : "no members",
        entries === undefined
          ? "ACL entries not readable"
          : `${count(acl.length, "ACL entry", "ACL entries")}${isWhole ? "" : " seen"} on it`,
      ],
      details,
      words: [pool],
      told: ["poolid"],
    };
  }
  const guests = wordsOf(params, "vms");
  const storages = wordsOf(params, "storage");
  const removes = isOn(params, "delete");
  const memberNames = new Set(members.map((member) => member.split(" ")[1]));
  const isMember = (name: string) => memberNames.has(name);
  const named = [...guests, ...storages];
  if (
    !removes &&
    named.length > 0 &&
    named.every(isMember) &&
    Object.keys(params).every((key) => ["vms", "storage", "poolid"].includes(key))
  ) {
    throw noEffect(`pool ${nameText(pool)} has ${listText(named)} already`);
  }
  // The list of members is never filtered, and Proxmox refuses to take out what is not in it (PVE::API2::Pool).
  const strangers = row === undefined ? [] : named.filter((name) => !isMember(name));
  if (removes && strangers.length > 0) {
    throw noEffect(`pool ${nameText(pool)} does not have ${listText(strangers.map((name) => nameText(name)))}`);
  }
  const comment = params["comment"];
  return {
    action: `CHANGE pool ${nameText(pool)}`,
    effect: [
      ...(named.length === 0
        ? []
        : [
            `${removes ? "takes out" : "adds"} ${listText([...guests.map((vmid) => `guest ${nameText(vmid)}`), ...storages.map((one) => `storage ${nameText(one)}`)], 4)}`,
          ]),
      ...(comment === undefined
        ? []
        : [
            `comment ${settingText(context, "comment", row?.["comment"])} -> ${settingText(context, "comment", comment)}`,
          ]),
      row === undefined ? "members not readable" : `${count(members.length, "member")} now`,
      ...(acl.length === 0
        ? []
        : [
            `rights on it: ${listText(
              acl.map((entry) => entryText(entry, true, roles)),
              2,
            )}`,
          ]),
    ],
    details,
    words: [pool],
    told: ["poolid", "vms", "storage", ...(String(comment ?? "").length <= 60 ? ["comment"] : [])],
    paraphrased: ["delete"],
    long:
      named.length > 4 ||
      !areKnown(
        acl.map(({ role }) => role),
        roles,
      ),
  };
};
