import type { Context, Describer } from "../describer.ts";
import type { Row } from "../facts.ts";
import { objectIn, rowsIn, textIn } from "../look.ts";
import { quorumWithout } from "../quorum.ts";
import { nameText, quote, valueText } from "../wording.ts";
import { changeOf, nowLine, type Omitted, objectDescriber } from "./object.ts";

/** Figures of an interface, and its place in the file. */
const live = ["active", "exists", "priority", "families"];

/** The longest diff of pending changes that is shown, in lines. */
const maxDiffLines = 60;

/** `/nodes/{node}/network/{iface}`: the interface as it is; it changes only when the network is applied. */
export const describeInterface: Describer = async (context) => {
  const { method, path, look, facts, noEffect, values } = context;
  const name = values["iface"] ?? "";
  const node = nameText(values["node"] ?? "");
  const [seen, all] = await Promise.all([look(path), look(path.slice(0, 3))]);
  if ("missing" in seen && seen.absent) throw noEffect(`node ${node} has no interface ${nameText(name)}`);
  const row = objectIn(seen);
  if (row !== undefined) facts.addObject(row, { except: live });
  bindAll(context, rowsIn(all));
  if ("data" in all) facts.add("pending network changes", all.changes ?? "none");
  const users = (rowsIn(all) ?? []).filter((one) =>
    ["bridge_ports", "slaves", "vlan-raw-device"].some((key) =>
      String(one[key] ?? "")
        .split(/[\s,]/)
        .includes(name),
    ),
  );
  const change =
    method === "PUT" ? changeOf(context, `interface ${nameText(name)}`, row, addressing(context, row)) : undefined;
  const now = row === undefined ? undefined : nowLine(context, row, live);
  return {
    action: `${method === "DELETE" ? "DELETE" : "CHANGE"} interface ${nameText(name)} of ${node}`,
    undo: { how: "until applied" },
    effect: [
      ...(row === undefined ? [] : [interfaceText(row)]),
      ...users.map((one) => `used by ${nameText(String(one["iface"]))}`),
      ...(change?.effect ?? []),
    ],
    details: [...(change?.details ?? []), ...(now === undefined ? [] : [now]), ...pendingLines(all)],
    words: [name],
    told: change?.told ?? [],
  };
};

/**
 * What an interface loses with the addresses that a `PUT` omits: `update_network` of PVE::API2::Network sets both methods
 * and the address families by the call alone, and PVE::Network::Interfaces writes only what is of a family.
 */
function addressing({ params }: Context, row: Row | undefined): Omitted {
  const has = (suffix: string) => params[`address${suffix}`] !== undefined || params[`cidr${suffix}`] !== undefined;
  const gone = (suffix: string) =>
    Object.fromEntries(
      [row?.[`cidr${suffix}`] === undefined ? "address" : "cidr", "gateway"].map((key) => [
        `${key}${suffix}`,
        undefined,
      ]),
    );
  return {
    ...(!has("") && { method: "manual" }),
    ...(!has("") && has("6") && gone("")),
    ...(!has("6") && { method6: "manual", ...gone("6") }),
  };
}

/** `PUT /nodes/{node}/dns`: `update_etc_resolv_conf` of PVE::INotify writes the name servers of the call alone. */
export const describeDns = objectDescriber({
  noun: "DNS of node",
  name: ({ values }) => values["node"] ?? "",
  omitted: () => ({ dns1: undefined, dns2: undefined, dns3: undefined }),
});

/**
 * `PUT /cluster/sdn/vnets/{vnet}/ips`: it deletes the entry and adds one of the call's values, without a host name
 * (PVE::API2::Network::SDN::Ips, `add_ip` of PVE::Network::SDN::Ipams::PVEPlugin).
 */
export const describeIpMapping: Describer = async ({ params, values }) => ({
  action: `CHANGE IP of ${nameText(String(params["mac"] ?? ""))} in VNet ${nameText(values["vnet"] ?? "")}`,
  effect: [
    `replaces its present IP by ${nameText(String(params["ip"] ?? ""))}`,
    "clears the host name",
    ...(params["vmid"] === undefined ? ["clears omitted vmid"] : []),
  ],
  words: [values["vnet"] ?? ""],
  told: ["mac", "ip"],
});

/** `PUT` and `DELETE /nodes/{node}/network`: the pending changes that are applied, or thrown away. */
export const describeNetwork: Describer = async (context) => {
  const { method, path, look, values, noEffect } = context;
  const node = values["node"] ?? "";
  const seen = await look(path);
  bindAll(context, rowsIn(seen));
  const pending = pendingLines(seen);
  const reverts = method === "DELETE";
  const isRead = "data" in seen;
  if (reverts && isRead && seen.changes === undefined && sawInterfaces(rowsIn(seen))) {
    throw noEffect(`node ${nameText(node)} has no pending network changes`);
  }
  const { line } = reverts ? { line: undefined } : await quorumWithout(context, node, false);
  if (isRead) context.facts.add("pending network changes", seen.changes ?? "none");
  return {
    action: `${reverts ? "DISCARD" : "APPLY"} network changes of node ${nameText(node)}`,
    undo: { caveat: "may cut the node off" },
    effect: [
      pending.length === 0 ? "no pending changes are shown" : `${pending.length - 1} lines of pending changes`,
      ...(reverts ? [] : ["wrong settings make the node unreachable"]),
    ],
    details: [...pending, ...(line === undefined ? [] : [`If it is cut off: ${line}.`])],
    words: [node],
    long: pending.length > 0,
  };
};

/** `POST /nodes/{node}/network`. */
export const describeInterfaceCreation: Describer = async ({ params, values }) => ({
  action: `ADD interface ${nameText(String(params["iface"] ?? ""))} of node ${nameText(values["node"] ?? "")}`,
  effect: [],
  words: [String(params["iface"] ?? "")],
  told: ["iface"],
});

function bindAll({ facts }: Context, rows: readonly Row[] | undefined): void {
  facts.addRows("interface", rows ?? [], ({ iface }) => iface, { except: live });
}

/** Whether a list is complete: a token without Sys.Audit sees only bridges, none of the physical cards. */
function sawInterfaces(rows: readonly Row[] | undefined): boolean {
  return rows?.some(({ type }) => type === "eth") === true;
}

function interfaceText(row: Row): string {
  const parts = ["type", "cidr", "address", "gateway", "bridge_ports", "slaves"].flatMap((key) =>
    textIn(row[key]) === undefined || (key === "address" && row["cidr"] !== undefined)
      ? []
      : [key === "type" ? valueText(row[key]) : `${key} ${valueText(row[key])}`],
  );
  return parts.length === 0 ? "no addresses" : parts.join(", ");
}

/** Proxmox shows pending changes as a diff of /etc/network/interfaces, beside the data. */
function pendingLines(seen: Parameters<typeof objectIn>[0]): string[] {
  const text = "data" in seen ? textIn(seen.changes) : undefined;
  if (text === undefined) return [];
  const lines = text.split("\n").filter((line) => /^[+-](?![+-]{2})/.test(line));
  const more = lines.length - maxDiffLines;
  return [
    "Pending changes of /etc/network/interfaces:",
    ...lines.slice(0, maxDiffLines).map((line) => `  ${quote(line.slice(0, 400))}`),
    ...(more > 0 ? [`  and ${more} more lines`] : []),
  ];
}
