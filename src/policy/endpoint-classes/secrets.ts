import type { Classified } from "./classify.ts";

/** A definition as `GET` on its path shows it. */
type Definition = Readonly<Record<string, unknown>>;

/**
 * Endpoints that delete a definition which may hold a secret that no GET returns or that a plan masks, and whether a
 * given definition does. Sources: `on_delete_hook` in PVE::Storage, PVE::Auth and PVE::Status, and proxmox-notify.
 */
const holdsSecret: Readonly<Record<string, (definition: Definition) => boolean>> = {
  "DELETE /access/domains/{realm}": ({ type, bind_dn, "client-key": clientKey }) =>
    type === "ldap" || type === "ad" ? bind_dn !== undefined : type !== "openid" || clientKey !== undefined,
  "DELETE /cluster/acme/plugins/{id}": ({ type }) => type !== "standalone",
  "DELETE /cluster/metrics/server/{id}": ({ type, influxdbproto = "udp", "otel-headers": headers }) => {
    if (type === "influxdb") return influxdbproto !== "udp";
    return type === "opentelemetry" ? headers !== undefined : type !== "graphite";
  },
  "DELETE /cluster/notifications/endpoints/smtp/{name}": ({ username }) => username !== undefined,
  "DELETE /cluster/sdn/ipams/{ipam}": ({ type }) => type !== "pve",
  "DELETE /storage/{storage}": ({ type }) => !openStorages.has(String(type)),
};

/** Storage types without sensitive properties (PVE::Storage); any other may have a password, a keyring or a key. */
const openStorages = new Set([
  "btrfs",
  "dir",
  "glusterfs",
  "iscsi",
  "iscsidirect",
  "lvm",
  "lvmthin",
  "nfs",
  "zfs",
  "zfspool",
]);

/**
 * Whether no later API call can undo a request, given the definition that it deletes: one without a secret can be created
 * again as it was. `codeRequired` does not depend on it.
 * @param definition what `GET` on the request's path answers; where it cannot be read the request stays irreversible.
 */
export function isIrreversible({ irreversible, rule }: Classified, definition: unknown): boolean {
  if (!irreversible || !Object.hasOwn(holdsSecret, rule)) return irreversible;
  if (typeof definition !== "object" || definition === null || Array.isArray(definition)) return true;
  return holdsSecret[rule]?.(definition as Definition) ?? true;
}
