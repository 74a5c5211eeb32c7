import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  type Stats,
} from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { shellWord } from "../wording.ts";

/** How a file was chosen: the operator named it, or it was found in the current folder, which any user may own. */
export type Chosen = "named" | "found";

/** Links followed on the way to a file, as many as Linux itself follows (path_resolution(7)). */
const maxLinks = 40;

/**
 * Why a file must not be trusted, and the command that fixes it, as the end of a sentence; `undefined` when only root
 * and this user can have written it. The rule is that of ssh (`safe_path` in its misc.c): the file and every folder and
 * symbolic link in its path belong to root or this user, and no other user may write to them.
 *
 * - Write access of a group is accepted where it is root's or the user's private group (same name, no other member).
 * - A folder with the sticky bit, such as /tmp, may be writable: files of other users in it are refused by their owner.
 * - Parent folders of root may be writable by a system group: Ubuntu's /var/log is root:syslog, mode 775.
 * - A dedicated read-only mount is accepted whatever its owners: a container's configuration and secrets have owners of
 *   the host. This applies to named files only, and not to a root file system that is read-only as a whole (systemd's
 *   `ProtectSystem=strict` does that for the service only; other users can still write).
 *
 * Windows has no such permission bits, so nothing is checked there.
 * @throws the system's error when the path cannot be followed; ENOENT only when every existing part of it is trusted.
 */
export function trustFault(path: string, chosen: Chosen): string | undefined {
  const uid = process.geteuid?.();
  if (uid === undefined) return undefined;
  for (const step of stepsTo(path)) {
    const fault = faultOf(step, uid, dirname(path));
    if (fault !== undefined && !(chosen === "named" && isMountedReadOnly(step.path, path))) return fault;
  }
  return undefined;
}

/** A folder, a symbolic link, or the file itself. */
interface Step {
  readonly path: string;
  readonly stats: Stats;
}

/** Every folder and link that a path goes through, then the file, in the order of lookup. */
function* stepsTo(path: string): Generator<Step> {
  yield { path: "/", stats: lstatSync("/") };
  let current = "/";
  let names = path.split("/");
  for (let links = 0; names.length > 0; ) {
    const [name = "", ...rest] = names;
    names = rest;
    if (name === "" || name === ".") continue;
    const next = join(current, name);
    const stats = lstatSync(next);
    yield { path: next, stats };
    if (!stats.isSymbolicLink()) {
      current = next;
      continue;
    }
    if (++links > maxLinks) throw Object.assign(new Error(`too many links: ${next}`), { code: "ELOOP" });
    const target = readlinkSync(next);
    names = [...target.split("/"), ...names];
    if (target.startsWith("/")) current = "/";
  }
}

function faultOf({ path, stats }: Step, uid: number, ownFolder: string): string | undefined {
  const isFolder = stats.isDirectory();
  const it = isFolder ? `its folder ${path}` : stats.isSymbolicLink() ? `the link ${path}` : "it";
  const word = shellWord(path);
  if (stats.uid !== 0 && stats.uid !== uid) {
    const flag = stats.isSymbolicLink() ? "-h " : "";
    return `${it} belongs to another user (uid ${stats.uid}). Run as root: chown ${flag}${uid} ${word}`;
  }
  // The mode of a symbolic link is ignored by the system.
  if (stats.isSymbolicLink() || (isFolder && isSticky(stats))) return undefined;
  const byOthers = (stats.mode & 0o002) !== 0;
  const byGroup = (stats.mode & 0o020) !== 0 && !isOwnGroup(stats.gid);
  const isFurtherUp = isFolder && path !== ownFolder && stats.uid === 0;
  if (byOthers || (byGroup && !(isFurtherUp && isSystemGroup(stats.gid)))) {
    const who = byOthers ? "every user" : `group ${stats.gid}`;
    const classes = `${byGroup ? "g" : ""}${byOthers ? "o" : ""}`;
    return `${it} is writable by ${who} (mode ${(stats.mode & 0o7777).toString(8)}). Run: chmod ${classes}-w ${word}`;
  }
  return undefined;
}

/** In such a folder only the owner of a file can remove or rename it. */
function isSticky({ mode }: Stats): boolean {
  return (mode & 0o1000) !== 0;
}

/** Root's group, or the private group that Linux distributions create for each user, without other members. */
function isOwnGroup(gid: number): boolean {
  if (gid === 0) return true;
  const group = groupOf(gid);
  if (group === undefined || gid !== process.getegid?.()) return false;
  const user = userName();
  return group.name === user && group.members.every((member) => member === user);
}

/** What a group without a name in this user namespace is shown as, such as Ubuntu's syslog under `PrivateUsers=`. */
const overflowGid = 65_534;

/** A group of daemons or administrators; not `users`, which has all users on some distributions. */
function isSystemGroup(gid: number): boolean {
  if (gid === overflowGid) return true;
  const name = groupOf(gid)?.name;
  return process.platform === "darwin" ? name === "admin" : gid < 1000 && name !== undefined && name !== "users";
}

function groupOf(gid: number): { readonly name: string; readonly members: readonly string[] } | undefined {
  const lines = textOf("/etc/group").split("\n");
  const [name = "", , , members = ""] = lines.find((line) => line.split(":")[2] === String(gid))?.split(":") ?? [];
  return name === "" ? undefined : { name, members: members.split(",").filter((member) => member !== "") };
}

/** `undefined` for a user without an entry in /etc/passwd, as in a container. */
function userName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

/** Opens a path without permission to read it, to ask about its mount (Linux, open(2)). */
const openPathOnly = 0x20_0000;

/** Whether a step is in a read-only mount, mounted at the file or its folder, or two or more levels below the root. */
function isMountedReadOnly(step: string, file: string): boolean {
  const mount = mountOf(step);
  if (mount?.isReadOnly !== true) return false;
  const isOwn = [file, dirname(file)].some((path) => realpathSync(path) === mount.point);
  return isOwn || mount.point.split("/").length > 2;
}

/** The mount that a path is in; `undefined` where the system does not say. */
function mountOf(path: string): { readonly point: string; readonly isReadOnly: boolean } | undefined {
  if (process.platform !== "linux") return undefined;
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, openPathOnly | constants.O_NOFOLLOW);
    const [, id] = /^mnt_id:\s*(\d+)$/m.exec(textOf(`/proc/self/fdinfo/${descriptor}`)) ?? [];
    // "36 35 98:0 /root /mount\\040point ro,noatime master:1 - ext4 /dev/sda1 rw,errors=continue" (proc_pid_mountinfo(5))
    const line = textOf("/proc/self/mountinfo")
      .split("\n")
      .find((entry) => entry.startsWith(`${id} `));
    const fields = line?.split(" ") ?? [];
    const point = fields[4]?.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    const isReadOnly = [fields[5], fields.at(-1)].some((options) => options?.split(",").includes("ro"));
    return point === undefined ? undefined : { point, isReadOnly };
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** The text of a system file; empty when it cannot be read. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
