import type { z } from "zod";
import { controlHost } from "./address.ts";
import { codeOf, folderFault } from "./folder.ts";
import { isAbandoned, remove, socketsIn } from "./sockets.ts";

/** What the servers on this machine answered. */
export interface Answers<T> {
  readonly answers: readonly T[];
  /** Servers that did not answer, and folders that must not be trusted: a sentence each. */
  readonly problems: readonly string[];
  /** Every folder that was searched, with what was found: `/run/proxmox-mcp: no such folder`. */
  readonly looked: readonly string[];
}

/**
 * Asks every server that has a control socket in these folders, and removes the sockets of those that are gone.
 * @param timeoutMs how long a server may take to answer. Default 5 s.
 */
export async function askServers<T>(
  folders: readonly string[],
  path: string,
  schema: z.ZodType<T>,
  timeoutMs = 5_000,
): Promise<Answers<T>> {
  const answers: T[] = [];
  const problems: string[] = [];
  const looked: string[] = [];
  for (const folder of folders) {
    const found = findSockets(folder);
    if (found.fault !== undefined) problems.push(found.fault);
    const replies = await Promise.all(found.sockets.map((socket) => ask(socket, path, schema, timeoutMs)));
    for (const reply of replies) {
      if (reply?.answer !== undefined) answers.push(reply.answer);
      else if (reply?.problem !== undefined) problems.push(reply.problem);
    }
    looked.push(`${folder}: ${found.note ?? (replies.some(Boolean) ? "a server that did not answer" : "no server")}`);
  }
  return { answers, problems, looked };
}

interface Found {
  readonly sockets: readonly string[];
  /** Why there are none. */
  readonly note?: string;
  /** Why the folder must not be trusted. */
  readonly fault?: string;
}

function findSockets(folder: string): Found {
  try {
    const fault = folderFault(folder, process.getuid?.() ?? 0);
    return fault === undefined ? { sockets: socketsIn(folder) } : { sockets: [], note: "not trusted", fault };
  } catch (error) {
    const code = codeOf(error);
    const note = { ENOENT: "no such folder", EACCES: "not readable by this user" }[code] ?? code;
    return { sockets: [], note };
  }
}

/** `undefined` where the server is gone. */
async function ask<T>(
  socket: string,
  path: string,
  schema: z.ZodType<T>,
  timeoutMs: number,
): Promise<{ answer?: T; problem?: string } | undefined> {
  try {
    const response = await fetch(`http://${controlHost}${path}`, {
      unix: socket,
      // Not through HTTP_PROXY, whatever the runtime does with it for Unix sockets.
      proxy: false,
      signal: AbortSignal.timeout(timeoutMs),
    });
    const { success, data } = schema.safeParse(parseJson(await response.text()));
    return success
      ? { answer: data }
      : { problem: `${socket}: a server of another version answers (status ${response.status}).` };
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    if (await isAbandoned(socket)) {
      remove(socket);
      return undefined;
    }
    const isLate = error instanceof Error && error.name === "TimeoutError";
    return { problem: `${socket}: ${isLate ? `no answer within ${timeoutMs / 1000} s` : codeOf(error)}.` };
  }
}

/** `undefined` for a text that is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
