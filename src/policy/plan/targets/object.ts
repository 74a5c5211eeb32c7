import { isOn, wordsOf } from "../../endpoint-classes/values.ts";
import { holdsSecret, isHidden, showValue } from "../../redaction/redact-parameters.ts";
import { masked } from "../../redaction/secret-parameters.ts";
import type { Context, Describer } from "../describer.ts";
import { canonical, type FactOptions, type Row } from "../facts.ts";
import { refuseUnread } from "../guest-state.ts";
import { isLive, withoutFigures } from "../live-figures.ts";
import { objectIn, rowsIn, textIn } from "../look.ts";
import { endpointOf } from "../plan.ts";
import { undoOfChange } from "../undo.ts";
import { listText, nameText, pathText, valueText } from "../wording.ts";

/** Parameters of a call that are no settings of the object. */
const controls: ReadonlySet<string> = new Set(["delete", "digest", "append"]);

/** What is said of objects of a kind that have a GET under the path that changes them. */
export interface ObjectKind extends FactOptions {
  /** `backup job`. */
  readonly noun: string;
  /** The value of the path that names it; the last by default. */
  readonly name?: (context: Context) => string;
  /** What its removal does, beside that it is gone. */
  readonly removal?: (row: Row | undefined, context: Context) => Promise<Told> | Told;
  /** What a change does, beside old and new values. */
  readonly change?: (row: Row | undefined, context: Context) => Promise<Told> | Told;
  /** Settings that a `PUT` changes although it does not name them. */
  readonly omitted?: (row: Row | undefined, context: Context) => Omitted;
  /** How its removal is undone. */
  readonly how?: string;
  /** What the token needs to read it, as a sentence. */
  readonly need?: string;
  /** Keys that the details leave out, because `removal` and `change` say them in words. */
  readonly omit?: readonly string[];
}

/**
 * Settings that a `PUT` changes although it does not name them: the value that Proxmox sets, `undefined` where it clears
 * the setting.
 */
export type Omitted = Readonly<Record<string, string | undefined>>;

/** Parts of line 2 and of the details. */
export interface Told {
  readonly effect?: readonly string[];
  readonly details?: readonly string[];
  /** Whether more must be judged than can be said in two lines. */
  readonly long?: boolean;
}

/** A describer of `PUT` and `DELETE` of objects of a kind, and of what creates them. */
export function objectDescriber(kind: ObjectKind): Describer {
  return async (context) => {
    const { method, look, facts, path, noEffect, planned } = context;
    const name = kind.name?.(context) ?? path.at(-1) ?? "";
    const label = `${kind.noun} ${nameText(name)}`;
    if (method !== "PUT" && method !== "DELETE") {
      return {
        action: `${method === "POST" ? "CREATE" : "READ"} ${label}`,
        ...(method === "POST" && { undo: { how: "by deleting it" } }),
        effect: [],
        words: [name],
      };
    }
    const seen = await look(path);
    if ("missing" in seen && seen.absent) throw noEffect(`${label} does not exist`);
    const row = objectIn(seen);
    if (row !== undefined) {
      facts.addObject(row, kind);
      facts.addDigest(`the ${kind.noun}`, row["digest"]);
    }
    if (method === "DELETE" && row === undefined) refuseUnread(planned, seen, kind.need ?? needText);
    const told = (method === "DELETE" ? await kind.removal?.(row, context) : await kind.change?.(row, context)) ?? {};
    const change = method === "PUT" ? changeOf(context, label, row, kind.omitted?.(row, context)) : undefined;
    return {
      action: `${method === "DELETE" ? "DELETE" : "CHANGE"} ${label}`,
      undo: method === "DELETE" ? { how: kind.how ?? "by creating it again", definition: row } : undoOfChange(context),
      effect: [...(told.effect ?? []), ...(change?.effect ?? [])],
      details: [
        ...(told.details ?? []),
        ...(change?.details ?? []),
        ...(row === undefined ? [notRead(seen)] : [nowLine(context, without(row, kind.omit), kind.except)]).filter(
          (line) => line !== undefined,
        ),
      ],
      words: [name, ...(planned.classified.template === undefined ? [planned.cluster.name] : [])],
      digest: textIn(row?.["digest"]),
      told: change?.told ?? [],
      ...(told.long === true && { long: true }),
    };
  };
}

/** What a token needs to read what a call cannot give back. */
const needText = "The token needs the right to read it, and its node must answer.";

function without(row: Row, keys: readonly string[] = []): Row {
  return Object.fromEntries(Object.entries(row).filter(([key]) => !keys.includes(key)));
}

function notRead(seen: Parameters<typeof objectIn>[0]): string | undefined {
  return "missing" in seen ? `It could not be read: ${seen.missing}.` : undefined;
}

/**
 * `As it is now: schedule sat 03:15, storage backups.`
 * @param except keys of live figures, to which no consent is bound.
 */
export function nowLine(context: Context, row: Row, except: readonly string[] = []): string | undefined {
  const parts = Object.entries(row)
    .filter(([key, value]) => key !== "digest" && value !== null && !except.includes(key))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${nameText(key)} ${settingText(context, key, value, 200)}`);
  return parts.length === 0 ? undefined : `As it is now: ${listText(parts, 30)}.`;
}

/** A value of a parameter, or of the same key in an answer, secrets masked, objects in canonical form. */
export function settingText({ planned: { classified } }: Context, key: string, value: unknown, longest = 60): string {
  if (value === undefined || value === null) return "not set";
  const text = Array.isArray(value)
    ? value
        .map((item) => canonical(item, key))
        .toSorted()
        .join(",")
    : typeof value === "object"
      ? Object.entries(value)
          .map(
            ([name, item]) =>
              `${name}=${holdsSecret(name) && typeof item !== "object" ? masked : canonical(item, name)}`,
          )
          .toSorted()
          .join(",")
      : canonical(value, key);
  // What a GET shows is set by PUT, so both have the same parameters.
  return valueText(showValue(endpointOf("PUT", classified), key, text), longest);
}

/**
 * What a `PUT` does to an object: each value, old and new.
 * @param omitted settings that it changes although it does not name them; Proxmox keeps all others.
 * @throws {NoEffect} where it sets exactly what is set.
 */
export function changeOf(context: Context, label: string, row: Row | undefined, omitted: Omitted = {}) {
  const { params, noEffect } = context;
  const set = Object.keys(params).filter((key) => !controls.has(key));
  const deleted = wordsOf(params, "delete");
  const resets = Object.entries(omitted).filter(
    ([key, value]) =>
      params[key] === undefined && !deleted.includes(key) && (row === undefined || differs(key, row[key], value)),
  );
  if (row !== undefined && resets.length === 0) {
    if (set.length > 0 && setsNothing(context, set, row)) {
      throw noEffect(`${label} has ${set.length === 1 ? "that value" : "those values"} already: ${listText(set)}`);
    }
    if (set.length === 0 && deleted.length > 0 && !Object.hasOwn(params, "append")) {
      const present = deleted.filter((key) => row[key] !== undefined);
      if (present.length === 0) throw noEffect(`${label} has no ${listText(deleted.map((key) => nameText(key)))}`);
    }
  }
  // `append` adds to the groups of a user (PVE::API2::User), the one list that a PUT of an object appends to.
  const present = isOn(params, "append") && Array.isArray(row?.["groups"]) ? row["groups"].map(String) : [];
  const next = (key: string) =>
    key === "groups" && present.length > 0 ? [...new Set([...present, ...wordsOf(params, key)])] : params[key];
  const changes = set.map((key) => ({
    key,
    text: `${nameText(key)} ${row === undefined ? "" : `${settingText(context, key, row[key])} `}-> ${settingText(context, key, next(key))}`,
    whole: canonical(params[key], key).length <= 60,
  }));
  const old = (key: string, longest?: number) =>
    row === undefined ? "" : ` (${settingText(context, key, row[key], longest)})`;
  return {
    details: [
      ...deleted.map((key) => `It removes ${nameText(key)}${old(key, 200)}.`),
      ...resets.map(([key, value]) =>
        value === undefined
          ? `The call omits ${nameText(key)}, which clears it${old(key, 200)}.`
          : `The call sets ${nameText(key)} to ${nameText(value)} by what it omits${old(key, 200)}.`,
      ),
    ],
    effect: [
      ...deleted.map((key) => `removes ${nameText(key)}${old(key)}`),
      ...resets.map(([key, value]) =>
        value === undefined
          ? `clears omitted ${nameText(key)}${old(key)}`
          : `sets ${nameText(key)} to ${nameText(value)}${old(key)}`,
      ),
      ...changes.map(({ text }) => text),
    ],
    told: ["delete", ...changes.flatMap(({ key, whole }) => (whole ? [key] : []))],
  };
}

/** Whether a setting changes where Proxmox sets it to a value, or clears it. */
function differs(key: string, present: unknown, value: string | undefined): boolean {
  return canonical(present, key) !== canonical(value, key);
}

/** A secret is never shown by Proxmox, so equal text proves nothing of it. */
function setsNothing({ params, planned }: Context, set: readonly string[], row: Row): boolean {
  const endpoint = endpointOf("PUT", planned.classified);
  if (Object.keys(params).some((key) => key === "delete" || key === "append")) return false;
  return set.every(
    (key) =>
      !isHidden(endpoint, key, params[key]) &&
      row[key] !== undefined &&
      canonical(params[key], key) === canonical(row[key], key),
  );
}

/** What no other describer is for: the object under the same path, where Proxmox shows one, and the request as it is. */
export const describeObject: Describer = async (context) => {
  const { method, path, planned, look, facts } = context;
  const { template, reason } = planned.classified;
  const effect = [reason.replace(/^it /, "")];
  const base = { action: `${method} ${pathText(path)}`, effect };
  // What is only made or done is not there yet, and a GET that is not known may do more than look.
  if ((method !== "PUT" && method !== "DELETE") || template === undefined) return base;
  const seen = await look(path);
  const row = objectIn(seen);
  if (method === "DELETE" && "missing" in seen) refuseUnread(planned, seen, needText);
  if (row === undefined) {
    facts.addRows("row", rowsIn({ data: withoutFigures(path, "data" in seen ? seen.data : undefined) }) ?? [], idOf);
    const value = "data" in seen && !Array.isArray(seen.data) ? textOf(seen.data) : undefined;
    if (value === undefined) return base;
    facts.add("present value", value);
    return { ...base, details: [`As it is now: ${valueText(value)}.`] };
  }
  const live = Object.keys(row).filter((key) => isLive(path, key));
  facts.addObject(row, { except: live });
  facts.addDigest("the object", row["digest"]);
  const change = method === "PUT" ? changeOf(context, pathText(path), row) : undefined;
  const now = nowLine(context, row, live);
  return {
    ...base,
    undo: method === "DELETE" ? { definition: row } : undoOfChange(context),
    effect: [...effect, ...(change?.effect ?? [])],
    details: [...(change?.details ?? []), ...(now === undefined ? [] : [now])],
    digest: textIn(row["digest"]),
    told: change?.told ?? [],
  };
};

/** A value that is the whole answer, such as that of a Ceph flag. */
function textOf(data: unknown): string | undefined {
  return typeof data === "boolean" ? canonical(data) : textIn(data);
}

/** What tells a row of an unknown list from the others. */
function idOf(row: Row): unknown {
  return row["id"] ?? row["name"] ?? row["pos"] ?? row["iface"] ?? row["vmid"] ?? row["key"] ?? canonical(row);
}
