import { isOn } from "../../endpoint-classes/values.ts";
import type { Context } from "../describer.ts";
import type { Row } from "../facts.ts";
import { guestFinder, guestLabel, listGuests } from "../guest-state.ts";
import { objectIn, rowsIn, textIn, yes } from "../look.ts";
import { count, listText, nameText, shortest } from "../wording.ts";
import { objectDescriber, type Told } from "./object.ts";

/** `PUT` and `DELETE /storage/{storage}`: the definition, the guests whose disks are there, and what else it holds. */
export const describeStorage = objectDescriber({
  noun: "storage",
  how: "by adding it again",
  need: "The token needs Datastore.Allocate on the storage.",
  removal: async (row, context) => {
    const content = await contentOf(row, context);
    const [used, held, jobs] = await Promise.all([
      usersOf(row, context, content),
      heldText(content, context),
      jobsOf(context),
    ]);
    return {
      effect: ["data stays", ...(used.effect ?? ["no guest has disks on it"]), ...held, ...(jobs.effect ?? [])],
      details: ["It removes the definition and keeps the data.", ...(used.details ?? []), ...(jobs.details ?? [])],
    };
  },
  change: async (row, context) => {
    const { params } = context;
    // Only what takes the storage away from guests is about them.
    const takes =
      isOn(params, "disable") ||
      ["nodes", "content", "delete", "path", "server", "export", "pool"].some((key) => Object.hasOwn(params, key));
    return takes ? await usersOf(row, context, await contentOf(row, context)) : {};
  },
});

/** Guests whose configuration is read where the storage itself cannot list its volumes. */
const maxConfigs = 60;

/** Nodes that are asked for a storage's volumes. */
const maxNodes = 16;

/** What a storage holds beside disks, as GET .../content names the kinds. */
const kinds = [
  ["backup", "backup"],
  ["iso", "ISO image"],
  ["vztmpl", "template"],
  ["snippets", "snippet"],
  ["import", "import image"],
] as const;

/** How many backups, images and the like a storage holds. */
function heldText(volumes: readonly Row[] | undefined, { facts }: Context): string[] {
  if (volumes === undefined) return ["backups and images not readable"];
  const counts = kinds.map(([content, noun]) => {
    const number = volumes.filter((volume) => volume["content"] === content).length;
    facts.add(`${noun}s on it`, number);
    return number === 0 ? "" : count(number, noun);
  });
  return counts.filter((text) => text !== "");
}

/** The backup jobs that write to a storage, and fail without it. */
async function jobsOf({ look, values, facts }: Context): Promise<Told> {
  const rows = rowsIn(await look(["cluster", "backup"]));
  if (rows === undefined) return { effect: ["backup jobs not readable"] };
  const ids = rows.flatMap((row) => (row["storage"] === values["storage"] ? [String(row["id"])] : [])).toSorted();
  facts.add("backup jobs that write to it", ids);
  if (ids.length === 0) return {};
  const names = ids.map((id) => nameText(id));
  return {
    effect: [shortest(36, `backup job ${names.join(", ")}`, count(ids.length, "backup job"))],
    details: [`Backup jobs that write to it and fail without it: ${listText(names)}.`],
  };
}

/** Which guests have disks on a storage: nothing is said where none has. */
async function usersOf(row: Row | undefined, context: Context, volumes: readonly Row[] | undefined): Promise<Told> {
  const { values, facts, planned } = context;
  const storage = values["storage"] ?? "";
  const found =
    (yes(row?.["disable"]) || volumes === undefined || volumes.length === 0 ? undefined : ownersOf(volumes)) ??
    (await fromConfigs(storage, context));
  const guests = found.vmids.toSorted((a, b) => Number(a) - Number(b));
  const gap = found.gap === undefined ? [] : [found.gap];
  facts.add("guests not known", found.gap);
  if (guests.length === 0) {
    facts.add("guests with disks on it", guests);
    return found.gap === undefined ? {} : { effect: ["guests on it not known"], details: gap };
  }
  const find = await guestFinder(planned);
  const labels = guests.map((vmid) => {
    const guest = find(vmid);
    return guest === undefined ? `guest ${vmid}` : guestLabel(guest);
  });
  facts.add("guests with disks on it", labels);
  const many = guests.length === 1 ? "guest has" : "guests have";
  return {
    effect: [shortest(36, `disks of ${labels.join(", ")}`, `disks of ${count(guests.length, "guest")}`)],
    details: [`${guests.length} ${many} disks on it and cannot start without it: ${listText(labels)}.`, ...gap],
  };
}

/** Guests that have disks on a storage. */
interface Found {
  readonly vmids: readonly string[];
  /** What was not looked at, as a sentence. */
  readonly gap?: string | undefined;
}

/** The volumes that the nodes list, each once; `undefined` where a node does not answer or lists none, as without the right. */
async function contentOf(row: Row | undefined, { look, values }: Context): Promise<readonly Row[] | undefined> {
  const storage = values["storage"] ?? "";
  const nodes = (rowsIn(await look(["nodes"])) ?? []).filter(({ status }) => status === "online");
  const allowedNodes = textIn(row?.["nodes"])?.split(",");
  const allowed = allowedNodes && new Set(allowedNodes);
  const names = nodes
    .flatMap((one) => textIn(one["node"]) ?? [])
    .filter((name) => allowed?.has(name) ?? true)
    .toSorted();
  if (names.length > maxNodes) return undefined;
  const lists = await Promise.all(
    names.map(async (node) => rowsIn(await look(["nodes", node, "storage", storage, "content"]))),
  );
  // An empty list may be one that the token may not see.
  if (lists.includes(undefined) || lists.every((list) => list?.length === 0)) return undefined;
  const isShared = yes(row?.["shared"]) || !localTypes.has(String(row?.["type"]));
  const volumes = lists.flatMap((list, at) =>
    (list ?? []).map((volume) => [`${isShared ? "" : names[at]} ${String(volume["volid"])}`, volume] as const),
  );
  return [...new Map(volumes).values()];
}

/** Storage types whose content is another on each node unless they are marked as shared (PVE::Storage plugins). */
const localTypes = new Set(["dir", "btrfs", "lvm", "lvmthin", "zfspool"]);

function ownersOf(volumes: readonly Row[]): Found {
  const disks = volumes.filter(({ content }) => content === "images" || content === "rootdir");
  return { vmids: [...new Set(disks.flatMap((disk) => textIn(disk["vmid"]) ?? []))] };
}

/** By the guests' configurations, which also tell of a storage that is disabled. */
async function fromConfigs(storage: string, { look, planned }: Context): Promise<Found> {
  const all = await listGuests(planned);
  if (typeof all === "string") return { vmids: [], gap: `The guests could not be listed: ${all}.` };
  const read = all.slice(0, maxConfigs);
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
}

/** `POST /storage`. */
export const describeStorageCreation = async ({ params }: Context) => ({
  action: `ADD storage ${nameText(String(params["storage"] ?? ""))}`,
  effect: [],
  told: ["storage"],
  words: [String(params["storage"] ?? "")],
});
