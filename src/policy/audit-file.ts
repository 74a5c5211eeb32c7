import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { trustFault } from "../config/file-trust.ts";

/** Why a file must not be used as the audit. The message is the end of a sentence that begins with its path. */
export class AuditFileError extends Error {
  override readonly name = "AuditFileError";
}

/** How every record begins, with `d` for a digit. */
const beginning = '{"time":"dddd-dd-ddTdd:dd:dd.dddZ","audit":"';

/** The part of {@link beginning} that a first record must have which a full disk cut off. */
const shortest = '{"time":"'.length;

/**
 * Opens a file for records to be appended; it is made with mode 600 where there is none. Only an audit is appended to:
 * the file is empty, or its first line is a record. Nothing else can be damaged by a wrong `audit_log`, nor be made to
 * hold text that a shell or another program would read.
 * @throws AuditFileError where it must not be used; the system's error where it cannot be opened.
 */
export function openAuditFile(path: string): number {
  // Not blocking, since opening a pipe would wait for its reader.
  const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | (constants.O_NONBLOCK ?? 0);
  const there = statSync(path, { throwIfNoEntry: false });
  if (there !== undefined && !there.isDirectory()) refuseOther(there);
  // Before it is opened, too: that may make it, where a link of somebody else's points.
  refuseUntrusted(path, true);
  const descriptor = openSync(path, flags, 0o600);
  try {
    refuseOther(fstatSync(descriptor));
    refuseUntrusted(path, false);
    if (!beginsAsAudit(descriptor)) {
      throw new AuditFileError(
        "is not appended to: it holds something else than an audit. Name another file, or move it away",
      );
    }
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

function refuseOther(stats: Stats): void {
  if (!stats.isFile()) throw new AuditFileError("is not used: it is no regular file");
}

function refuseUntrusted(path: string, mayBeMissing: boolean): void {
  try {
    const fault = trustFault(path, "named");
    if (fault !== undefined) throw new AuditFileError(`is not used: ${fault}`);
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (!(mayBeMissing && isMissing)) throw error;
  }
}

/** Whether the last record has no line end, since a full disk took only a part of it. */
export function endsInsideLine(descriptor: number): boolean {
  const { size } = fstatSync(descriptor);
  const last = Buffer.alloc(1);
  return size > 0 && readSync(descriptor, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a;
}

function beginsAsAudit(descriptor: number): boolean {
  const bytes = Buffer.alloc(beginning.length);
  const length = readSync(descriptor, bytes, 0, bytes.length, 0);
  if (length === 0) return true;
  const [line = ""] = bytes.toString("latin1", 0, length).split("\n", 1);
  const isRecord = [...line].every((char, at) => char === beginning[at] || (beginning[at] === "d" && /\d/.test(char)));
  return isRecord && line.length >= shortest;
}
