import { defineCommand, runMain } from "citty";
import { flagsOf } from "./cli/flags.ts";
import { refuseEnvironment, refuseLeadingFlags, subCommands } from "./cli/index.ts";
import { showUsage } from "./cli/usage.ts";
import { versionLine } from "./version.ts";

await refuseEnvironment();
await runMain(
  defineCommand({
    meta: { name: "proxmox-mcp", version: versionLine, description: "An MCP server for Proxmox VE" },
    // The default command's flags stand here, too: else the value of one would be taken for a command's name.
    args: flagsOf("source", "server", "cache", "memory", "control", "shutdown", "log"),
    default: "serve",
    setup: refuseLeadingFlags,
    subCommands,
  }),
  { showUsage },
);
