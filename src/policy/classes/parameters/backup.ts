import { isOn } from "../values.ts";
import { anyText } from "./property.ts";
import type { ParameterRule } from "./rule.ts";

const backups = ["POST /nodes/{node}/vzdump", "POST /cluster/backup", "PUT /cluster/backup/{id}"];

/** What deletes backups and copies, or does more than make them. */
export const backupRules: readonly ParameterRule[] = [
  {
    name: "backup-prune",
    on: backups,
    when: (params) => isOn(params, "remove") || isOn(params, "prune-backups") || isOn(params, "maxfiles"),
    class: "destructive",
    irreversible: true,
    reason: "it deletes older backups",
  },
  {
    name: "backup-script",
    on: backups,
    when: (params) => ["script", "dumpdir", "tmpdir"].some((name) => Object.hasOwn(params, name)),
    class: "destructive",
    irreversible: true,
    reason: "it runs a program of its own on the node, or writes to a directory there",
  },
  {
    name: "replication-remove",
    on: ["POST /cluster/replication", "PUT /cluster/replication/{id}"],
    when: (params) => Object.hasOwn(params, "remove_job"),
    class: "destructive",
    irreversible: true,
    reason: "it removes the replication job, and its copies too if told so",
  },
  {
    name: "backup-stop",
    on: backups,
    when: (params) => anyText(params, /^mode$/, (text) => text === "stop") || isOn(params, "stop"),
    class: "destructive",
    reason: "it stops guests, or the backups that run",
  },
];
