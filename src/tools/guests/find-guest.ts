import { z } from "zod";
import { GuestError } from "../../policy/guests.ts";
import type { ApiPath } from "../../proxmox/path.ts";
import { plainLine } from "../../sanitize.ts";
import { failureText, ToolFailure } from "../failure.ts";
import type { ToolContext } from "../tool.ts";

/** Where a guest is at a moment. */
export interface GuestPlace {
  readonly cluster: string;
  readonly vmid: string;
  readonly node: string;
  readonly type: "qemu" | "lxc";
  /** `/nodes/{node}/{qemu or lxc}/{vmid}`. */
  readonly path: ApiPath;
}

/** Which clusters have a guest of a VMID or name, and which did not say. */
export interface GuestMatches {
  readonly places: readonly GuestPlace[];
  /** A line for each cluster that has several of that name, or gave no answer. */
  readonly open: readonly string[];
  /** What the clusters say that have none. */
  readonly unknown: readonly string[];
}

/** A guest as an argument of a tool. Models write VMIDs as numbers, too. */
export const guestArgument = z.preprocess(
  (given) => (typeof given === "number" ? String(given) : given),
  z.string().trim().min(1).max(255),
);

/**
 * Looks for a guest on one cluster, or on all (`undefined`, `*`).
 * @throws {ClusterChoiceError} for a wrong cluster, and what the only cluster asked says when it has no such guest.
 */
export async function findGuests(
  guest: string,
  cluster: string | undefined,
  context: ToolContext,
): Promise<GuestMatches> {
  const { proxmox, signal } = context;
  const [only, ...others] = cluster === undefined || cluster === "*" ? proxmox.names : [cluster];
  if (only === undefined) return { places: [], open: [], unknown: [] };
  const find = async (name: string) => placeOf(name, await proxmox.resolve(name, ["guests", guest], signal));
  if (others.length === 0) return { places: [await find(only)], open: [], unknown: [] };
  const open: string[] = [];
  const unknown: string[] = [];
  const places = await Promise.all(
    [only, ...others].map(async (name) => {
      try {
        return [await find(name)];
      } catch (error) {
        const reason = failureText(error);
        if (reason === undefined || signal.aborted) throw error;
        if (error instanceof GuestError && error.reason === "unknown") unknown.push(reason);
        else open.push(error instanceof GuestError ? reason : `No answer from ${name}: ${reason}`);
        return [];
      }
    }),
  );
  return { places: places.flat(), open: open.sort(), unknown: unknown.sort() };
}

/**
 * The one guest that is meant.
 * @throws {ToolFailure} with the candidates when there are several, or when there may be more where no answer came from;
 * with all reasons when there is none.
 */
export async function findGuest(guest: string, cluster: string | undefined, context: ToolContext): Promise<GuestPlace> {
  const { places, open, unknown } = await findGuests(guest, cluster, context);
  const [found, ...others] = places;
  if (found !== undefined && others.length === 0 && open.length === 0) return found;
  if (found === undefined) throw new ToolFailure([...open, ...unknown].join("\n"));
  const lines = await Promise.all(places.map(async (place) => await describe(place, context)));
  const head =
    others.length > 0
      ? `${places.length} clusters have a guest ${JSON.stringify(guest)}. Say which is meant with cluster:`
      : `${found.cluster} has a guest ${JSON.stringify(guest)}, and others may, too. Say with cluster that this one is meant:`;
  throw new ToolFailure([`Nothing was done. ${head}`, ...lines, ...open].join("\n"));
}

/** `VM on pve1 of prod`. */
export function whereIs({ type, node, cluster }: GuestPlace): string {
  return `${type === "qemu" ? "VM" : "container"} on ${node} of ${cluster}`;
}

function placeOf(cluster: string, path: ApiPath): GuestPlace {
  const [, node = "", type, vmid = ""] = path;
  return { cluster, vmid, node, type: type === "lxc" ? "lxc" : "qemu", path };
}

/** A candidate, with its name and state where they can be read. */
async function describe(place: GuestPlace, { proxmox, signal }: ToolContext): Promise<string> {
  const { vmid, path, cluster } = place;
  try {
    const { data } = await proxmox.request(cluster, { method: "GET", path: [...path, "status", "current"], signal });
    const { name, status } = (data ?? {}) as Readonly<Record<string, unknown>>;
    const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
    return plainLine(`${vmid} (${text(name) ?? "no name"}): ${whereIs(place)}, ${text(status) ?? "unknown"}`);
  } catch (error) {
    if (failureText(error) === undefined || signal.aborted) throw error;
    return `${vmid}: ${whereIs(place)}`;
  }
}
