import { lstatSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "./folder.ts";

/** How the name of a control socket ends; one that is being opened is called otherwise until it takes connections. */
export const socketSuffix = ".sock";

/**
 * The control sockets in a folder, sorted by path. What is no socket, or is open to other users than the owner of the
 * folder, is left out.
 * @throws the system's error when the folder cannot be read.
 */
export function socketsIn(folder: string): string[] {
  const { uid } = lstatSync(folder);
  return readdirSync(folder)
    .filter((name) => name.endsWith(socketSuffix))
    .map((name) => join(folder, name))
    .filter((path) => {
      const stats = lstatSync(path, { throwIfNoEntry: false });
      return stats?.isSocket() === true && stats.uid === uid && (stats.mode & 0o077) === 0;
    })
    .sort();
}

/**
 * Removes the sockets in a folder that no process listens on: a server that was killed leaves its own behind. The
 * process id in the name says nothing, since containers that share a folder all have a process 1.
 * @param own the socket of this process: the first connection costs a start 2 ms, and most find no other socket.
 */
export async function removeAbandoned(folder: string, own: string): Promise<void> {
  const others = socketsIn(folder).filter((path) => path !== own);
  await Promise.all(others.map(async (path) => (await isAbandoned(path)) && remove(path)));
}

/** Removes a socket; one that is gone already, or cannot be removed, is left. */
export function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The folder may be read-only, even to root; the socket then stays listed.
  }
}

/** Whether no process listens on a socket. Any other failure, such as a full queue, does not prove that. */
export async function isAbandoned(path: string): Promise<boolean> {
  try {
    const socket = await Bun.connect({ unix: path, socket: { data: () => undefined } });
    socket.end();
    return false;
  } catch (error) {
    return codeOf(error) === "ECONNREFUSED";
  }
}
