import { createHash } from "node:crypto";
import { died } from "../failure.ts";
import type { SimulatedGuest } from "./state.ts";

/**
 * SHA-1 over settings as Proxmox guards changes with: sorted `key:value` lines (`copy_list_with_digest` of
 * pve-firewall), so that equal settings have an equal digest in any order.
 */
export function digest(...settings: readonly Readonly<Record<string, unknown>>[]): string {
  const sha = createHash("sha1");
  for (const of of settings)
    for (const [key, value] of Object.entries(of).sort(([a], [b]) => (a < b ? -1 : 1)))
      if (value !== undefined) sha.update(`${key}:${typeof value === "object" ? JSON.stringify(value) : value}\n`);
  return sha.digest("hex");
}

/** The digest of a guest's configuration file: pending changes and snapshots are in it, too. */
export function guestDigest({ config, pending, snapshots }: SimulatedGuest): string {
  const waiting = Object.fromEntries([...pending].map(([key, value]) => [`pending ${key}`, value ?? ""]));
  const saved = [...snapshots].map(([name, it]) => ({ ...it.config, name, snaptime: it.snaptime }));
  return digest(config, waiting, ...saved);
}

/** Throws the text for a digest that is not the current one; guests have another, in their own words. */
export function unmodified(given: string, current: string, failure = ""): void {
  if (given !== "" && given !== current)
    throw died(`${failure}detected modified configuration - file changed by other user? Try again.`);
}
