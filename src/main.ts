import { defineCommand, runMain } from "citty";
import { serve, serveFlags } from "./cli/serve.ts";
import { stdio } from "./cli/stdio.ts";
import { version } from "./version.ts";

await runMain(
  defineCommand({
    meta: { name: "proxmox-mcp", version, description: "An MCP server for Proxmox VE" },
    // The default command's flags stand here, too: else the value of one would be taken for a command's name.
    args: serveFlags,
    default: "serve",
    subCommands: { serve, stdio },
  }),
);
