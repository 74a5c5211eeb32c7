import { ProxmoxError } from "../../../proxmox/errors.ts";
import { isOn } from "../../classes/values.ts";
import { type Context, undoable } from "../describer.ts";
import type { Row } from "../facts.ts";
import { guestLabel } from "../guest-state.ts";
import { objectIn, rowsIn, textIn, yes } from "../look.ts";
import { count, listText, nameText } from "../wording.ts";
import { objectDescriber, type Told } from "./object.ts";

/** `PUT` and `DELETE /storage/{storage}`: the definition, and the guests whose disks are there. */
export const describeStorage = objectDescriber({
  noun: "storage",
  removed: "can be undone by adding it again",
  removal: async (row, context) => {
    const used = await usersOf(row, context);
    return {
      effect: ["removes the definition, keeps the data", ...(used.effect ?? ["no guest has disks on it"])],
      details: used.details ?? [],
    };
  },
  change: async (row, context) => {
    const { params } = context;
    // Only what takes the storage away from guests is about them.
    const takes =
      isOn(params, "disable") ||
      ["nodes", "content", "delete", "path", "server", "export", "pool"].some((key) => Object.hasOwn(params, key));
    return takes ? await usersOf(row, context) : {};
  },
});

/** Guests whose configuration is read where the storage itself cannot list its volumes. */
const mostConfigs = 60;

/** Nodes that are asked for a storage's volumes. */
const mostNodes = 16;

/** Which guests have disks on a storage: nothing is said where none has. */
async function usersOf(row: Row | undefined, context: Context): Promise<Told> {
  const { values, facts, planned } = context;
  const storage = values["storage"] ?? "";
  const found =
    (yes(row?.["disable"]) ? undefined : await fromContent(storage, row, context)) ??
    (await fromConfigs(storage, context));
  const guests = found.vmids.toSorted((a, b) => Number(a) - Number(b));
  const gap = found.gap === undefined ? [] : [found.gap];
  facts.add("guests not known", found.gap);
  if (guests.length === 0) {
    facts.add("guests with disks on it", guests);
    return found.gap === undefined ? {} : { effect: ["guests on it not known"], details: gap };
  }
  let labels = guests;
  try {
    const all = await planned.guests();
    labels = guests.map((vmid) => {
      const guest = all.find((one) => one.vmid === vmid);
      return guest === undefined ? `guest ${vmid}` : guestLabel(guest);
    });
  } catch (error) {
    if (!(error instanceof ProxmoxError) || error.kind === "aborted") throw error;
  }
  facts.add("guests with disks on it", labels);
  const many = guests.length === 1 ? "guest has" : "guests have";
  return {
    effect: [`${guests.length} ${many} disks on it: ${listText(labels, 3)}`],
    details: [`${guests.length} ${many} disks on it and cannot start without it: ${listText(labels)}.`, ...gap],
  };
}

interface Found {
  readonly vmids: readonly string[];
  /** What was not looked at, as a sentence. */
  readonly gap?: string | undefined;
}

/** By the volumes that the nodes list; `undefined` where none lists any. */
async function fromContent(storage: string, row: Row | undefined, { look }: Context): Promise<Found | undefined> {
  const nodes = (rowsIn(await look(["nodes"])) ?? []).filter(({ status }) => status === "online");
  const allowed = textIn(row?.["nodes"])?.split(",");
  const names = nodes
    .flatMap((one) => textIn(one["node"]) ?? [])
    .filter((name) => allowed?.includes(name) ?? true)
    .toSorted();
  if (names.length > mostNodes) return undefined;
  const lists = await Promise.all(
    names.map(async (node) => rowsIn(await look(["nodes", node, "storage", storage, "content"]))),
  );
  const volumes = lists.flatMap((list) => list ?? []);
  // An empty list may be one that the token may not see.
  if (volumes.length === 0 || lists.includes(undefined)) return undefined;
  const disks = volumes.filter(({ content }) => content === "images" || content === "rootdir");
  return { vmids: [...new Set(disks.flatMap((disk) => textIn(disk["vmid"]) ?? []))] };
}

/** By the guests' configurations, which also tell of a storage that is disabled. */
async function fromConfigs(storage: string, { look, planned }: Context): Promise<Found> {
  try {
    const all = await planned.guests();
    const read = all.slice(0, mostConfigs);
    const users = await Promise.all(
      read.map(async ({ vmid, node, type }) => {
        const config = objectIn(await look(["nodes", node, type, vmid, "config"]));
        const uses = Object.values(config ?? {}).some(
          (value) => typeof value === "string" && (value.startsWith(`${storage}:`) || value.includes(`=${storage}:`)),
        );
        return { vmid, uses, isRead: config !== undefined };
      }),
    );
    const unread = users.filter(({ isRead }) => !isRead).length + all.length - read.length;
    return {
      vmids: users.filter(({ uses }) => uses).map(({ vmid }) => vmid),
      gap:
        unread === 0
          ? undefined
          : `Whether ${count(unread, "more guest")} ${unread === 1 ? "has" : "have"} disks on it is not known.`,
    };
  } catch (error) {
    if (!(error instanceof ProxmoxError) || error.kind === "aborted") throw error;
    return { vmids: [], gap: `The guests could not be listed: ${error.what}.` };
  }
}

/** `POST /storage`. */
export const describeStorageCreation = async ({ params }: Context) => ({
  action: `ADD storage ${nameText(String(params["storage"] ?? ""))}`,
  undo: undoable,
  effect: [],
  told: ["storage"],
  words: [String(params["storage"] ?? "")],
});
