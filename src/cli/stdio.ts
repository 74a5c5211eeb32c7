import type { Server } from "@modelcontextprotocol/server";
import { StdioServerTransport, serveStdio } from "@modelcontextprotocol/server/stdio";
import { fixedPart } from "../log.ts";
import { local } from "../policy/caller.ts";
import { command } from "./command.ts";
import { flagsOf } from "./flags.ts";
import { setUp } from "./setup.ts";

/** `stdio`: MCP on stdin and stdout, for clients that start the server themselves. All else goes to stderr. */
export const stdio = command({
  name: "stdio",
  description: "serve MCP on stdin and stdout",
  examples: ["proxmox-mcp stdio --demo"],
  args: flagsOf("source", "cache", "control", "log"),
  run: async ({ flags, redactor }) => {
    const { createServer, log, onToolsChange, openControl, close } = await setUp(flags, redactor);
    let server: Server | undefined;
    const create = () => {
      server = createServer(local);
      return server;
    };
    let lastError = "";
    const transport = new StdioServerTransport();
    const handle = serveStdio(create, {
      transport,
      onerror: (error) => {
        lastError = fixedPart(error);
        log.debug(`stdio: ${lastError}`);
      },
    });
    onToolsChange(() => void server?.sendToolListChanged().catch((error: Error) => log.debug(fixedPart(error))));
    openControl("stdio", () => ({ transport: "stdio" }));
    const isMeant = await ended(transport);
    if (!isMeant) log.error(`The connection on stdin and stdout broke: ${lastError}`);
    await handle.close();
    await close();
    return isMeant ? 0 : 1;
  },
});

/**
 * Resolves when the connection is over: `true` when the client closed our stdin or told us to end, `false` when it broke,
 * such as by a message that is too large. The transport then pauses stdin, which never ends after that.
 */
function ended(transport: StdioServerTransport): Promise<boolean> {
  return new Promise((resolve) => {
    const onclose = transport.onclose;
    transport.onclose = () => {
      onclose?.();
      resolve(process.stdin.readableEnded);
    };
    process.stdin.once("end", () => resolve(true));
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve(true));
  });
}
