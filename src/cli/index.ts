import type { CommandContext } from "citty";
import type { Command } from "./command.ts";

/** Every command, in the order of `--help`. Each is loaded when it is run: `health` runs every few seconds and needs little. */
export const subCommands: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import("./serve.ts")).serve,
  stdio: async () => (await import("./stdio.ts")).stdio,
  check: async () => (await import("./check.ts")).check,
  call: async () => (await import("./call.ts")).call,
  trust: async () => (await import("./trust.ts")).trust,
  health: async () => (await import("./health.ts")).health,
};

/** citty gives a command what stands after its name and drops the rest; `--demo call ...` must not reach real clusters. */
export function refuseLeadingFlags({ args, rawArgs }: CommandContext): void {
  const [name = ""] = args._;
  if (!Object.hasOwn(subCommands, name) || rawArgs[0] === name) return;
  process.stderr.write(`Write the command first, then its flags: proxmox-mcp ${name} ...\n`);
  process.exit(2);
}
