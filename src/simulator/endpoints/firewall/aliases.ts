import { del, type Endpoint, get, post, put, type SimulatedCall } from "../../endpoint.ts";
import { refused } from "../../failure.ts";
import { optional, text } from "../../schema.ts";
import { digest, unmodified } from "../../state/digest.ts";
import type { Rule } from "../../state/firewall.ts";
import { changedFirewall, firewallAt, type Place } from "./rules.ts";

function made(call: SimulatedCall, name: string): Rule {
  const cidr = call.text("cidr");
  const comment = call.text("comment");
  return { name, cidr, ipversion: cidr.includes(":") ? 6 : 4, ...(comment !== "" && { comment }) };
}

/** Names for addresses in one place; a name counts in any case and is shown as it was written. */
export function aliasEndpoints({ path: base, audit, modify, key }: Place): readonly Endpoint[] {
  const path = `${base}/aliases`;
  const rows = (call: SimulatedCall): Rule[] =>
    [...firewallAt(call.world, key(call)).aliases].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, alias]) => alias);
  const find = (call: SimulatedCall): Rule => {
    const alias = firewallAt(call.world, key(call)).aliases.get(call.text("name").toLowerCase());
    if (alias === undefined) throw refused({ name: "no such alias" });
    return alias;
  };
  const guarded = (call: SimulatedCall): void => unmodified(call.text("digest"), digest(...rows(call)));
  const name = text("The alias.", { pattern: /^[A-Za-z][A-Za-z0-9\-_]+$/, minLength: 2, maxLength: 64 });
  const cidr = text("An address or a network.");
  const guard = { digest: text("Refuse when the aliases have another digest.", { maxLength: 64 }) };
  return [
    get(path, {
      does: "The names for addresses.",
      needs: audit,
      gives: "array",
      rows: "kept",
      run: (call) => rows(call).map((alias) => ({ ...alias, digest: digest(...rows(call)) })),
    }),
    post(path, {
      does: "Name an address.",
      needs: modify,
      takes: { name, cidr, comment: text("A note.", { optional: 1 }) },
      run: (call) => {
        const { aliases } = changedFirewall(call.world, key(call));
        const id = call.text("name");
        if (aliases.has(id.toLowerCase())) throw refused({ name: `alias '${id}' already exists` });
        aliases.set(id.toLowerCase(), made(call, id));
      },
    }),
    get(`${path}/{name}`, {
      does: "A name for an address.",
      needs: audit,
      // Without the digest that the list has.
      run: find,
    }),
    put(`${path}/{name}`, {
      does: "Change a name for an address.",
      needs: modify,
      takes: { cidr, ...optional({ comment: text("A note."), rename: text("Another name."), ...guard }) },
      run: (call) => {
        guarded(call);
        const old = find(call);
        const { aliases } = changedFirewall(call.world, key(call));
        const id = call.text("rename") || String(old["name"]);
        const other = aliases.get(id.toLowerCase());
        if (other !== undefined && other !== old) throw refused({ name: `alias '${id}' already exists` });
        aliases.delete(String(old["name"]).toLowerCase());
        aliases.set(id.toLowerCase(), made(call, id));
      },
    }),
    del(`${path}/{name}`, {
      does: "Remove a name for an address.",
      needs: modify,
      takes: optional(guard),
      run: (call) => {
        guarded(call);
        changedFirewall(call.world, key(call)).aliases.delete(call.text("name").toLowerCase());
      },
    }),
  ];
}
