import { ToolFailure } from "../failure.ts";
import type { ToolContext } from "../tool.ts";
import { type GuestPlace, whereIs } from "./find-guest.ts";

/** What a guest does, in the words of an operator. */
export type Power = "running" | "paused" | "off" | "suspended to disk";

/** A guest at a moment, as its node tells it. */
export interface GuestState {
  readonly name: string | undefined;
  readonly power: Power;
  /** Why it is paused, in QEMU's terms, where no user paused it: `io-error`, `suspended`. */
  readonly halted: string | undefined;
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
  const power = powerOf(status, qmpstatus, lock);
  return {
    name: typeof name === "string" && name !== "" ? name : undefined,
    power,
    halted: power === "paused" && qmpstatus !== "paused" && isHalted(qmpstatus) ? qmpstatus : undefined,
    managed,
  };
}

/** States of QEMU (`RunState` in its `qapi/run-state.json`) in which the system inside stands still until `cont` or a reset. */
const halts = [
  "paused",
  "prelaunch",
  "suspended",
  "shutdown",
  "io-error",
  "watchdog",
  "guest-panicked",
  "internal-error",
];

function isHalted(qmpstatus: unknown): qmpstatus is string {
  return typeof qmpstatus === "string" && halts.includes(qmpstatus);
}

/**
 * A paused VM counts as running in `status`, and so does one that QEMU halted by itself, on a full disk (`io-error`) or
 * when the system inside crashed or sleeps; one suspended to disk is off, and locked until it is resumed.
 */
function powerOf(status: "running" | "stopped", qmpstatus: unknown, lock: unknown): Power {
  // A VM that is off is backed up by a QEMU that does not run it; Proxmox starts it out of that (PVE::QemuServer, vm_start).
  if (status === "running" && qmpstatus === "prelaunch" && lock === "backup") return "off";
  if (status === "running") return isHalted(qmpstatus) ? "paused" : "running";
  return lock === "suspended" ? "suspended to disk" : "off";
}
