import type { CommandContext } from "citty";
import { ConfigError } from "../config/error.ts";
import { Redactor } from "../redact/redactor.ts";
import type { Command } from "./command.ts";
import { readCommandLine } from "./flags.ts";
import { writer } from "./output.ts";

/** Every command, in the order of `--help`. Each is loaded when it is run: `health` runs every few seconds and needs little. */
export const subCommands: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import("./serve.ts")).serve,
  stdio: async () => (await import("./stdio.ts")).stdio,
  status: async () => (await import("./status.ts")).status,
  consents: async () => (await import("./consents.ts")).consents,
  check: async () => (await import("./check.ts")).check,
  call: async () => (await import("./call.ts")).call,
  token: async () => (await import("./token.ts")).token,
  trust: async () => (await import("./trust.ts")).trust,
  health: async () => (await import("./health.ts")).health,
};

/**
 * citty gives a command what stands after its name and drops the rest, and takes the word after an unknown flag for a
 * command. `--demo call ...` must not reach real clusters, and `--prot 1` must say which flag was meant.
 */
export async function refuseLeadingFlags(context: CommandContext): Promise<void> {
  const { args, rawArgs } = context;
  const [word] = args._;
  if (word === undefined || rawArgs[0] === word) return;
  try {
    if (Object.hasOwn(subCommands, word)) {
      throw new ConfigError(`Write the command first, then its flags: proxmox-mcp ${word} ...`);
    }
    readCommandLine(context);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    await writer(new Redactor())(process.stderr, error.message);
    process.exit(2);
  }
}
