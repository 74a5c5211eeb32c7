import { join } from "node:path";
import type { Variables } from "../clusters/variables.ts";
import type { Config } from "../types.ts";
import { firstFolder, isJournal } from "./systemd.ts";

/** Where a server writes its audit. */
export interface AuditTarget {
  /** `stderr`, or the path of a file. */
  readonly target: string;
  /** Warnings to log at start-up. */
  readonly warnings: readonly string[];
}

/**
 * Where a server writes its audit: `audit_log` where it is set, else `audit.jsonl` in the folder that systemd gives
 * (`LOGS_DIRECTORY`), else stderr. There is a warning for systemd's journal: on a Proxmox node,
 * `GET /nodes/{node}/journal` and `/nodes/{node}/syslog` show it to every token with Sys.Syslog.
 */
export function loadAuditTarget({ auditLog }: Pick<Config, "auditLog">, env: Variables): AuditTarget {
  const folder = firstFolder(env, "LOGS_DIRECTORY");
  const target = auditLog ?? (folder === undefined ? "stderr" : join(folder, "audit.jsonl"));
  if (target !== "stderr" || !isJournal(2, env)) return { target, warnings: [] };
  const isExplicit = auditLog !== undefined;
  const fix =
    folder === undefined
      ? `${isExplicit ? 'Change "audit_log" to' : 'Set "audit_log" to'} a file, or add LogsDirectory=proxmox-mcp to the unit${isExplicit ? ' and remove "audit_log"' : ""}.`
      : `Remove "audit_log", and the audit goes to ${join(folder, "audit.jsonl")}.`;
  return {
    target,
    warnings: [
      `The audit goes to the journal. On a Proxmox node every token with Sys.Syslog can read the journal through the API, and so what other callers did and were asked. ${fix}`,
    ],
  };
}
