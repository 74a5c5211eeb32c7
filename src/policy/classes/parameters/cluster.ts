import { isOff, isOn } from "../values.ts";
import { anyText } from "./property.ts";
import { guest, type ParameterRule } from "./rule.ts";

/** What HA, the cluster's options and its downloads let happen. */
export const clusterRules: readonly ParameterRule[] = [
  {
    name: "ha-stop",
    on: ["POST /cluster/ha/resources", "PUT /cluster/ha/resources/{sid}"],
    when: (params) => anyText(params, /^state$/, (text) => /^(?:stopped|disabled|ignored)$/i.test(text)),
    class: "destructive",
    reason: "it makes HA stop the guest, or look away from it",
  },
  {
    name: "unencrypted-migration",
    on: [`POST ${guest}/migrate`, "PUT /cluster/options"],
    when: (params) =>
      isOn(params, "migration_unsecure") ||
      anyText(params, /^(?:migration|migration_type|replication)$/, (text) => /(?:^|[,=])insecure\b/.test(text)),
    class: "destructive",
    reason: "it sends guests' memory and disks over the network as they are, unencrypted",
  },
  {
    name: "cluster-logins",
    on: ["PUT /cluster/options"],
    when: (params) => ["u2f", "webauthn"].some((name) => Object.hasOwn(params, name)),
    class: "destructive",
    reason: "it changes what second factors rest on, and those there are may stop working",
  },
  {
    name: "cluster-proxy",
    on: ["PUT /cluster/options"],
    when: (params) => Object.hasOwn(params, "http_proxy"),
    class: "destructive",
    reason: "it changes through whom the nodes fetch from elsewhere",
  },
  {
    name: "unverified-download",
    on: ["POST /nodes/{node}/storage/{storage}/download-url"],
    when: (params) => isOff(params, "verify-certificates"),
    class: "destructive",
    reason: "it makes the node take a file from whoever answers",
  },
];
