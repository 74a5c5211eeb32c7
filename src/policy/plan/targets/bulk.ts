import type { Params } from "../../../proxmox/params.ts";
import { formatPath } from "../../../proxmox/path.ts";
import { isOff } from "../../endpoint-classes/values.ts";
import { type Guest, guestListPath, poolsOf } from "../../guests.ts";
import { covers } from "../../pattern.ts";
import type { Target } from "../../targets.ts";
import type { Context, Describer, UndoNotes } from "../describer.ts";
import { guestLabel, listGuests } from "../guest-state.ts";
import { rowsIn, textIn } from "../look.ts";
import { count, listText, nameText } from "../wording.ts";
import { requireNode } from "./node.ts";

/** Calls on all guests of a node, a pool or the cluster, unless they name some. */
const bulkCalls = [
  "POST /nodes/{node}/startall",
  "POST /nodes/{node}/stopall",
  "POST /nodes/{node}/suspendall",
  "POST /nodes/{node}/migrateall",
  "POST /nodes/{node}/status",
  "POST /nodes/{node}/vzdump",
  "POST /cluster/backup",
  "POST /cluster/bulk-action/guest/*",
  "DELETE /cluster/config/nodes/{node}",
];

/** Nodes whose guests are asked for their state. */
const maxNodes = 16;

/** The guests beside the one of the path that a request is about. */
export interface OtherGuests {
  readonly number: number;
  /** Whether the call is about guests alone, so that line 2 must tell them. */
  readonly isBulk: boolean;
  readonly effect: readonly string[];
  readonly details: readonly string[];
}

/** Names the guests that a request is about beside the one of its path, and binds the consent to them. */
export async function otherGuests(context: Context): Promise<OtherGuests> {
  const { planned, values, facts, method } = context;
  const { template = "" } = planned.classified;
  const shape = template.split("/").filter((segment) => segment !== "");
  const isBulk = bulkCalls.some((pattern) => covers(pattern, method, shape));
  const subjects = planned.subjects.filter((subject) =>
    subject.type === "guest" ? subject.vmid !== values["vmid"] : isBulk,
  );
  if (!subjects.some(({ type }) => type.endsWith("guests") || type.startsWith("guest"))) {
    return { number: 0, isBulk, effect: [], details: [] };
  }
  const all = await listGuests(planned);
  if (typeof all === "string") {
    const why = `The guests that it is about could not be listed: ${all}.`;
    return { number: 0, isBulk, effect: isBulk ? ["guests not readable"] : [], details: [why] };
  }
  const meant = await withState(context, all.filter(isAmong(subjects)));
  const named = new Set(subjects.flatMap((subject) => (subject.type === "guest" ? [subject.vmid] : [])));
  const listed = new Set(meant.map(({ vmid }) => vmid));
  const unknown = [...named].filter((vmid) => !listed.has(vmid));
  const number = meant.length + unknown.length;
  if (!planned.mayRead(guestListPath)) {
    facts.addWithheld(
      formatPath(guestListPath),
      meant.map(({ vmid, type, node, name, status }) => ({ vmid, type, node, name, status })),
    );
    const vmids = [...named].map((vmid) => `guest ${nameText(vmid)}`);
    const listed = vmids.length === 0 ? "" : `: ${listText(vmids)}`;
    return {
      number,
      isBulk,
      effect: [vmids.length > 0 && number <= 3 ? vmids.join(", ") : count(number, "guest")],
      details: [`${count(number, "guest")}${listed}. This caller may not read the list of guests through this server.`],
    };
  }
  for (const { vmid, type, node, name, status } of meant) {
    facts.add(`guest ${vmid}`, { kind: type, node, name, status });
  }
  for (const vmid of unknown) facts.add(`guest ${vmid}`, "not listed");
  const running = meant.filter(({ status }) => status === "running").length;
  const short = meant.map((guest) => `${guestLabel(guest)} (${guest.status})`);
  const missing = unknown.map((vmid) => `guest ${nameText(vmid)} (not listed)`);
  return {
    number,
    isBulk,
    effect: number <= 3 ? [...short, ...missing] : [`${count(number, "guest")}, ${running} up`],
    details: [
      number === 0
        ? "The token sees no guest that this is about."
        : `${count(number, "guest")}: ${listText([...meant.map((guest) => `${guestLabel(guest)} (${guest.status} on ${guest.node})`), ...missing])}.`,
    ],
  };
}

/** Tells whether subjects are about a guest. A request may name thousands, and a cluster have as many. */
function isAmong(subjects: readonly Target[]): (guest: Guest) => boolean {
  const [vmids, nodes, pools] = [new Set<string>(), new Set<string>(), new Set<string>()];
  for (const subject of subjects) {
    if (subject.type === "all-guests") return () => true;
    if (subject.type === "guest") vmids.add(subject.vmid);
    if (subject.type === "guests-of-node") nodes.add(subject.node);
    if (subject.type === "guests-of-pool") pools.add(subject.pool);
  }
  const isIn = (pool: string) => poolsOf(pool).some((each) => pools.has(each));
  return ({ vmid, node, pool }) => vmids.has(vmid) || nodes.has(node) || (pool !== undefined && isIn(pool));
}

/** Names and states as their nodes tell them: those of /cluster/resources are up to 17 s old. */
async function withState({ look }: Context, guests: readonly Guest[]): Promise<readonly Guest[]> {
  const lists = [...new Set(guests.map(({ node, type }) => `${node} ${type}`))].toSorted().slice(0, maxNodes);
  const known = new Map<string, { readonly name: string | undefined; readonly status: string }>();
  await Promise.all(
    lists.map(async (list) => {
      const [node = "", type = ""] = list.split(" ");
      for (const row of rowsIn(await look(["nodes", node, type])) ?? []) {
        known.set(`${type} ${String(row["vmid"])}`, {
          name: textIn(row["name"]),
          status: textIn(row["status"]) ?? "unknown",
        });
      }
    }),
  );
  return guests
    .map((guest) => {
      const state = known.get(`${guest.type} ${guest.vmid}`);
      return state === undefined ? guest : { ...guest, status: state.status, name: state.name ?? guest.name };
    })
    .toSorted((a, b) => Number(a.vmid) - Number(b.vmid));
}

/** What each bulk call does. */
const verbs: ReadonlyMap<string, readonly [verb: string, undo: UndoNotes]> = new Map(
  Object.entries({
    startall: ["START", { how: "by stopping them" }],
    start: ["START", { how: "by stopping them" }],
    stopall: ["SHUT DOWN", { caveat: "unsaved data may be lost" }],
    shutdown: ["SHUT DOWN", { caveat: "unsaved data may be lost" }],
    suspendall: ["SUSPEND", { how: "by resuming them" }],
    suspend: ["SUSPEND", { how: "by resuming them" }],
    migrateall: ["MIGRATE", {}],
    migrate: ["MIGRATE", {}],
  } as const),
);

/**
 * Whether guests that do not shut down in time are switched off: unless `force-stop` is 0 (PVE::API2::Nodes stopall,
 * PVE::API2::Cluster::BulkAction::Guest shutdown).
 */
function cutsPower(command: string, params: Params): boolean {
  return ["stopall", "shutdown"].includes(command) && !isOff(params, "force-stop");
}

/** `POST /nodes/{node}/stopall` and `POST /cluster/bulk-action/guest/shutdown`: how many guests, and which. */
export const describeBulk: Describer = async (context) => {
  const { path, values, params, planned } = context;
  const command = path.at(-1) ?? "";
  const [verb, undo] = verbs.get(command) ?? [command.toUpperCase(), {}];
  const node = values["node"];
  if (node !== undefined) await requireNode(context, node);
  const named = params["vms"] !== undefined;
  const target = textIn(params["target"]);
  return {
    action: [
      `${verb} ${named ? "the named guests" : "ALL GUESTS"}`,
      node === undefined ? "" : ` of node ${nameText(node)}`,
      target === undefined ? "" : ` to node ${nameText(target)}`,
    ].join(""),
    undo,
    effect: cutsPower(command, params) ? ["cuts power on timeout"] : [],
    words: [node ?? planned.cluster.name],
    told: ["target"],
    // Those that are named are the guests that line 2 or the details name.
    paraphrased: ["vms", "force-stop"],
  };
};
