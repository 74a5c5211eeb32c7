import { lstatSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import type { Variables } from "./clusters/variables.ts";
import { type Given, take } from "./server/option-sources.ts";
import { firstFolder } from "./server/systemd.ts";

/** Where the control sockets of this user's servers are. */
export interface RuntimeFolders {
  /** The folder in which a server of this user opens its socket; it may not exist yet. */
  readonly own: string;
  /** The folders in which commands look for servers, each once. */
  readonly searched: readonly string[];
}

/** What systemd makes for `RuntimeDirectory=proxmox-mcp`, and what a container mounts as tmpfs. */
const systemFolder = "/run/proxmox-mcp";

/**
 * The folders for control sockets: the setting alone where it is given, else the first of systemd's
 * `RUNTIME_DIRECTORY`, `/run/proxmox-mcp`, `XDG_RUNTIME_DIR`, `/run/user/UID` (each where it belongs to this user) and
 * `TMPDIR`. MCP clients start stdio servers with few variables, without `XDG_RUNTIME_DIR` and `TMPDIR` (the SDKs pass on
 * HOME, LOGNAME, PATH, SHELL, TERM and USER), so the folder of the server must also be found without them, and commands
 * look in every folder that a server may have chosen.
 * @param cwd where a relative path of the setting starts.
 * @throws {ConfigError} when the flag is empty.
 */
export function loadRuntimeFolders(given: Given, cwd: string, uid = process.getuid?.() ?? 0): RuntimeFolders {
  const setting = take("MCP_RUNTIME_DIR", given);
  if (setting !== undefined) {
    const own = resolve(cwd, setting.text);
    return { own, searched: [own] };
  }
  const { env } = given;
  const temporary = `proxmox-mcp-${uid}`;
  const fallback = join(absolute(env, "TMPDIR") ?? "/tmp", temporary);
  const usable = [
    firstFolder(env, "RUNTIME_DIRECTORY"),
    belongsTo(systemFolder, uid) ? systemFolder : undefined,
    ...[absolute(env, "XDG_RUNTIME_DIR"), `/run/user/${uid}`].map((parent) =>
      parent !== undefined && belongsTo(parent, uid) ? join(parent, "proxmox-mcp") : undefined,
    ),
  ].filter((folder) => folder !== undefined);
  const searched = new Set([...usable, fallback, join("/tmp", temporary), systemFolder]);
  return { own: usable[0] ?? fallback, searched: [...searched] };
}

/** A variable that must hold an absolute path; a relative one is ignored, as the XDG Base Directory Specification says. */
function absolute(env: Variables, name: string): string | undefined {
  const value = env[name];
  return value !== undefined && isAbsolute(value) ? value : undefined;
}

/** `sudo -E` keeps the `XDG_RUNTIME_DIR` of another user, in whose folder a server of root must put nothing. */
function belongsTo(folder: string, uid: number): boolean {
  const stats = lstatSync(folder, { throwIfNoEntry: false });
  return stats?.isDirectory() === true && stats.uid === uid;
}
