import type { z } from "zod";
import { environment } from "../config/environment.ts";
import { loadRuntimeFolders } from "../config/runtime.ts";
import { askServers } from "../control/ask.ts";
import type { ServerName } from "../control/protocol.ts";
import { plainLine } from "../sanitize.ts";
import { type Command, command } from "./command.ts";
import { flagsFor } from "./flags.ts";
import { json } from "./output.ts";

/** What makes a command that asks the running servers of this user. */
export interface ServersCommandDefinition<T> {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly description: string;
  /** A path of the control socket. */
  readonly path: string;
  /** What each server answers there. */
  readonly schema: z.ZodType<T>;
  /** The answers for a human. `--json` prints them as they are. */
  readonly textOf: (answers: readonly T[]) => string;
}

/**
 * Makes a command that asks every running server of this user over its control socket. Servers that do not answer are
 * reported on stderr, with exit code 1. Where no server answers at all, stderr lists the folders that were searched.
 */
export function serversCommand<T>({ name, description, path, schema, textOf }: ServersCommandDefinition<T>): Command {
  return command({
    name,
    description,
    examples: [`proxmox-mcp ${name}`, `proxmox-mcp ${name} --json`],
    args: {
      ...flagsFor("MCP_RUNTIME_DIR"),
      json: { type: "boolean", description: "print one JSON document" },
    },
    run: async ({ flags, write }) => {
      if (process.platform === "win32") {
        await write(process.stderr, "Control sockets need Unix file permissions, which Windows lacks.");
        return 1;
      }
      const { searched } = loadRuntimeFolders({ flags, env: environment() }, process.cwd());
      const { answers, problems, looked } = await askServers(searched, path, schema);
      for (const problem of problems) await write(process.stderr, plainLine(problem));
      if (answers.length === 0) {
        await write(process.stderr, noServer(name, looked));
        return 1;
      }
      await write(process.stdout, flags["json"] === true ? json({ servers: answers, problems }) : textOf(answers));
      return problems.length === 0 ? 0 : 1;
    },
  });
}

function noServer(command: string, looked: readonly string[]): string {
  return [
    "No running server answers. Looked at:",
    ...looked.map((line) => `  ${plainLine(line)}`),
    "Start one with `proxmox-mcp serve`, run this as the user of the server or as root, or name the server's folder with --runtime-dir.",
    `In a container: docker exec CONTAINER proxmox-mcp ${command}`,
  ].join("\n");
}

/** `http://127.0.0.1:8000 (pid 1234)`, `stdio (pid 1234)`. */
export function nameOf({ url, transport, pid }: ServerName): string {
  return plainLine(`${url ?? transport} (pid ${pid})`);
}
