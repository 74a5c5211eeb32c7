import { z } from "zod";
import { askClusters } from "./ask-clusters.ts";
import { rowsOf } from "./rows.ts";
import { type Cell, table } from "./table.ts";
import { defineTool, readOnly } from "./tool.ts";
import { bytes, load, uptime, usage } from "./units.ts";

/** A row of `GET /cluster/resources`. Which keys are there depends on `type`, on rights, and on the node being online. */
interface Resource {
  readonly type: string;
  readonly id: string;
  readonly status?: string;
  readonly node?: string;
  readonly name?: string;
  readonly vmid?: number;
  readonly pool?: string;
  readonly tags?: string;
  readonly lock?: string;
  readonly template?: number;
  readonly storage?: string;
  readonly plugintype?: string;
  readonly content?: string;
  readonly cpu?: number;
  readonly maxcpu?: number;
  readonly mem?: number;
  readonly maxmem?: number;
  readonly disk?: number;
  readonly maxdisk?: number;
  readonly uptime?: number;
  readonly [key: string]: unknown;
}

interface Found extends Resource {
  readonly cluster: string;
}

/** A section of the answer: one kind of resource, its columns and how a row fills them. */
interface Section {
  readonly title: string;
  readonly types: readonly string[];
  readonly header: readonly string[];
  cells(resource: Found): Cell[];
}

const sections: readonly Section[] = [
  {
    title: "Guests",
    types: ["qemu", "lxc"],
    header: ["cluster", "vmid", "type", "name", "status", "node", "cpu", "memory", "disk", "uptime", "tags", "pool"],
    cells: (r) => [
      ...[r.cluster, r.vmid, r.template ? `${r.type} template` : r.type, r.name],
      r.lock === undefined ? r.status : `${r.status}, locked (${r.lock})`,
      ...[r.node, r.status === "running" ? load(r.cpu, r.maxcpu) : r.maxcpu],
      ...[r.status === "running" ? usage(r.mem, r.maxmem) : bytes(r.maxmem)],
      ...[bytes(r.maxdisk), uptime(r.uptime), r.tags, r.pool],
    ],
  },
  {
    title: "Nodes",
    types: ["node"],
    header: ["cluster", "node", "status", "cpu", "memory", "root disk", "uptime"],
    cells: (r) => [
      ...[r.cluster, r.node, r.status, load(r.cpu, r.maxcpu), usage(r.mem, r.maxmem), usage(r.disk, r.maxdisk)],
      uptime(r.uptime),
    ],
  },
  {
    title: "Storage",
    types: ["storage"],
    header: ["cluster", "storage", "node", "status", "type", "used", "content"],
    cells: (r) => [r.cluster, r.storage, r.node, r.status, r.plugintype, usage(r.disk, r.maxdisk), r.content],
  },
  {
    title: "Pools",
    types: ["pool"],
    header: ["cluster", "pool"],
    cells: (r) => [r.cluster, r.pool],
  },
];

/** For types that a newer Proxmox adds, and SDN's own. */
const otherSection: Section = {
  title: "Others",
  types: [],
  header: ["cluster", "type", "id", "status", "node"],
  cells: (r) => [r.cluster, r.type, r.id, r.status, r.node],
};

/** `get_cluster_resources`: guests, nodes, storage, pools and SDN over one cluster or all, one request to each. */
export const getClusterResources = defineTool({
  name: "get_cluster_resources",
  title: "Get cluster resources",
  description:
    "Lists what a cluster has, over one cluster or all in one call: guests (VMs and containers) with status, node, load, tags; nodes; storage; pools. Narrow it by type and search. Numbers are up to 10 s old.",
  cluster: "any",
  input: {
    type: z
      .enum(["vm", "qemu", "lxc", "node", "storage", "pool", "sdn"])
      .optional()
      .describe("vm: all guests; qemu: VMs; lxc: containers. Default: everything"),
    search: z
      .string()
      .max(500)
      .optional()
      .describe("Words that must all occur in name, VMID, node, status, tags, pool or storage, such as `web running`"),
  },
  annotations: readOnly,
  async run({ cluster, type, search }, context) {
    const { answers, missing } = await askClusters(context, cluster, async (name) => {
      const path = ["cluster", "resources"];
      const answer = await context.proxmox.request(name, { method: "GET", path, signal: context.signal });
      return rowsOf<Resource>(answer, "id")
        .toSorted(byId)
        .map((resource) => ({ ...resource, cluster: answer.cluster }));
    });
    const words = [...new Set((search ?? "").toLowerCase().split(/\s+/))];
    const found = answers.flatMap(({ value }) => value).filter((r) => isOfType(r, type) && isFoundBy(r, words));
    const parts = [summary(found, answers.length), ...tables(found), ...missing];
    return parts.join("\n\n");
  },
});

function isOfType(resource: Found, type: string | undefined): boolean {
  if (type === undefined) return true;
  if (type === "vm") return resource.type === "qemu" || resource.type === "lxc";
  // Proxmox 9.1 lists fabrics and zones as `network`, earlier ones as `sdn`.
  if (type === "sdn") return resource.type === "sdn" || resource.type === "network";
  return resource.type === type;
}

function isFoundBy(resource: Found, words: readonly string[]): boolean {
  const { cluster, id, name, vmid, node, status, tags, pool, storage } = resource;
  const text = [cluster, id, name, vmid, node, status, tags, pool, storage].join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

function summary(found: readonly Found[], clusters: number): string {
  const guests = found.filter((resource) => isOfType(resource, "vm"));
  const where = clusters === 1 ? "1 cluster" : `${clusters} clusters`;
  if (guests.length === 0) return `${found.length} resources on ${where}.`;
  const states = Object.entries(Object.groupBy(guests, (guest) => guest.status ?? "unknown"));
  const counts = states.map(([status, of]) => `${of?.length} ${status}`).sort();
  const offline = [...new Set(guests.filter((guest) => guest.status === "unknown").map((guest) => guest.node))];
  const note = offline.length === 0 ? "" : ` (unknown: ${offline.join(", ")} does not report)`;
  return `${guests.length} guests on ${where}: ${counts.join(", ")}${note}.`;
}

function tables(found: readonly Found[]): string[] {
  const rows = Map.groupBy(found, ({ type }) => sections.find(({ types }) => types.includes(type)) ?? otherSection);
  return [...sections, otherSection].flatMap((section) => {
    const { title, header, cells } = section;
    const own = rows.get(section);
    return own === undefined ? [] : [`${title}\n${table(header, own.map(cells))}`];
  });
}

function byId(a: Resource, b: Resource): number {
  return (a.vmid ?? 0) - (b.vmid ?? 0) || a.id.localeCompare(b.id, undefined, { numeric: true });
}
