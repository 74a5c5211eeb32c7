import { anywhereRules } from "./anywhere.ts";
import { backupRules } from "./backup.ts";
import { clusterRules } from "./cluster.ts";
import { firewallRules } from "./firewall.ts";
import { guestRules } from "./guest.ts";
import type { ParameterRule } from "./rule.ts";

/** In the order in which they are told where several hold that weigh the same: what says more first. */
export const parameterRules: readonly ParameterRule[] = [
  ...guestRules,
  ...backupRules,
  ...firewallRules,
  ...clusterRules,
  ...anywhereRules,
];
