import { accessRules } from "./access.ts";
import { anywhereRules } from "./anywhere.ts";
import { backupRules } from "./backup.ts";
import { clusterRules } from "./cluster.ts";
import { firewallRules } from "./firewall.ts";
import { guestRules } from "./guest.ts";
import type { ParameterRule } from "./rule.ts";

/** Of several matching rules of the same weight the first gives the reason: the more specific ones come first. */
export const parameterRules: readonly ParameterRule[] = [
  ...guestRules,
  ...accessRules,
  ...backupRules,
  ...firewallRules,
  ...clusterRules,
  ...anywhereRules,
];
