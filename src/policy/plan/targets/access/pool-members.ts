import type { Context } from "../../describer.ts";
import type { Row } from "../../facts.ts";
import { isRow, objectIn, rowsIn, type Seen, textIn } from "../../look.ts";
import { nameText } from "../../wording.ts";

/** A pool, and its members in words; `row` is `undefined` where it could not be read. */
export interface PoolMembers {
  readonly seen: Seen;
  readonly row: Row | undefined;
  readonly members: readonly string[];
}

/** Pools below a pool that are read. */
const maxPools = 8;

/** Reads a pool and binds the consent to its members. */
export async function readPool({ look, facts }: Context, pool: string): Promise<PoolMembers> {
  // GET /pools/{poolid} answers 501 for a nested pool, and PVE 8.0 and older know no `poolid` of GET /pools.
  const seen = await (pool.includes("/") ? look(["pools"], { poolid: pool }) : look(["pools", pool]));
  const row = rowsIn(seen)?.[0] ?? objectIn(seen);
  const members = Array.isArray(row?.["members"]) ? row["members"].filter(isRow).map(memberText).toSorted() : [];
  if (row !== undefined) facts.add(`members of pool ${pool}`, members);
  return { seen, row, members };
}

/** The pools below a pool, which have the rights that are granted on it, at most eight. */
export async function poolsBelow({ look, facts }: Context, pool: string): Promise<readonly string[]> {
  const names = (rowsIn(await look(["pools"])) ?? [])
    .flatMap(({ poolid }) => textIn(poolid) ?? [])
    .filter((name) => name.startsWith(`${pool}/`))
    .toSorted();
  facts.add(`pools below ${pool}`, names);
  return names.slice(0, maxPools);
}

/** `VM 100 web-01`, `storage local on pve1`: without its figures. */
function memberText(row: Row): string {
  const type = row["type"] === "qemu" ? "VM" : row["type"] === "lxc" ? "CT" : String(row["type"]);
  if (row["vmid"] !== undefined)
    return `${type} ${String(row["vmid"])} ${nameText(textIn(row["name"]) ?? "")}`.trimEnd();
  return `storage ${nameText(textIn(row["storage"]) ?? "")}${row["node"] === undefined ? "" : ` on ${nameText(String(row["node"]))}`}`;
}
