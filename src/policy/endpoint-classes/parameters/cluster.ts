import { isOff, isOn } from "../values.ts";
import { anyText } from "./property.ts";
import { guest, type ParameterRule } from "./rule.ts";

/** What stops guests through HA, or makes transfers and downloads less safe. */
export const clusterRules: readonly ParameterRule[] = [
  {
    name: "ha-stop",
    on: ["POST /cluster/ha/resources", "PUT /cluster/ha/resources/{sid}"],
    when: (params) => anyText(params, /^state$/, (text) => /^(?:stopped|disabled|ignored)$/i.test(text)),
    class: "destructive",
    reason: "it makes HA stop the guest or stop managing it",
  },
  {
    name: "unencrypted-migration",
    on: [`POST ${guest}/migrate`, "PUT /cluster/options"],
    when: (params) =>
      isOn(params, "migration_unsecure") ||
      anyText(params, /^(?:migration|migration_type|replication)$/, (text) => /(?:^|[,=])insecure\b/.test(text)),
    class: "destructive",
    reason: "it sends guest memory and disks over the network unencrypted",
  },
  {
    name: "cluster-proxy",
    on: ["PUT /cluster/options"],
    when: (params) => Object.hasOwn(params, "http_proxy"),
    class: "destructive",
    codeRequired: true,
    reason: "it changes the HTTP proxy through which the nodes download",
  },
  {
    name: "unverified-download",
    on: ["POST /nodes/{node}/storage/{storage}/download-url"],
    when: (params) => isOff(params, "verify-certificates"),
    class: "destructive",
    reason: "it downloads a file without verifying the server's certificate",
  },
];
