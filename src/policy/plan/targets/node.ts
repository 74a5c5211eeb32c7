import { type Describer, final } from "../describer.ts";
import { objectIn, rowsIn, textIn } from "../look.ts";
import { quorumWithout } from "../quorum.ts";
import { nameText } from "../wording.ts";

/** `POST /nodes/{node}/status`: the node stops, with every guest on it. */
export const describeNodePower: Describer = async (context) => {
  const { params, values, look, facts, noEffect } = context;
  const node = values["node"] ?? "";
  const command = String(params["command"] ?? "");
  const listed = rowsIn(await look(["nodes"]))?.find((row) => row["node"] === node);
  if (listed?.["status"] === "offline") throw noEffect(`node ${nameText(node)} is offline`);
  facts.add("node status", listed?.["status"] ?? "not listed");
  const { line } = await quorumWithout(context, node, false);
  return {
    action: `${command === "reboot" ? "REBOOT" : command === "shutdown" ? "SHUT DOWN" : nameText(command)} NODE ${nameText(node)}`,
    undo: command === "reboot" ? "running guests are down meanwhile" : "needs power-on by hand or wake-on-LAN",
    effect: line === undefined ? [] : [line],
    details: line === undefined ? [] : [`Quorum: ${line}.`],
    words: [node],
    told: ["command"],
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
    undo: final,
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

const serviceUndo: Readonly<Record<string, string>> = {
  start: "can be undone by stopping it",
  stop: "can be undone by starting it",
  restart: "the service is down meanwhile",
  reload: "it reads its configuration again",
};

/** `POST /nodes/{node}/services/{service}/stop` and `restart`. */
export const describeService: Describer = async (context) => {
  const { values, path, look, facts, noEffect } = context;
  const node = values["node"] ?? "";
  const service = values["service"] ?? "";
  const stops = path.at(-1) === "stop";
  const state = objectIn(await look([...path.slice(0, 4), "state"]));
  const now = textIn(state?.["state"]);
  if (stops && (now === "dead" || now === "stopped")) {
    throw noEffect(`service ${nameText(service)} of node ${nameText(node)} is stopped already`);
  }
  if (now !== undefined) facts.add("service state", now);
  const { line } = membership.has(service) ? await quorumWithout(context, node, false) : { line: undefined };
  return {
    action: `${stops ? "STOP" : (path.at(-1) ?? "").toUpperCase()} service ${nameText(service)} of node ${nameText(node)}`,
    undo: serviceUndo[path.at(-1) ?? ""],
    effect: [
      ...(line === undefined ? [] : [line]),
      ...(now === undefined ? [] : [`it is ${nameText(now)}`]),
      ...(service === "pveproxy" || service === "pvedaemon" ? ["this server may lose the node's API"] : []),
    ],
    details: line === undefined ? [] : [`Quorum: ${line}. HA fences a node that loses it.`],
    words: [service],
  };
};
