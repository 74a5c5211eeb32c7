import { isOn } from "../values.ts";
import type { ParameterRule } from "./rule.ts";

/** Parameters with the same meaning wherever Proxmox accepts them. */
export const anywhereRules: readonly ParameterRule[] = [
  {
    name: "settings-delete",
    on: ["PUT /**"],
    when: (params) => isOn(params, "delete"),
    class: "destructive",
    reason: "it removes settings",
  },
  {
    name: "skiplock",
    on: ["POST /**", "PUT /**", "DELETE /**"],
    when: (params) => isOn(params, "skiplock") || isOn(params, "skip-lock"),
    class: "destructive",
    reason: "it ignores the lock of a running task",
  },
  {
    name: "force",
    on: ["POST /**", "PUT /**", "DELETE /**"],
    when: (params) => ["force", "forceStop", "force-stop", "overrule-shutdown"].some((name) => isOn(params, name)),
    class: "destructive",
    reason: "it overrides Proxmox's safety checks or cuts power",
  },
  {
    name: "purge",
    on: ["POST /**", "PUT /**", "DELETE /**"],
    when: (params) => isOn(params, "purge"),
    class: "destructive",
    reason: "it also removes related entries, such as HA resources, backup jobs or rules",
  },
];
