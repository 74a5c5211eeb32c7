import { del, type Endpoint, get, post, put, type SimulatedCall } from "../../endpoint.ts";
import { died, refused } from "../../failure.ts";
import { flag, optional, text } from "../../schema.ts";
import { digest, unmodified } from "../../state/digest.ts";
import type { IpSet, Rule } from "../../state/firewall.ts";
import { changedFirewall, firewallAt, type Place } from "./rules.ts";

const byName = <T>(entries: Iterable<[string, T]>): [string, T][] => [...entries].sort(([a], [b]) => (a < b ? -1 : 1));

const named = (name: string, comment: string | undefined): Record<string, string> =>
  comment === undefined ? { name } : { name, comment };

/** The network as a set stores it: `192.0.2.1/24` as `192.0.2.0/24`, `192.0.2.1/32` as `192.0.2.1`. */
function network(cidr: string): string {
  if (cidr.includes(":")) return cidr.replace(/\/128$/, "");
  const [, address = "", prefix = "32"] = /^([\d.]+)(?:\/(\d+))?$/.exec(cidr) ?? [];
  if (address === "" || prefix === "32") return cidr.replace(/\/32$/, "");
  const bits = address.split(".").reduce((all, byte) => all * 256 + Number(byte), 0);
  const size = 2 ** (32 - Number(prefix));
  const first = Math.floor(bits / size) * size;
  return `${[24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join(".")}/${prefix}`;
}

/** An entry as its line in the file holds it: without an empty comment, and `nomatch` only where it is set. */
function entryOf(call: SimulatedCall, cidr: string): Rule {
  const comment = call.text("comment");
  return { cidr, ...(call.params["nomatch"] === 1 && { nomatch: 1 }), ...(comment !== "" && { comment }) };
}

/** The sets of addresses of one place, and what is in them. */
export function ipsetEndpoints({ path: base, audit, modify, key }: Place): readonly Endpoint[] {
  const path = `${base}/ipset`;
  const listed = (call: SimulatedCall) =>
    byName(firewallAt(call.world, key(call)).ipsets).map(([id, { comment }]) => named(id, comment));
  const find = (call: SimulatedCall): IpSet => {
    const set = firewallAt(call.world, key(call)).ipsets.get(call.text("name"));
    if (set === undefined) throw died(`no such IPSet '${call.text("name")}'`);
    return set;
  };
  const index = (call: SimulatedCall): number => {
    const { entries } = find(call);
    unmodified(call.text("digest"), digest(...entries));
    // As it is written: `192.0.2.1/24` does not find `192.0.2.0/24`.
    return entries.findIndex(({ cidr }) => cidr === call.text("cidr"));
  };
  // The file holds the entries by address.
  const save = (call: SimulatedCall, entries: IpSet["entries"]): void => {
    const sorted = entries.toSorted((a, b) => (String(a["cidr"]) < String(b["cidr"]) ? -1 : 1));
    changedFirewall(call.world, key(call)).ipsets.set(call.text("name"), { ...find(call), entries: sorted });
  };
  const create = (call: SimulatedCall): void => {
    const { ipsets } = changedFirewall(call.world, key(call));
    const name = call.text("name");
    const from = call.params["rename"];
    const old = from === undefined ? undefined : ipsets.get(String(from));
    // The digest counts for a rename alone (`create_ipset` of pve-firewall).
    if (from !== undefined) unmodified(call.text("digest"), digest(...listed(call)));
    if (from !== undefined && old === undefined) throw refused({ name: `IPSet '${from}' does not exist` });
    if (ipsets.has(name) && from !== name)
      throw refused({ name: `IPSet '${name}' ${from === undefined ? "already exists" : "does already exist"}` });
    // Rules keep the old name (recorded, `alpha-firewall.json`).
    if (from !== undefined) ipsets.delete(String(from));
    ipsets.set(name, { comment: call.text("comment") || old?.comment, entries: old?.entries ?? [] });
  };
  const guard = { digest: text("Refuse when they have another digest.", { maxLength: 64 }) };
  const name = text("The set's name.", { pattern: /^[A-Za-z][A-Za-z0-9\-_]+$/, minLength: 2, maxLength: 64 });
  const note = { comment: text("A note."), nomatch: flag("Leave it out of the set.") };
  const cidr = text("An address or a network.");
  return [
    get(path, {
      does: "The sets of addresses.",
      needs: audit,
      gives: "array",
      rows: "kept",
      run: (call) => {
        const rows = listed(call);
        return rows.map((row) => ({ ...row, digest: digest(...rows) }));
      },
    }),
    post(path, {
      does: "Create a set of addresses, or rename one.",
      needs: modify,
      takes: { name, ...optional({ comment: text("A note."), rename: text("The set to rename."), ...guard }) },
      run: create,
    }),
    get(`${path}/{name}`, {
      does: "What is in a set of addresses.",
      needs: audit,
      gives: "array",
      rows: "kept",
      run: (call) => find(call).entries.map((row) => ({ ...row, digest: digest(...find(call).entries) })),
    }),
    post(`${path}/{name}`, {
      does: "Add an address to a set.",
      needs: modify,
      takes: { cidr, ...optional(note) },
      run: (call) => {
        const { entries } = find(call);
        const added = network(call.text("cidr"));
        if (entries.some((it) => it["cidr"] === added)) throw refused({ cidr: `address '${added}' already exists` });
        if (/\/0+$/.test(added)) throw refused({ cidr: "a zero prefix is not allowed in ipset entries" });
        save(call, [...entries, entryOf(call, added)]);
      },
    }),
    del(`${path}/{name}`, {
      does: "Delete a set of addresses.",
      needs: modify,
      takes: optional({ force: flag("Also when it is not empty.") }),
      run: (call) => {
        const { entries } = find(call);
        if (entries.length > 0 && call.params["force"] !== 1) throw died(`IPSet '${call.text("name")}' is not empty`);
        changedFirewall(call.world, key(call)).ipsets.delete(call.text("name"));
      },
    }),
    get(`${path}/{name}/{cidr}`, {
      does: "An address of a set.",
      needs: audit,
      run: (call) => {
        const row = find(call).entries[index(call)];
        if (row === undefined) throw refused({ cidr: "no such IP/Network" });
        return { ...row, digest: digest(...find(call).entries) };
      },
    }),
    put(`${path}/{name}/{cidr}`, {
      does: "Change an address of a set.",
      needs: modify,
      takes: optional({ ...note, ...guard }),
      run: (call) => {
        const { entries } = find(call);
        const at = index(call);
        if (at < 0) throw refused({ cidr: "no such IP/Network" });
        // What the call leaves out is removed (`update_ip` of pve-firewall).
        save(call, entries.with(at, entryOf(call, call.text("cidr"))));
      },
    }),
    del(`${path}/{name}/{cidr}`, {
      does: "Take an address out of a set.",
      needs: modify,
      takes: optional(guard),
      run: (call) => {
        const at = index(call);
        save(
          call,
          find(call).entries.filter((_, place) => place !== at),
        );
      },
    }),
  ];
}
