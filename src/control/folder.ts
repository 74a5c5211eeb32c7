import { lstatSync, mkdirSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { shellWord } from "../config/wording.ts";

/** The control socket cannot be opened. The message says why and what to do. */
export class ControlError extends Error {
  override readonly name = "ControlError";
}

/**
 * Creates the folder for the control socket (mode 700) where there is none, and checks that only this user can write
 * to it.
 * @throws {ControlError} when it cannot be made or must not be trusted.
 */
export function prepareFolder(folder: string, uid: number): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    // EEXIST: the path is not a folder; the check below says so.
    if (codeOf(error) !== "EEXIST") {
      throw new ControlError(
        `${folder} cannot be created (${codeOf(error)}). Set MCP_RUNTIME_DIR to a folder of this user; in a container, mount a tmpfs at /run/proxmox-mcp.`,
      );
    }
  }
  const fault = folderFault(folder, uid);
  if (fault !== undefined) throw new ControlError(fault);
  const { uid: owner } = lstatSync(folder);
  if (owner !== uid) throw new ControlError(foreign(folder, owner));
}

/**
 * Why a folder with control sockets must not be trusted; `undefined` when it may be. Any user can create
 * `/tmp/proxmox-mcp-1000` before user 1000 does, and would then control the sockets in it. A folder of another user is
 * trusted only where only root can have created it, such as systemd's `/run/proxmox-mcp`.
 */
export function folderFault(folder: string, uid: number): string | undefined {
  const stats = lstatSync(folder);
  if (stats.isSymbolicLink()) {
    return `${folder} is a symbolic link, which may point to a folder of another user. Remove it, or set MCP_RUNTIME_DIR to the real folder.`;
  }
  if (!stats.isDirectory()) return `${folder} is not a folder. Remove it, or set MCP_RUNTIME_DIR to a folder.`;
  const parent = lstatSync(dirname(folder));
  if (isReplaceable(parent)) {
    return `${dirname(folder)} is writable by every user, who can replace ${folder}. Set MCP_RUNTIME_DIR to a folder elsewhere.`;
  }
  if (parent.uid !== 0 && parent.uid !== uid) {
    return `${dirname(folder)} belongs to another user (uid ${parent.uid}), who can replace ${folder}. Set MCP_RUNTIME_DIR to a folder elsewhere.`;
  }
  const isPutByRoot = parent.uid === 0 && (parent.mode & 0o022) === 0;
  if (stats.uid !== uid && !isPutByRoot) return foreign(folder, stats.uid);
  if ((stats.mode & 0o077) !== 0) {
    return `${folder} is open to other users (mode ${(stats.mode & 0o777).toString(8)}). Run: chmod 700 ${shellWord(folder)}`;
  }
  return undefined;
}

/** The code of a system error, for a message. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "unknown";
}

function foreign(folder: string, owner: number): string {
  return `${folder} belongs to another user (uid ${owner}). Remove it as root and find out who made it, or set MCP_RUNTIME_DIR to a folder of this user.`;
}

/** Writable by all, and without the sticky bit that keeps them from renaming what belongs to others. */
function isReplaceable({ mode }: Stats): boolean {
  return (mode & 0o002) !== 0 && (mode & 0o1000) === 0;
}
