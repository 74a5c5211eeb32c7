import type { z } from "zod";
import { environment } from "../config/environment.ts";
import { loadRuntimeFolders } from "../config/runtime.ts";
import { askServers } from "../control/ask.ts";
import type { ServerName } from "../control/protocol.ts";
import { plainLine } from "../plain.ts";
import type { Invocation } from "./edge.ts";

/** What every running server of this user answered. */
export interface ServerAnswers<T> {
  readonly answers: readonly T[];
  readonly problems: readonly string[];
}

/**
 * Asks every server of this user for a path of its control socket; what is wrong with any of them goes to stderr.
 * `undefined` where no server answers: then stderr says where it was looked and what to do.
 * @throws {ConfigError} when --runtime-dir is empty.
 */
export async function askRunning<T>(
  { flags, write }: Pick<Invocation, "flags" | "write">,
  path: string,
  schema: z.ZodType<T>,
): Promise<ServerAnswers<T> | undefined> {
  if (process.platform === "win32") {
    await write(process.stderr, "Control sockets need Unix file permissions, which Windows lacks.");
    return undefined;
  }
  const { searched } = loadRuntimeFolders({ flags, env: environment() }, process.cwd());
  const { answers, problems, looked } = await askServers(searched, path, schema);
  for (const problem of problems) await write(process.stderr, plainLine(problem));
  if (answers.length > 0) return { answers, problems };
  const lines = [
    "No running server answers. Looked at:",
    ...looked.map((line) => `  ${plainLine(line)}`),
    "Start one with `proxmox-mcp serve`, run this as the user of the server or as root, or name the server's folder with --runtime-dir.",
    "In a container: docker exec CONTAINER proxmox-mcp consents",
  ];
  await write(process.stderr, lines.join("\n"));
  return undefined;
}

/** `http://127.0.0.1:8000 (pid 1234)`, `stdio (pid 1234)`. */
export function nameOf({ url, transport, pid }: ServerName): string {
  return plainLine(`${url ?? transport} (pid ${pid})`);
}
