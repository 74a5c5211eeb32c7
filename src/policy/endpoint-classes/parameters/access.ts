import { isOn, setsAny } from "../values.ts";
import type { ParameterRule } from "./rule.ts";

/** Secrets of a storage that Proxmox keeps in `/etc/pve/priv` and no GET returns (PVE::Storage, `sensitive-properties`). */
const storageSecrets = ["password", "encryption-key", "keyring"];

/** What replaces a secret, or changes how users log in and what they may do. */
export const accessRules: readonly ParameterRule[] = [
  {
    name: "token-regenerate",
    on: ["PUT /access/users/{userid}/token/{tokenid}"],
    when: (params) => isOn(params, "regenerate"),
    class: "destructive",
    irreversible: true,
    reason: "it regenerates the API token's secret; clients that use the old one lose access",
  },
  {
    name: "realm-secret",
    on: ["PUT /access/domains/{realm}"],
    when: (params) => setsAny(params, ["password", "client-key"]),
    class: "destructive",
    irreversible: true,
    reason: "it replaces or deletes the realm's bind password or client key",
  },
  {
    name: "storage-secret",
    on: ["PUT /storage/{storage}"],
    when: (params) => setsAny(params, storageSecrets),
    class: "destructive",
    irreversible: true,
    reason: "it replaces or deletes the storage's password, keyring or encryption key",
  },
  {
    name: "cluster-logins",
    on: ["PUT /cluster/options"],
    when: (params) => setsAny(params, ["u2f", "webauthn"]),
    class: "destructive",
    codeRequired: true,
    reason: "it changes the WebAuthn or U2F settings; existing second factors may stop working",
  },
  {
    name: "tag-permissions",
    on: ["PUT /cluster/options"],
    when: (params) => setsAny(params, ["user-tag-access", "registered-tags"]),
    class: "destructive",
    codeRequired: true,
    reason: "it changes who may set which tags",
  },
];
