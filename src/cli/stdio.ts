import type { Server } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { command } from "./command.ts";
import { flagsOf } from "./flags.ts";
import { setUp } from "./setup.ts";

/** `stdio`: MCP on stdin and stdout, for clients that start the server themselves. All else goes to stderr. */
export const stdio = command({
  name: "stdio",
  description: "serve MCP on stdin and stdout",
  examples: ["proxmox-mcp stdio --demo"],
  args: flagsOf("source", "cache", "log"),
  run: async ({ flags }) => {
    const { createServer, log, onToolsChange, close } = await setUp(flags);
    let server: Server | undefined;
    const create = () => {
      server = createServer();
      return server;
    };
    const handle = serveStdio(create, { onerror: (error) => log.debug(`stdio: ${error.message}`) });
    onToolsChange(() => void server?.sendToolListChanged().catch((error: Error) => log.debug(error.message)));
    await ended();
    await handle.close();
    close();
    return 0;
  },
});

/** Resolves when the client is gone: it closed our stdin, or told us to end. */
function ended(): Promise<void> {
  return new Promise((resolve) => {
    process.stdin.once("end", resolve);
    process.stdin.once("close", resolve);
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
}
