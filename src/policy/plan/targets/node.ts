import type { Context, Describer, UndoNotes } from "../describer.ts";
import { objectIn, rowsIn, textIn } from "../look.ts";
import { quorumWithout } from "../quorum.ts";
import { nameText } from "../wording.ts";

/**
 * Binds the consent to the state of a node.
 * @throws {NoEffect} where it is offline or the cluster has none of that name: GET /nodes lists all to everyone.
 */
export async function requireNode({ look, facts, noEffect }: Context, node: string): Promise<void> {
  const rows = rowsIn(await look(["nodes"]))?.filter((row) => textIn(row["node"]) !== undefined);
  const status = rows?.find((row) => row["node"] === node)?.["status"];
  if (rows !== undefined && rows.length > 0 && !rows.some((row) => row["node"] === node)) {
    throw noEffect(`the cluster has no node ${nameText(node)}`);
  }
  if (status === "offline") throw noEffect(`node ${nameText(node)} is offline`);
  facts.add("node status", status ?? "not listed");
}

/** `POST /nodes/{node}/status`: the node stops, with every guest on it. */
export const describeNodePower: Describer = async (context) => {
  const { params, values } = context;
  const node = values["node"] ?? "";
  const command = String(params["command"] ?? "");
  await requireNode(context, node);
  const { line } = await quorumWithout(context, node, false);
  return {
    action: `${command === "reboot" ? "REBOOT" : command === "shutdown" ? "SHUT DOWN" : nameText(command)} NODE ${nameText(node)}`,
    undo: {
      caveat: command === "reboot" ? "running guests are down meanwhile" : "needs power-on by hand or wake-on-LAN",
    },
    effect: line === undefined ? [] : [line],
    details: line === undefined ? [] : [`Quorum: ${line}.`],
    words: [node],
    ...(command === "reboot" || command === "shutdown" ? { paraphrased: ["command"] } : { told: ["command"] }),
  };
};

/** `DELETE /cluster/config/nodes/{node}`: a member goes, and its vote with it. */
export const describeNodeRemoval: Describer = async (context) => {
  const { values, look, noEffect } = context;
  const node = values["node"] ?? "";
  const members = rowsIn(await look(["cluster", "config", "nodes"]));
  const isMember = members?.some((row) => (textIn(row["name"]) ?? textIn(row["node"])) === node);
  if (members !== undefined && members.length > 0 && isMember === false) {
    throw noEffect(`the cluster has no member ${nameText(node)}`);
  }
  const isOnline =
    rowsIn(await look(["nodes"]))?.some((row) => row["node"] === node && row["status"] === "online") === true;
  context.facts.add("the node is online", isOnline);
  const { line } = await quorumWithout(context, node, true);
  return {
    action: `REMOVE NODE ${nameText(node)} from the cluster`,
    effect: [...(isOnline ? ["the node is ONLINE now"] : []), ...(line === undefined ? [] : [line])],
    details: [
      ...(line === undefined ? [] : [`Quorum: ${line}.`]),
      "The node must be off and must never come back with its old configuration.",
    ],
    words: [node],
  };
};

/** Services whose stop takes the node out of the quorum: corosync itself, and pmxcfs, which runs on it. */
const membership: ReadonlySet<string> = new Set(["corosync", "pve-cluster"]);

const serviceUndo: Readonly<Record<string, UndoNotes>> = {
  start: { how: "by stopping it" },
  stop: { how: "by starting it" },
  restart: { caveat: "the service is down meanwhile" },
  reload: { caveat: "it reads its configuration again" },
};

/** `POST /nodes/{node}/services/{service}/stop` and `restart`. */
export const describeService: Describer = async (context) => {
  const { values, path, look, facts, noEffect } = context;
  const node = values["node"] ?? "";
  const service = values["service"] ?? "";
  const stops = path.at(-1) === "stop";
  await requireNode(context, node);
  const state = objectIn(await look([...path.slice(0, 4), "state"]));
  const now = textIn(state?.["state"]);
  if (stops && (now === "dead" || now === "stopped")) {
    throw noEffect(`service ${nameText(service)} of node ${nameText(node)} is stopped already`);
  }
  if (now !== undefined) facts.add("service state", now);
  const { line } = membership.has(service) ? await quorumWithout(context, node, false) : { line: undefined };
  return {
    action: `${stops ? "STOP" : (path.at(-1) ?? "").toUpperCase()} service ${nameText(service)} of node ${nameText(node)}`,
    ...(Object.hasOwn(serviceUndo, path.at(-1) ?? "") && { undo: serviceUndo[path.at(-1) ?? ""] ?? {} }),
    effect: [
      ...(line === undefined ? [] : [line]),
      ...(now === undefined ? [] : [`it is ${nameText(now)}`]),
      ...(service === "pveproxy" || service === "pvedaemon" ? ["this server may lose the node's API"] : []),
    ],
    details: line === undefined ? [] : [`Quorum: ${line}. HA fences a node that loses it.`],
    words: [service],
  };
};
