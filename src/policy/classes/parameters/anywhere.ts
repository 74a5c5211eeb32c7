import { isOn } from "../values.ts";
import type { ParameterRule } from "./rule.ts";

/** Names that mean the same wherever Proxmox has them. */
export const anywhereRules: readonly ParameterRule[] = [
  {
    name: "settings-delete",
    on: ["PUT /**"],
    when: (params) => isOn(params, "delete"),
    class: "destructive",
    reason: "it takes settings away",
  },
  {
    name: "skiplock",
    on: ["POST /**", "PUT /**", "DELETE /**"],
    when: (params) => isOn(params, "skiplock") || isOn(params, "skip-lock"),
    class: "destructive",
    reason: "it goes past the lock that a running task holds",
  },
  {
    name: "force",
    on: ["POST /**", "PUT /**", "DELETE /**"],
    when: (params) => ["force", "forceStop", "force-stop", "overrule-shutdown"].some((name) => isOn(params, name)),
    class: "destructive",
    reason: "it goes past what Proxmox checks, or takes the power away",
  },
  {
    name: "purge",
    on: ["POST /**", "PUT /**", "DELETE /**"],
    when: (params) => isOn(params, "purge"),
    class: "destructive",
    reason: "it removes what else belongs to the thing: jobs, rules, rights",
  },
];
