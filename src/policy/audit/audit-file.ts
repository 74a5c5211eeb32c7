import { constants, type Stats } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { trustFault } from "../../config/files/file-trust.ts";

/** Why a file must not be used as the audit. The message is the end of a sentence that begins with its path. */
export class AuditFileError extends Error {
  override readonly name = "AuditFileError";
}

/** The beginning of every record, with `d` for a digit. */
const beginning = '{"time":"dddd-dd-ddTdd:dd:dd.dddZ","audit":"';

/** The minimum part of {@link beginning} in a first record that a full disk truncated. */
const shortest = '{"time":"'.length;

/**
 * Opens a file to append records; creates it with mode 600. Only an empty file or an audit, whose first line is a record,
 * is accepted: a wrong `audit_log` must not damage another file, nor put text into one that a shell or program reads.
 * @throws AuditFileError where it must not be used; the system's error where it cannot be opened.
 */
export async function openAuditFile(path: string): Promise<FileHandle> {
  // Not blocking, since opening a pipe would wait for its reader.
  const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | (constants.O_NONBLOCK ?? 0);
  const there = await stat(path).catch(ignoreMissing);
  if (there !== undefined && !there.isDirectory()) refuseOther(there);
  // Before it is opened, too: opening may create the target of a symbolic link that another user made.
  refuseUntrusted(path, true);
  const file = await open(path, flags, 0o600);
  try {
    refuseOther(await file.stat());
    refuseUntrusted(path, false);
    if (!(await beginsAsAudit(file))) {
      throw new AuditFileError(
        "is not appended to: it holds something else than an audit. Name another file, or move it away",
      );
    }
    return file;
  } catch (error) {
    await file.close();
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
    if (!mayBeMissing) throw error;
    ignoreMissing(error);
  }
}

function ignoreMissing(error: unknown): undefined {
  if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
}

/** Whether the last record has no line end, because a full disk truncated it. */
export async function endsInsideLine(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  const { bytesRead, buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return bytesRead === 1 && buffer[0] !== 0x0a;
}

async function beginsAsAudit(file: FileHandle): Promise<boolean> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(beginning.length), 0, beginning.length, 0);
  if (bytesRead === 0) return true;
  const [line = ""] = buffer.toString("latin1", 0, bytesRead).split("\n", 1);
  const isRecord = [...line].every((char, at) => char === beginning[at] || (beginning[at] === "d" && /\d/.test(char)));
  return isRecord && line.length >= shortest;
}
