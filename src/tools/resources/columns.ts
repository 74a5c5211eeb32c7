import type { Cell } from "../output/table.ts";
import { compactBytes, compactDuration, percentOf } from "../output/units.ts";
import { isOn, nameOf, type Resource, ratio } from "./resource.ts";

/** A column: its name, which `fields` and `sort` take, what stands in it, and what it is sorted by where that differs. */
export interface Column {
  readonly name: string;
  readonly cell: (resource: Resource) => Cell;
  readonly rank?: (resource: Resource) => number | undefined;
}

const column = (name: string, cell: Column["cell"], rank?: Column["rank"]): Column => ({
  name,
  cell,
  ...(rank !== undefined && { rank }),
});

/** Of a whole: `12%/8G`; of one that is off, or of which only that is known, the whole. */
function used(part: number | undefined, whole: number | undefined, isOn: boolean): Cell {
  const size = compactBytes(whole);
  const percent = isOn ? percentOf(part, whole) : undefined;
  return percent === undefined ? size : `${percent}/${size}`;
}

/** Every column there is. */
const columns = {
  cluster: column("cluster", (r) => r.cluster),
  vmid: column(
    "vmid",
    (r) => r.vmid,
    (r) => r.vmid,
  ),
  type: column("type", (r) => (r.template === 1 ? `${r.type} template` : (r.plugintype ?? r.type))),
  name: column("name", nameOf),
  status: column("status", (r) => (r.lock === undefined ? r.status : `${r.status}, locked (${r.lock})`)),
  node: column("node", (r) => r.node),
  cpu: column(
    "cpu",
    (r) => (isOn(r) && r.cpu !== undefined ? `${Math.round(r.cpu * 100)}%/${r.maxcpu}` : r.maxcpu),
    (r) => (isOn(r) ? r.cpu : undefined),
  ),
  mem: column(
    "mem",
    (r) => used(r.mem, r.maxmem, isOn(r)),
    (r) => (isOn(r) ? ratio(r.mem, r.maxmem) : undefined),
  ),
  // Only the guest knows how full a VM's disk is: Proxmox reports 0.
  disk: column(
    "disk",
    (r) => used(r.type === "qemu" ? undefined : r.disk, r.maxdisk, isOn(r)),
    (r) => (r.type === "qemu" ? undefined : ratio(r.disk, r.maxdisk)),
  ),
  uptime: column(
    "uptime",
    (r) => compactDuration(r.uptime),
    (r) => r.uptime,
  ),
  tags: column("tags", (r) => r.tags),
  pool: column("pool", (r) => r.pool),
  ha: column("ha", (r) => r.hastate),
  content: column("content", (r) => r.content),
  id: column("id", (r) => r.id),
} as const;

/** A part of the answer: one kind of resource, and its default columns. */
export interface Section {
  readonly title: string;
  readonly types: readonly string[];
  readonly columns: readonly Column[];
}

const { cluster, vmid, type, name, status, node, cpu, mem, disk, uptime, tags, pool, content, id } = columns;

/** In the order of the answer. What a newer Proxmox adds comes last. */
export const sections: readonly Section[] = [
  {
    title: "Guests",
    types: ["qemu", "lxc"],
    columns: [cluster, vmid, type, name, status, node, cpu, mem, uptime, tags],
  },
  { title: "Nodes", types: ["node"], columns: [cluster, node, status, cpu, mem, disk, uptime] },
  { title: "Storage", types: ["storage"], columns: [cluster, name, node, status, type, disk, content] },
  { title: "Pools", types: ["pool"], columns: [cluster, pool] },
  { title: "SDN", types: ["sdn", "network"], columns: [cluster, name, node, status] },
  { title: "Others", types: [], columns: [cluster, type, id, status, node] },
];

/** The section that a resource belongs to, by its place. */
export function sectionOf({ type: kind }: Resource): number {
  const at = sections.findIndex(({ types }) => types.includes(kind));
  return at < 0 ? sections.length - 1 : at;
}

/** The names that `fields` and `sort` take. */
export const columnNames: readonly string[] = Object.keys(columns);

/** A column by its name. */
export function columnOf(name: string): Column | undefined {
  return Object.hasOwn(columns, name) ? columns[name as keyof typeof columns] : undefined;
}
