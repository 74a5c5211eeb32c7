import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { defineCommand } from "citty";
import { atEdge } from "./edge.ts";
import { flagsOf } from "./flags.ts";
import { setUp } from "./setup.ts";

/** `stdio`: MCP on stdin and stdout, for clients that start the server themselves. All else goes to stderr. */
export const stdio = defineCommand({
  meta: { name: "stdio", description: "serve MCP on stdin and stdout" },
  args: flagsOf("source", "log"),
  run: atEdge(async (flags) => {
    const { createServer, log, close } = await setUp(flags);
    const handle = serveStdio(createServer, { onerror: (error) => log.debug(`stdio: ${error.message}`) });
    await ended();
    await handle.close();
    close();
    process.exit(0);
  }),
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
