import { isOff } from "../../classes/values.ts";
import type { Context, Describer } from "../describer.ts";
import { canonical, type Row } from "../facts.ts";
import { findGuest, guestLabel } from "../guest-state.ts";
import { objectIn, rowsIn, textIn, yes } from "../look.ts";
import { count, nameText, valueText } from "../wording.ts";
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
  facts.addDigest("the firewall rules", rows?.[0]?.["digest"]);
  const change = method === "PUT" ? changeOf(context, `rule ${pos} of ${where}`, rule) : undefined;
  const now = rule === undefined ? undefined : ruleText(rule);
  // PVE::API2::Firewall::Rules creates a rule at position 0, whatever `pos` says (recordings/FACTS.md).
  const made = isNew ? [`${ruleText(params)} at position 0`] : [];
  return {
    action: `${isNew ? "ADD firewall rule" : `${method === "DELETE" ? "DELETE" : "CHANGE"} firewall rule ${nameText(pos)}`} of ${where}`,
    ...(isNew && { undo: { how: "by deleting it" } }),
    effect: [
      ...(isNew ? [] : [now ?? "the rule is not readable"]),
      ...(isOff(params, "enable") && yes(rule?.["enable"]) ? ["switches it off"] : []),
      ...made,
      ...(change?.effect ?? []),
    ],
    details: (rows ?? []).slice(0, 30).map((row) => `Rule ${valueText(row["pos"])}: ${ruleText(row)}.`),
    words: [isNew ? wordOf(context) : pos],
    digest: textIn(rows?.[0]?.["digest"]),
    told: isNew ? ruleKeys.filter((key) => String(params[key] ?? "").length <= 60) : (change?.told ?? []),
  };
};

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

/** Aliases and sets of addresses: the entry as it is in its list, and whether rules use it. */
export const describeFirewallEntry: Describer = async (context) => {
  const { method, path, look, facts, noEffect, params } = context;
  const at = path.indexOf("firewall") + 1;
  const kind = path[at] === "aliases" ? "alias" : path[at] === "groups" ? "security group" : "IP set";
  const where = kind === "security group" ? "the cluster" : await scopeOf(context);
  const name = path[at + 1] ?? String(params["name"] ?? params["group"] ?? "");
  const cidr = path[at + 2];
  const key = kind === "security group" ? "group" : "name";
  const [seen, contentSeen, rules] = await Promise.all([
    look(path.slice(0, at + 1)),
    kind === "alias" || path[at + 1] === undefined ? undefined : look(path.slice(0, at + 2)),
    look([...path.slice(0, at), "rules"]),
  ]);
  const rows = rowsIn(seen);
  const content = contentSeen === undefined ? undefined : rowsIn(contentSeen);
  const listed = rows?.find((row) => row[key] === name);
  const isNew = method === "POST" && path[at + 1] === undefined;
  // Names are stored in lower case, and the list is never filtered.
  if (!isNew && rows !== undefined && !rows.some((row) => String(row[key]).toLowerCase() === name.toLowerCase())) {
    throw noEffect(`${kind} ${nameText(name)} does not exist in ${where}`);
  }
  const entry = content?.find((row) => row["cidr"] === cidr);
  const addressed = entry ?? listed;
  if (addressed !== undefined) facts.addObject(addressed);
  if (content !== undefined) facts.addRows(`entry of ${name}`, content, (row) => row["cidr"] ?? row["pos"]);
  facts.addDigest(`the ${kind}`, listed?.["digest"]);
  const ownRules = rowsIn(rules);
  const uses = (ownRules ?? []).filter((row) => usesName(row, name));
  facts.addRows("rule that uses it", uses, ({ pos }) => pos);
  const change = method === "PUT" ? changeOf(context, `${kind} ${nameText(name)}`, addressed) : undefined;
  const label = cidr === undefined ? `${kind} ${nameText(name)}` : `${nameText(cidr)} of ${kind} ${nameText(name)}`;
  const now = addressed === undefined ? undefined : nowLine(context, addressed);
  return {
    action: `${isNew ? "CREATE" : method === "POST" ? "ADD TO" : method === "DELETE" ? "DELETE" : "CHANGE"} ${label} of ${where}`,
    ...(method === "DELETE" && { undo: { how: "by creating it again" } }),
    effect: [
      ...(listed?.["cidr"] === undefined ? [] : [`it is ${valueText(listed["cidr"])}`]),
      ...(isNew || kind === "alias" || cidr !== undefined
        ? []
        : content === undefined
          ? ["its content is not readable"]
          : [
              `it has ${count(content.length, kind === "security group" ? "rule" : "entry", kind === "security group" ? "rules" : "entries")}`,
            ]),
      ...(isNew ? [] : [useText(ownRules === undefined ? undefined : uses.length, path[0] === "cluster")]),
      ...(change?.effect ?? []),
    ],
    details: [
      ...(now === undefined ? [] : [now]),
      ...(content ?? [])
        .slice(0, 30)
        .map(
          (row) =>
            `Entry: ${row["cidr"] === undefined ? ruleText(row) : `${yes(row["nomatch"]) ? "not " : ""}${valueText(row["cidr"])}`}.`,
        ),
      ...uses.slice(0, 20).map((row) => `Rule that uses it: ${ruleText(row)}.`),
      ...(path[0] === "cluster" && !isNew
        ? ["Rules of guests, nodes and security groups that use it are not looked for."]
        : []),
    ],
    words: [cidr ?? name],
    digest: textIn((entry ?? listed)?.["digest"]),
    told: change?.told ?? [],
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
