import type { Context, Describer } from "../describer.ts";
import { findGuest } from "../guest-state.ts";
import { objectIn, rowsIn, textIn } from "../look.ts";
import { count, listText, nameText } from "../wording.ts";
import { objectDescriber } from "./object.ts";

/** What a requested state makes HA do. */
const stateEffects: ReadonlyMap<string, readonly string[]> = new Map([
  ["stopped", ["HA stops the guest"]],
  ["disabled", ["HA stops the guest"]],
  ["ignored", ["HA no longer restarts the guest"]],
]);

/** `/cluster/ha/resources/{sid}`. */
export const describeHaResource = objectDescriber({
  noun: "HA resource",
  how: "by adding it again",
  removal: (row) => ({
    effect: ["HA no longer restarts it", ...(row === undefined ? [] : [`state ${nameText(String(row["state"]))}`])],
  }),
  change: async (_, context) => ({
    effect:
      (await isStopped(context)) && ["stopped", "disabled"].includes(String(context.params["state"]))
        ? ["the guest is stopped and stays so"]
        : (stateEffects.get(String(context.params["state"])) ?? []),
  }),
});

/** Whether the guest of a resource, `vm:100`, is known to be stopped. */
async function isStopped({ values, planned, look, facts }: Context): Promise<boolean> {
  const vmid = /^(?:(?:vm|ct):)?(\d{1,10})$/.exec(values["sid"] ?? "")?.[1];
  const guest = vmid === undefined ? undefined : await findGuest(vmid, planned);
  if (guest === undefined) return false;
  const status = objectIn(await look(["nodes", guest.node, guest.type, guest.vmid, "status", "current"]));
  const stopped = status?.["status"] === "stopped";
  facts.add("the guest is stopped", stopped);
  return stopped;
}

/** `/cluster/ha/rules/{rule}`. */
export const describeHaRule = objectDescriber({
  noun: "HA rule",
  removal: (row) => ({ effect: row === undefined ? [] : [`places ${nameText(String(row["resources"] ?? ""), 60)}`] }),
});

/** `/cluster/ha/groups/{group}`, until 8.4. */
export const describeHaGroup = objectDescriber({
  noun: "HA group",
  removal: (row) => ({ effect: row === undefined ? [] : [`nodes ${nameText(String(row["nodes"] ?? ""), 60)}`] }),
});

/** `POST /cluster/ha/resources`. */
export const describeHaCreation: Describer = async ({ params }) => ({
  action: `ADD HA resource ${nameText(String(params["sid"] ?? ""))}`,
  undo: { how: "by removing it" },
  effect: [],
  words: [String(params["sid"] ?? "")],
  told: ["sid"],
});

/** `POST .../migrate` and `relocate`: Proxmox answers 200 even for a node that is off, so its state is said here. */
export const describeHaMove: Describer = async ({ params, path, values, look, facts }) => {
  const node = textIn(params["node"]) ?? "";
  const sid = values["sid"] ?? "";
  const status = rowsIn(await look(["nodes"]))?.find((row) => row["node"] === node)?.["status"] ?? "not listed";
  facts.add(`status of node ${node}`, status);
  const relocates = path.at(-1) === "relocate";
  return {
    action: `${relocates ? "RELOCATE" : "MIGRATE"} ${nameText(sid)} to node ${nameText(node)}`,
    effect: [
      relocates ? "stops the guest and starts it there" : "moves the guest there",
      `the node is ${nameText(String(status))}`,
    ],
    words: [sid],
    told: ["node"],
  };
};

/** `POST /cluster/ha/status/disarm-ha`: what HA watches now. */
export const describeHaDisarm: Describer = async ({ look, facts, planned }) => {
  const rows = rowsIn(await look(["cluster", "ha", "resources"]));
  facts.addRows("HA resource", rows ?? [], ({ sid }) => sid);
  const ids = (rows ?? []).map(({ sid }) => nameText(String(sid))).toSorted();
  return {
    action: "DISARM HA",
    undo: { how: "by arming it" },
    effect: [
      rows === undefined
        ? "HA resources not readable"
        : ids.length === 0
          ? "HA manages no guest now"
          : `${count(ids.length, "guest")} not restarted after a failure`,
    ],
    details: ids.length === 0 ? [] : [`HA resources: ${listText(ids)}.`],
    words: [planned.cluster.name],
  };
};
