import type { Column } from "./columns.ts";
import { sectionOf } from "./columns.ts";
import type { Resource } from "./resource.ts";

/** Where a resource stands: all that its order depends on, so that a page can go on behind one that is gone since. */
export interface Place {
  /** What it is sorted by; nothing comes last, whichever way. */
  readonly by: number | string | null;
  readonly section: number;
  /** Of the cluster among those that were asked. */
  readonly cluster: number;
  readonly vmid: number;
  readonly id: string;
}

/** An order of resources. */
export interface Order {
  place(resource: Resource): Place;
  compare(a: Place, b: Place): number;
}

/** By kind, cluster and VMID, or first of all by a column, from the top when `descending`. */
export function orderBy(column: Column | undefined, descending: boolean, clusters: readonly string[]): Order {
  return {
    place: (resource) => ({
      by: column === undefined ? null : rankOf(column, resource),
      section: sectionOf(resource),
      cluster: clusters.indexOf(resource.cluster),
      vmid: resource.vmid ?? 0,
      id: resource.id,
    }),
    compare: (a, b) =>
      compareRanks(a.by, b.by, descending) ||
      a.section - b.section ||
      a.cluster - b.cluster ||
      a.vmid - b.vmid ||
      a.id.localeCompare(b.id, "en", { numeric: true }) ||
      // Numbers that differ by leading zeros only are the same to it.
      Number(a.id > b.id) - Number(a.id < b.id),
  };
}

function rankOf({ cell, rank }: Column, resource: Resource): number | string | null {
  const value = rank === undefined ? cell(resource) : rank(resource);
  return value === undefined || value === null || value === ""
    ? null
    : typeof value === "number"
      ? value
      : String(value);
}

function compareRanks(a: Place["by"], b: Place["by"], descending: boolean): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  const order =
    typeof a === "number" && typeof b === "number"
      ? a - b
      : String(a).localeCompare(String(b), "en", { numeric: true });
  return descending ? -order : order;
}
