import { closeSync, writeSync } from "node:fs";
import { isExhausted, moreDescriptors } from "../descriptors.ts";
import { plainJson } from "../plain.ts";
import type { ParamValue } from "../proxmox/params.ts";
import type { Redactor } from "../redact/redactor.ts";
import { AuditFileError, endsInsideLine, openAuditFile } from "./audit-file.ts";
import type { CallClass } from "./classes/row.ts";

/** A line could not be written into the audit's file: then nothing that is more than a read is sent. */
export class AuditError extends Error {
  override readonly name = "AuditError";
}

/** How consent was had: a human answered the client's question, a code came back, or the call was only repeated. */
export type ConsentMethod = "human" | "code" | "two-step";

/** One event of a call, as a line of JSON. */
export interface AuditEntry {
  /** `sent` before the request leaves, `ended` after it; `asked` for consent; `refused` by a rule or a human. */
  readonly event: "sent" | "ended" | "asked" | "refused";
  /** The same in all lines of one request. */
  readonly id: string;
  readonly caller: string;
  readonly client: string;
  readonly cluster: string;
  readonly class: CallClass;
  readonly irreversible?: true;
  /** What decided the class; for `refused` the rule that refused. */
  readonly rule: string;
  readonly method: string;
  readonly path: string;
  /** Secrets masked. */
  readonly params?: Readonly<Record<string, ParamValue>>;
  readonly consent?: { readonly how: ConsentMethod; readonly by: string };
  /** The question that was asked or answered, `K7Q2`. */
  readonly question?: string;
  /** The task that the request started. */
  readonly upid?: string;
  /** `done` Proxmox took it (a task goes on by itself), `failed` it did not, `unknown` nobody can tell. */
  readonly outcome?: "done" | "failed" | "unknown";
  /** Why it was refused, or failed. */
  readonly reason?: string;
}

/** Where audit lines go. */
export interface Audit {
  /** @throws {AuditError} when the line cannot be written to the file that was configured. */
  write(entry: AuditEntry): void;
  /** Opens the file anew, so that it can be rotated away. */
  reopen(): void;
  close(): void;
}

/** Whoever looks at the clusters from their own terminal sees what they do. */
export const noAudit: Audit = { write: () => undefined, reopen: () => undefined, close: () => undefined };

/**
 * Opens the audit at `stderr` or in a file, which is made for its owner alone (mode 600) if there is none.
 * Lines are written without what `redactor` takes out.
 * @throws {AuditError} when the file cannot be opened.
 */
export function openAudit(target: string, redactor: Redactor): Audit {
  return target === "stderr" ? stderrAudit(redactor) : fileAudit(target, redactor);
}

function stderrAudit(redactor: Redactor): Audit {
  return {
    write(entry) {
      try {
        writeSync(2, toLine(entry, redactor));
      } catch {
        // Who closed our stderr does not want to read it, and a client may do that; only a file is a promise.
      }
    },
    reopen: () => undefined,
    close: () => undefined,
  };
}

function fileAudit(path: string, redactor: Redactor): Audit {
  let descriptor: number | undefined = open(path);
  return {
    write(entry) {
      descriptor ??= open(path);
      writeWhole(descriptor, toLine(entry, redactor), path);
    },
    reopen() {
      if (descriptor !== undefined) closeSync(descriptor);
      // Before the next line, if it cannot be opened now: the error belongs to whoever wants to write.
      descriptor = undefined;
    },
    close() {
      if (descriptor !== undefined) closeSync(descriptor);
      descriptor = undefined;
    },
  };
}

function open(path: string): number {
  try {
    return openAuditFile(path);
  } catch (error) {
    if (error instanceof AuditFileError) throw new AuditError(unusable(path, error.message));
    throw new AuditError(unwritable(path, "opened", error));
  }
}

/**
 * Writes a record on a line of its own. A file system that is full takes a part of one, and says so by the number of bytes
 * alone.
 */
function writeWhole(descriptor: number, line: string, path: string): void {
  try {
    // Another process may append to the file, too, so it is looked at each time.
    const bytes = Buffer.from(endsInsideLine(descriptor) ? `\n${line}` : line);
    for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
  } catch (error) {
    throw new AuditError(unwritable(path, "written", error));
  }
}

function unusable(path: string, why: string): string {
  return `audit_log: ${path} ${why}, and what cannot be written down is not done. Reads go on.`;
}

function unwritable(path: string, what: string, error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
  const remedy = isExhausted(code) ? moreDescriptors : "Make the file writable, or change audit_log.";
  return `${unusable(path, `cannot be ${what} (${code})`)} ${remedy}`;
}

/** One line whatever the values hold: JSON escapes line ends, and what a terminal would obey or not show is escaped, too. */
function toLine(entry: AuditEntry, redactor: Redactor): string {
  const { event, ...rest } = entry;
  const json = JSON.stringify({ time: new Date().toISOString(), audit: event, ...redactor.outgoing(rest) });
  return `${plainJson(json)}\n`;
}
