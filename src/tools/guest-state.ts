import { ToolFailure } from "./failure.ts";
import { type GuestPlace, whereIs } from "./find-guest.ts";
import type { ToolContext } from "./tool.ts";

/** What a guest does, in the words of an operator. */
export type Power = "running" | "paused" | "off" | "suspended to disk";

/** A guest at a moment, as its node tells it. */
export interface GuestState {
  readonly name: string | undefined;
  readonly power: Power;
  /** Whether high availability starts and stops it. */
  readonly managed: boolean;
}

/** Reads what a guest does. */
export async function readGuestState(place: GuestPlace, { proxmox, signal }: ToolContext): Promise<GuestState> {
  const { cluster, path } = place;
  const { data } = await proxmox.request(cluster, { method: "GET", path: [...path, "status", "current"], signal });
  const { name, status, qmpstatus, lock, ha } = (data ?? {}) as Readonly<Record<string, unknown>>;
  if (status !== "running" && status !== "stopped") {
    throw new ToolFailure(`${cluster} does not tell whether guest ${place.vmid} (${whereIs(place)}) is running.`);
  }
  const managed = Number((ha as { readonly managed?: unknown } | undefined)?.managed ?? 0) === 1;
  return {
    name: typeof name === "string" && name !== "" ? name : undefined,
    power: powerOf(status, qmpstatus, lock),
    managed,
  };
}

/** A paused VM counts as running in `status`; one suspended to disk is off, and locked until it is resumed. */
function powerOf(status: "running" | "stopped", qmpstatus: unknown, lock: unknown): Power {
  if (status === "running") return qmpstatus === "paused" ? "paused" : "running";
  return lock === "suspended" ? "suspended to disk" : "off";
}
