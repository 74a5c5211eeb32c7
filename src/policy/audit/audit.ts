import type { FileHandle } from "node:fs/promises";
import { isExhausted, moreDescriptors } from "../../descriptors.ts";
import type { LineQueue } from "../../line-queue.ts";
import type { ParamValue } from "../../proxmox/params.ts";
import type { Redactor } from "../../redact/redactor.ts";
import { plainJson } from "../../sanitize.ts";
import type { CallClass } from "../endpoint-classes/row.ts";
import { AuditFileError, endsInsideLine, openAuditFile } from "./audit-file.ts";

/** A line could not be written to the audit file. Only plain reads are sent then. */
export class AuditError extends Error {
  override readonly name = "AuditError";
}

/** How consent was given: a human answered the client's form, a code was sent, or the call was only repeated. */
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
  /** `done`: Proxmox accepted it (a task continues by itself); `failed`: it did not; `unknown`: no answer tells. */
  readonly outcome?: "done" | "failed" | "unknown";
  /** Why it was refused, or failed. */
  readonly reason?: string;
}

/** Where audit lines go. */
export interface Audit {
  /**
   * Resolves once the line is written; nothing blocks the event loop meanwhile.
   * @throws {AuditError} when the line cannot be written to the file that was configured.
   */
  write(entry: AuditEntry): Promise<void>;
  /** Reopens the file before the next line, for log rotation. */
  reopen(): void;
  /** Ends each request that was sent and has no end yet as `unknown`, with this reason, then closes; within one second. */
  close(reason: string): Promise<void>;
}

/** For commands in a terminal, whose user sees what they do. */
export const noAudit: Audit = { write: async () => undefined, reopen: () => undefined, close: async () => undefined };

/** How long closing waits for a file that takes no writes, in milliseconds. */
const closeMs = 1000;

/**
 * Opens the audit at `stderr` or in a file, which is created with mode 600. Lines pass the `redactor`.
 * @param stderr the queue of all that this process writes to stderr.
 * @throws {AuditError} when the file cannot be opened.
 */
export async function openAudit(target: string, redactor: Redactor, stderr: LineQueue): Promise<Audit> {
  return withEnds(target === "stderr" ? stderrAudit(redactor, stderr) : await fileAudit(target, redactor));
}

/** What an audit does for one kind of target. */
type Target = Pick<Audit, "write" | "reopen"> & { close(): Promise<void> };

/** Keeps the requests that were sent and have no end yet, so that closing can write one for them. */
function withEnds({ write, reopen, close }: Target): Audit {
  const open = new Map<string, AuditEntry>();
  return {
    async write(entry) {
      if (entry.event === "ended") open.delete(entry.id);
      // Before it is written: it may be sent as soon as it is.
      if (entry.event === "sent") open.set(entry.id, entry);
      try {
        await write(entry);
      } catch (error) {
        open.delete(entry.id);
        throw error;
      }
    },
    reopen,
    async close(reason) {
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, closeMs);
      const ends = [...open.values()].map((sent) => write({ ...sent, event: "ended", outcome: "unknown", reason }));
      open.clear();
      // A line that cannot be written now is lost: the process ends.
      const closed = Promise.allSettled(ends).then(close);
      await Promise.race([closed, late.promise]).finally(() => clearTimeout(timer));
    },
  };
}

/** A slow or closed stderr holds up nothing: only a file guarantees its lines. */
function stderrAudit(redactor: Redactor, stderr: LineQueue): Target {
  return {
    write: async (entry) => stderr.write(toLine(entry, redactor)),
    reopen: () => undefined,
    close: async () => undefined,
  };
}

async function fileAudit(path: string, redactor: Redactor): Promise<Target> {
  let file: FileHandle | undefined = await openFile(path);
  let isStale = false;
  let last: Promise<unknown> = Promise.resolve();
  /** Runs writes one after another: lines must not mix, and each request waits for its own. */
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
  const closeFile = async () => {
    const old = file;
    file = undefined;
    isStale = false;
    await old?.close();
  };
  return {
    async write(entry) {
      const line = `${toLine(entry, redactor)}\n`;
      await inTurn(async () => {
        if (isStale) await closeFile();
        file ??= await openFile(path);
        await writeWhole(file, line, path);
      });
    },
    reopen() {
      // Closed before the next line: an error is reported to the request that writes it.
      isStale = true;
    },
    close: () => inTurn(closeFile),
  };
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await openAuditFile(path);
  } catch (error) {
    if (error instanceof AuditFileError) throw new AuditError(unusable(path, error.message));
    throw new AuditError(unwritable(path, "opened", error));
  }
}

/**
 * Writes a record on a separate line. A full file system writes a part of it and reports that only by the number of bytes.
 */
async function writeWhole(file: FileHandle, line: string, path: string): Promise<void> {
  try {
    // Another process may append to the file, too, so its end is read each time.
    const bytes = Buffer.from((await endsInsideLine(file)) ? `\n${line}` : line);
    for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at, bytes.length - at)).bytesWritten;
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
  return plainJson(json);
}
