import type { GuardedAnswer } from "../../policy/guarded-request.ts";
import { rowsOf } from "../output/rows.ts";

/** A row of `GET /cluster/resources`, with the cluster that gave it. Which keys there are differs by type and status. */
export interface Resource {
  readonly cluster: string;
  readonly type: string;
  /** `qemu/100`, `node/pve1`, `storage/pve1/local`. */
  readonly id: string;
  readonly name?: string;
  readonly vmid?: number;
  readonly node?: string;
  readonly status?: string;
  readonly template?: number;
  readonly lock?: string;
  readonly tags?: string;
  readonly pool?: string;
  readonly hastate?: string;
  readonly storage?: string;
  readonly plugintype?: string;
  readonly content?: string;
  readonly shared?: number;
  /** Zones and fabrics: Proxmox 9.1 lists them as `network`, earlier ones as `sdn`. */
  readonly network?: string;
  readonly sdn?: string;
  /** A share of all cores, 0 to 1. */
  readonly cpu?: number;
  readonly maxcpu?: number;
  /** Bytes, as all of these; what a guest's disk holds is known of containers only. */
  readonly mem?: number;
  readonly maxmem?: number;
  readonly disk?: number;
  readonly maxdisk?: number;
  /** Seconds; 0 while it is off. */
  readonly uptime?: number;
}

const texts = [
  ...(["name", "node", "status", "lock", "tags", "pool", "hastate"] as const),
  ...(["storage", "plugintype", "network", "sdn"] as const),
];
const numbers = [
  ...(["vmid", "template", "shared", "cpu", "maxcpu"] as const),
  ...(["mem", "maxmem", "disk", "maxdisk", "uptime"] as const),
];

/** Far above all that a row may hold: bytes of the largest Ceph. */
const maxNumber = 1e20;

/**
 * The rows that a cluster answered.
 * @throws {ToolFailure} for an answer that is no list of resources.
 */
export function readResources(answer: GuardedAnswer): readonly Resource[] {
  return rowsOf<ResourceRow>(answer, "id").map((row) => resourceOf(row, answer.cluster));
}

/** A row as it came. */
export interface ResourceRow {
  readonly id: string;
  readonly [key: string]: unknown;
}

/**
 * A row made sound. Proxmox sends numbers as strings now and then; what is neither text nor number where it should be is
 * left out, so that a row of one cluster does not spoil the others.
 */
export function resourceOf(row: ResourceRow, cluster: string): Resource {
  const text = (key: string) => (typeof row[key] === "string" && row[key] !== "" ? [[key, row[key]]] : []);
  // Proxmox keeps the content types in a Perl hash, so their order differs from row to row.
  const content = typeof row["content"] === "string" ? { content: row["content"].split(",").sort().join(",") } : {};
  const number = (key: string) => {
    const value = typeof row[key] === "string" && row[key] !== "" ? Number(row[key]) : row[key];
    const isSound = typeof value === "number" && Math.abs(value) < maxNumber;
    return isSound && (key !== "vmid" || Number.isSafeInteger(value)) ? [[key, value]] : [];
  };
  return {
    ...Object.fromEntries([...texts.flatMap(text), ...numbers.flatMap(number)]),
    ...content,
    id: row.id,
    type: typeof row["type"] === "string" ? row["type"] : "unknown",
    cluster,
  };
}

/** What a resource is called: nodes and pools by the key of their type, storage and networks by theirs. */
export function nameOf({ name, storage, network, sdn, type, node, pool }: Resource): string | undefined {
  return name ?? storage ?? network ?? sdn ?? (type === "node" ? node : type === "pool" ? pool : undefined);
}

/** What `type` may ask for: Proxmox's types, and `vm` for both kinds of guests, as Proxmox's own parameter has it. */
export const resourceTypes = ["vm", "qemu", "lxc", "node", "storage", "pool", "sdn"] as const;

/** Whether a resource is of a type that was asked for. */
export function isOfType({ type }: Resource, asked: (typeof resourceTypes)[number] | undefined): boolean {
  if (asked === undefined || type === asked) return true;
  if (asked === "vm") return type === "qemu" || type === "lxc";
  return asked === "sdn" && type === "network";
}

/** Whether it is at work, so that its load is one. */
export function isOn({ status }: Resource): boolean {
  return status === "running" || status === "online" || status === "available";
}

/** A part by its whole; `undefined` where either is not known. */
export function ratio(part: number | undefined, whole: number | undefined): number | undefined {
  return part === undefined || whole === undefined || whole === 0 ? undefined : part / whole;
}

/**
 * A storage that all nodes share is listed for each of them, and is one thing all the same. Proxmox lists the nodes in
 * another order every time (`PVE::Cluster::get_nodelist`), and a cursor wants it to be the same thing on every page.
 */
export function foldShared(resources: readonly Resource[]): Resource[] {
  const groups = Map.groupBy(resources, ({ type, shared, storage, cluster, id }) =>
    JSON.stringify(type === "storage" && shared === 1 ? [cluster, storage] : [cluster, id]),
  );
  return [...groups.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    if (others.length === 0) return [first];
    const all = [first, ...others];
    // A node that does not report knows nothing of it; a node that does reports more.
    const best = all.find(({ status }) => status === "available") ?? first;
    const [id = first.id] = all.map((each) => each.id).sort();
    const nodes = all.map(({ node = "" }) => node).sort();
    return [{ ...best, id, node: nodes.join(",") }];
  });
}
