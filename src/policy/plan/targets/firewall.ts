import { isOff } from "../../endpoint-classes/values.ts";
import type { Context, Describer } from "../describer.ts";
import { canonical, type Row } from "../facts.ts";
import { findGuest, guestLabel } from "../guest-state.ts";
import { objectIn, rowsIn, textIn, yes } from "../look.ts";
import { count, listText, nameText, valueText } from "../wording.ts";
import { changeOf, nowLine } from "./object.ts";

/** `rules/{pos}` and `groups/{group}/{pos}`: the rule in words, as it is and as it would be. */
export const describeFirewallRule: Describer = async (context) => {
  const { method, params, path, look, facts, noEffect } = context;
  const where = await scopeOf(context);
  const isNew = method === "POST";
  const list = isNew ? path : path.slice(0, -1);
  const rows = rowsIn(await look(list));
  const pos = path.at(-1) ?? "";
  const rule = isNew ? undefined : rows?.find((row) => String(row["pos"]) === pos);
  // Rules need Sys.Audit or VM.Audit and are never filtered: an answer is the whole list.
  if (!isNew && rows !== undefined && rule === undefined) {
    throw noEffect(`there is no rule at position ${nameText(pos)} of ${where}; it has ${count(rows.length, "rule")}`);
  }
  facts.addRows("rule", rows ?? [], ({ pos }) => pos);
  // Proxmox compares no digest when it creates a rule (`create_rule` of PVE::API2::Firewall::Rules).
  const digest = isNew ? undefined : textIn(rows?.[0]?.["digest"]);
  facts.addDigest("the firewall rules", digest);
  const move = method === "PUT" ? moveOf(context, pos, rows) : undefined;
  const change =
    method === "PUT" && move === undefined ? changeOf(context, `rule ${pos} of ${where}`, rule) : undefined;
  const now = rule === undefined ? undefined : ruleText(rule);
  // PVE::API2::Firewall::Rules creates a rule at position 0, whatever `pos` says (recordings/FACTS.md).
  const made = isNew ? [`${ruleText(params)} at position 0`] : [];
  return {
    action: `${isNew ? "ADD firewall rule" : `${method === "DELETE" ? "DELETE" : "CHANGE"} firewall rule ${nameText(pos)}`} of ${where}`,
    ...(isNew && { undo: { how: "by deleting it" } }),
    effect: [
      ...(isNew ? [] : [now ?? "the rule is not readable"]),
      ...(move === undefined && isOff(params, "enable") && yes(rule?.["enable"]) ? ["switches it off"] : []),
      ...(move ?? []),
      ...made,
      ...(change?.effect ?? []),
    ],
    details: (rows ?? []).slice(0, 30).map((row) => `Rule ${valueText(row["pos"])}: ${ruleText(row)}.`),
    words: [isNew ? wordOf(context) : pos],
    digest,
    ...(move !== undefined && { paraphrased: Object.keys(params) }),
    told: isNew ? ruleKeys.filter((key) => String(params[key] ?? "").length <= 60) : (change?.told ?? []),
  };
};

/** What a `PUT` with `moveto` does: it moves the rule and ignores the rest (`update_rule` of PVE::API2::Firewall::Rules). */
function moveOf({ params }: Context, pos: string, rows: readonly Row[] | undefined): readonly string[] | undefined {
  const to = params["moveto"];
  if (to === undefined || Number(to) === Number(pos)) return undefined;
  const ignored = Object.keys(params).filter((key) => key !== "moveto" && key !== "digest");
  return [
    rows !== undefined && Number(to) >= rows.length ? "moves it to the end" : `moves it before rule ${String(to)}`,
    ...(ignored.length === 0 ? [] : [`ignores ${listText(ignored.map((key) => nameText(key)))}`]),
  ];
}

const ruleKeys = ["type", "action", "macro", "proto", "source", "sport", "dest", "dport", "iface", "enable", "pos"];

/** `in ACCEPT tcp from 10.0.0.0/8 to port 22 on net0`. */
function ruleText(rule: Row): string {
  const part = (key: string, before: string) =>
    textIn(rule[key]) === undefined ? [] : [`${before}${valueText(rule[key], 60)}`];
  return [
    ...part("type", ""),
    ...part("action", ""),
    ...part("macro", "macro "),
    ...part("proto", ""),
    ...part("source", "from "),
    ...part("sport", "port "),
    ...part("dest", "to "),
    ...part("dport", "to port "),
    ...part("iface", "on "),
    ...(rule["enable"] === undefined ? [] : yes(rule["enable"]) ? [] : ["(switched off)"]),
    ...part("comment", "# "),
  ].join(" ");
}

/** What a call does by the path of an alias, a set, a group or an entry. */
const verbs: Readonly<Record<string, string>> = { POST: "ADD TO", PUT: "CHANGE", DELETE: "DELETE" };

/** Aliases, sets of addresses and security groups: the entry as it is in its list, and whether rules use it. */
export const describeFirewallEntry: Describer = async (context) => {
  const { method, path, look, facts, noEffect, params } = context;
  const at = path.indexOf("firewall") + 1;
  const kind = path[at] === "aliases" ? "alias" : path[at] === "groups" ? "security group" : "IP set";
  const where = kind === "security group" ? "the cluster" : await scopeOf(context);
  const isNew = method === "POST" && path[at + 1] === undefined;
  const wanted = String(params["name"] ?? params["group"] ?? "");
  const renamed = isNew ? textIn(params["rename"]) : undefined;
  const name = path[at + 1] ?? renamed ?? wanted;
  const cidr = path[at + 2];
  const key = kind === "security group" ? "group" : "name";
  const [seen, contentSeen, rules] = await Promise.all([
    look(path.slice(0, at + 1)),
    kind === "alias" || path[at + 1] === undefined ? undefined : look(path.slice(0, at + 2)),
    look([...path.slice(0, at), "rules"]),
  ]);
  // The list is never filtered.
  const rows = rowsIn(seen);
  const content = contentSeen === undefined ? undefined : rowsIn(contentSeen);
  // Proxmox finds an alias in any case, a set or a group only as it is written (PVE::API2::Firewall).
  const find = (wanted: string) =>
    rows?.find((row) =>
      kind === "alias" ? String(row[key]).toLowerCase() === wanted.toLowerCase() : row[key] === wanted,
    );
  const listed = find(name);
  if (rows !== undefined && listed === undefined && (!isNew || renamed !== undefined)) {
    throw noEffect(`${kind} ${nameText(name)} does not exist in ${where}`);
  }
  if (isNew && wanted !== renamed && find(wanted) !== undefined) {
    throw noEffect(`${kind} ${nameText(wanted)} exists already in ${where}`);
  }
  // PVE::API2::Firewall::IPSet compares the text, so `10.0.0.1/32` is not `10.0.0.1`. Where no entry has it, `update_ip`
  // fails, and `remove_ip` answers 200 and removes nothing.
  const entry = content?.find((row) => row["cidr"] === cidr);
  if (cidr !== undefined && content !== undefined && entry === undefined) {
    const present = content.map((row) => nameText(String(row["cidr"])));
    throw noEffect(
      `${nameText(cidr)} is not in ${kind} ${nameText(name)} of ${where}; ${present.length === 0 ? "it is empty" : `it has: ${listText(present)}`}`,
    );
  }
  const addressed = cidr === undefined ? listed : entry;
  if (addressed !== undefined) facts.addObject(addressed);
  if (content !== undefined) facts.addRows(`entry of ${name}`, content, (row) => row["cidr"] ?? row["pos"]);
  const digest = textIn(addressed?.["digest"]);
  facts.addDigest(cidr === undefined ? `the ${kind}` : "the entry", digest);
  const ownRules = rowsIn(rules);
  const uses = (ownRules ?? []).filter((row) => usesName(row, name));
  facts.addRows("rule that uses it", uses, ({ pos }) => pos);
  const label = cidr === undefined ? `${kind} ${nameText(name)}` : `${nameText(cidr)} of ${kind} ${nameText(name)}`;
  // `update_alias` and `update_ip` of PVE::API2::Firewall store what the call says, and nothing else.
  const omitted = { comment: undefined, ...(cidr !== undefined && { nomatch: undefined }) };
  const change = method === "PUT" ? changeOf(context, label, addressed, omitted) : undefined;
  const now = addressed === undefined ? undefined : nowLine(context, addressed);
  const isRename = renamed !== undefined && renamed !== wanted;
  return {
    action: `${isRename ? "RENAME" : isNew ? (renamed === undefined ? "CREATE" : "CHANGE") : verbs[method]} ${label}${isRename ? ` to ${nameText(wanted)}` : ""} of ${where}`,
    ...(method === "DELETE" && { undo: { how: "by creating it again" } }),
    ...(isRename && { undo: { how: "by renaming it back" } }),
    effect: [
      ...(listed?.["cidr"] === undefined ? [] : [`it is ${valueText(listed["cidr"])}`]),
      ...(isNew || kind === "alias" || cidr !== undefined
        ? []
        : content === undefined
          ? ["its content is not readable"]
          : [
              `it has ${count(content.length, kind === "security group" ? "rule" : "entry", kind === "security group" ? "rules" : "entries")}`,
            ]),
      // PVE::API2::Firewall::Groups renames a group in all rules; the rules of a set keep its old name.
      ...(isRename ? [kind === "IP set" ? "rules keep the old name" : "rules take the new name"] : []),
      ...(isNew && !isRename ? [] : [useText(ownRules === undefined ? undefined : uses.length, path[0] === "cluster")]),
      ...(change?.effect ?? []),
    ],
    details: [
      ...(change?.details ?? []),
      ...(now === undefined ? [] : [now]),
      ...(content ?? [])
        .slice(0, 30)
        .map(
          (row) =>
            `Entry: ${row["cidr"] === undefined ? ruleText(row) : `${yes(row["nomatch"]) ? "not " : ""}${valueText(row["cidr"])}`}.`,
        ),
      ...uses.slice(0, 20).map((row) => `Rule that uses it: ${ruleText(row)}.`),
      ...(path[0] === "cluster" && (!isNew || isRename)
        ? ["Rules of guests, nodes and security groups that use it are not looked for."]
        : []),
    ],
    words: [cidr ?? name],
    digest,
    told: renamed === undefined ? (change?.told ?? []) : ["rename", key],
  };
};

/** How many of the rules that were looked at use an entry; those of the cluster are not all that may. */
function useText(uses: number | undefined, isCluster: boolean): string {
  if (uses === undefined) return "use by rules not readable";
  const scope = isCluster ? "cluster rule" : "rule";
  const known = uses === 0 ? `no ${scope} uses it` : `${count(uses, scope)} ${uses === 1 ? "uses" : "use"} it`;
  return isCluster ? `${known}, others not looked at` : known;
}

/** Rules write a set as `+name` or `+dc/name`, an alias as `name` or `dc/name`, a group as their action. */
function usesName(row: Row, name: string): boolean {
  return ["source", "dest", "action"].some((key) =>
    String(row[key] ?? "")
      .split(",")
      .some(
        (part) =>
          part
            .replace(/^\+/, "")
            .replace(/^(?:dc|guest|sdn)\//, "")
            .toLowerCase() === name.toLowerCase(),
      ),
  );
}

/** `PUT .../firewall/options`. */
export const describeFirewallOptions: Describer = async (context) => {
  const { look, path, facts, params } = context;
  const where = await scopeOf(context);
  const row = objectIn(await look(path));
  if (row !== undefined) {
    facts.addObject(row);
    facts.addDigest("the firewall options", row["digest"]);
  }
  const change = changeOf(context, `the firewall of ${where}`, row);
  const now = row === undefined ? undefined : nowLine(context, row);
  const turnsOff = isOff(params, "enable");
  return {
    action: `CHANGE firewall of ${where}`,
    effect: [
      ...(turnsOff && row !== undefined
        ? [`switches the firewall off${canonical(row["enable"]) === "0" ? ", which is off" : ""}`]
        : []),
      ...change.effect,
    ],
    details: now === undefined ? [] : [now],
    words: [wordOf(context)],
    digest: textIn(row?.["digest"]),
    told: change.told,
  };
};

/** What is typed for a firewall as a whole. */
function wordOf({ values, planned }: Context): string {
  return values["vmid"] ?? values["vnet"] ?? values["node"] ?? values["group"] ?? planned.cluster.name;
}

/** Whose firewall it is: `VM 100 web-01`, `node pve1`, `the cluster`. */
async function scopeOf({ path, values, planned, look, facts }: Context): Promise<string> {
  const vmid = values["vmid"];
  if (vmid !== undefined) {
    const guest = await findGuest(vmid, planned);
    const config = objectIn(await look([...path.slice(0, 4), "config"]));
    const name = textIn(config?.["name"]) ?? textIn(config?.["hostname"]) ?? guest?.name;
    const label = guestLabel({ type: path[2] === "lxc" ? "lxc" : "qemu", vmid, name });
    facts.add("guest", label);
    return label;
  }
  if (path[0] === "nodes") return `node ${nameText(path[1] ?? "")}`;
  if (values["vnet"] !== undefined) return `vnet ${nameText(values["vnet"])}`;
  return path[2] === "groups" && path[3] !== undefined ? `security group ${nameText(path[3])}` : "the cluster";
}
