import { isOn } from "../values.ts";
import { anyText } from "./property.ts";
import type { ParameterRule } from "./rule.ts";

const run = ["POST /nodes/{node}/vzdump"];

/** A job is only a definition: until it runs, a later call deletes or changes it. */
const jobs = ["POST /cluster/backup", "PUT /cluster/backup/{id}"];

const prunes: ParameterRule["when"] = (params) =>
  isOn(params, "remove") || isOn(params, "prune-backups") || isOn(params, "maxfiles");

const leavesStorage: ParameterRule["when"] = (params) =>
  ["script", "dumpdir", "tmpdir"].some((name) => Object.hasOwn(params, name));

/** What deletes backups or replicated data, or does more than create backups. */
export const backupRules: readonly ParameterRule[] = [
  {
    name: "backup-prune",
    on: run,
    when: prunes,
    class: "destructive",
    irreversible: true,
    reason: "it deletes older backups",
  },
  {
    name: "backup-script",
    on: run,
    when: leavesStorage,
    class: "destructive",
    irreversible: true,
    reason: "it runs a script on the node or writes to a host directory",
  },
  {
    name: "backup-job-script",
    on: jobs,
    when: leavesStorage,
    class: "destructive",
    codeRequired: true,
    reason: "it makes the backup job run a script on the nodes or write to a host directory",
  },
  {
    name: "backup-job-prune",
    on: jobs,
    when: prunes,
    class: "destructive",
    codeRequired: true,
    reason: "it makes the backup job delete older backups when it runs",
  },
  {
    name: "replication-remove",
    on: ["POST /cluster/replication", "PUT /cluster/replication/{id}"],
    when: (params) => Object.hasOwn(params, "remove_job"),
    class: "destructive",
    codeRequired: true,
    reason: "it removes the replication job and may remove the replicated data",
  },
  {
    name: "backup-stop",
    on: [...run, ...jobs],
    when: (params) => anyText(params, /^mode$/, (text) => text === "stop") || isOn(params, "stop"),
    class: "destructive",
    reason: "it stops guests during the backup, or aborts running backups",
  },
];
