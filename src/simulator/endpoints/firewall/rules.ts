import type { Permission } from "../../access.ts";
import { del, type Endpoint, get, post, put, type SimulatedCall } from "../../endpoint.ts";
import { died, refused } from "../../failure.ts";
import { choice, integer, list, optional, type Parameters, text } from "../../schema.ts";
import { digest, unmodified } from "../../state/digest.ts";
import { emptyFirewall, type Firewall, type Rule } from "../../state/firewall.ts";
import { type SimulatedCluster, words } from "../../state/state.ts";

/** Where a firewall file belongs, and what reading and changing it needs. */
export interface Place {
  readonly path: string;
  readonly audit: Permission;
  readonly modify: Permission;
  /** The parameters that change its options. */
  readonly options: Parameters;
  /** The key of its file among the world's. */
  key(call: SimulatedCall): string;
}

/** The place's file to read; an empty one where none was ever written. */
export const firewallAt = (world: SimulatedCluster, key: string): Firewall =>
  world.firewalls.get(key) ?? emptyFirewall();

/** The place's file to change, made when it is not there. */
export function changedFirewall(world: SimulatedCluster, key: string): Firewall {
  const found = firewallAt(world, key);
  world.firewalls.set(key, found);
  return found;
}

/** The names of the sets that rules of this place may use: its own and the cluster's. */
function knownSets(call: SimulatedCall, key: string): string[] {
  return [key, "cluster"].flatMap((it) => [...firewallAt(call.world, it).ipsets.keys()]);
}

/** What is wrong with a rule, by property, in Proxmox's words. */
function faults(call: SimulatedCall, key: string, rule: Rule): Record<string, string> {
  const errors: Record<string, string> = {};
  for (const side of ["source", "dest"] as const) {
    const name = /^\+(?:dc\/|guest\/)?(.+)$/.exec(String(rule[side] ?? ""))?.[1];
    if (name !== undefined && !knownSets(call, key).includes(name)) errors[side] = `no such ipset '${name}'`;
  }
  const { type, action, proto } = rule;
  if (type !== "group" && !["ACCEPT", "DROP", "REJECT"].includes(String(action)))
    errors["action"] = `unknown action '${action}'`;
  for (const port of ["dport", "sport"] as const)
    if (rule[port] !== undefined && proto === undefined && rule["macro"] === undefined)
      errors["proto"] = `missing property - '${port}' requires this property`;
  if (key.startsWith("guest/") && !/^(net\d+)?$/.test(String(rule["iface"] ?? "")))
    errors["iface"] = "value does not match the regex pattern 'net\\d+'";
  return errors;
}

function verified(call: SimulatedCall, key: string, rule: Rule): Rule {
  const errors = faults(call, key, rule);
  if (Object.keys(errors).length > 0) throw refused(errors);
  return rule;
}

function given(call: SimulatedCall): Rule {
  const { node: _, vmid: __, pos: ___, digest: ____, delete: _____, moveto: ______, ...rest } = call.params;
  return rest;
}

/** The place's rules, the digest that guards them, and the position that the call names. */
function open(call: SimulatedCall, key: string): { rules: readonly Rule[]; pos: number; rule: Rule } {
  const { rules } = firewallAt(call.world, key);
  unmodified(call.text("digest"), digest(...rules));
  const pos = call.number("pos");
  const rule = rules[pos];
  if (rule === undefined) throw died(`no rule at position ${pos}`);
  return { rules, pos, rule };
}

/** Moves a rule in front of the one that is at `moveto` now, or to the end. */
function moved(rules: readonly Rule[], pos: number, moveto: number): Rule[] {
  const before = rules.slice(0, moveto).filter((_, index) => index !== pos);
  const after = rules.slice(moveto).filter((_, index) => index + moveto !== pos);
  return [...before, rules[pos] as Rule, ...after];
}

function update(call: SimulatedCall, key: string): void {
  const { rules, pos, rule } = open(call, key);
  const moveto = call.params["moveto"];
  const file = changedFirewall(call.world, key);
  if (moveto !== undefined && moveto !== pos) {
    file.rules = moved(rules, pos, Number(moveto));
    return;
  }
  const gone = words(call.text("delete"));
  for (const name of gone) {
    if (name === "type" || name === "action") throw refused({ delete: `unable to delete required property '${name}'` });
    if (properties[name] === undefined) throw refused({ delete: `no such property ('${name}')` });
  }
  // An empty value removes a property, and `delete` wins over a value (`copy_rule_data` of pve-firewall).
  const wanted = Object.entries({ ...rule, ...given(call) }).filter(([, value]) => value !== "" && value !== "-");
  const kept = wanted.filter(([name]) => !gone.includes(name));
  file.rules = rules.with(pos, verified(call, key, Object.fromEntries(kept)));
}

const properties: Parameters = optional({
  comment: text("A note."),
  dest: text("Where to: an address, an alias, or a set as `+name`."),
  digest: text("Refuse when the rules have another digest.", { maxLength: 64 }),
  dport: text("The port it goes to."),
  enable: integer("Whether it is in force.", { minimum: 0 }),
  iface: text("The interface."),
  log: choice("How it is logged.", ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug", "nolog"]),
  macro: text("A ready-made rule."),
  pos: integer("Where it goes; new rules always go to the top.", { minimum: 0 }),
  proto: text("The protocol."),
  source: text("Where from: an address, an alias, or a set as `+name`."),
  sport: text("The port it comes from."),
});
const action = text("ACCEPT, DROP, REJECT or a security group.", { pattern: /^[A-Za-z][A-Za-z0-9\-_]+$/ });
const type = choice("The direction.", ["in", "out", "forward", "group"]);

/** The rules of one place; all carry one digest. */
export function ruleEndpoints({ path: base, audit, modify, key }: Place): readonly Endpoint[] {
  const path = `${base}/rules`;
  const row = (call: SimulatedCall, rule: Rule, pos: number | string): object => {
    const errors = faults(call, key(call), rule);
    const guard = digest(...firewallAt(call.world, key(call)).rules);
    return { ...rule, pos, digest: guard, ...(Object.keys(errors).length > 0 && { errors }) };
  };
  return [
    get(path, {
      does: "The firewall rules, in order.",
      needs: audit,
      gives: "array",
      rows: "kept",
      run: (call) => firewallAt(call.world, key(call)).rules.map((rule, pos) => row(call, rule, pos)),
    }),
    post(path, {
      does: "Add a firewall rule at the top.",
      needs: modify,
      takes: { ...properties, action, type },
      run: (call) => {
        // A `digest` is taken and not looked at (`create_rule` of pve-firewall).
        const rule = verified(call, key(call), { enable: 0, ...given(call) });
        const file = changedFirewall(call.world, key(call));
        file.rules = [rule, ...file.rules];
      },
    }),
    get(`${path}/{pos}`, {
      does: "A firewall rule.",
      needs: audit,
      run: (call) => row(call, open(call, key(call)).rule, call.text("pos")),
    }),
    put(`${path}/{pos}`, {
      does: "Change or move a firewall rule.",
      needs: modify,
      takes: {
        ...properties,
        ...optional({
          action,
          type,
          delete: list("Settings to remove."),
          moveto: integer("Move it before the rule at this position.", { minimum: 0 }),
        }),
        pos: integer("The rule's position.", { minimum: 0 }),
      },
      run: (call) => update(call, key(call)),
    }),
    del(`${path}/{pos}`, {
      does: "Delete a firewall rule.",
      needs: modify,
      takes: optional({ digest: text("Refuse when the rules have another digest.", { maxLength: 64 }) }),
      run: (call) => {
        const { rules, pos } = open(call, key(call));
        changedFirewall(call.world, key(call)).rules = rules.filter((_, index) => index !== pos);
      },
    }),
  ];
}
