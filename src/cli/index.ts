import type { CommandContext } from "citty";
import { ConfigError } from "../config/error.ts";
import { refuseRuntimeSwitches } from "../config/runtime-switches.ts";
import { Redactor } from "../redact/redactor.ts";
import { isCompiled } from "../version.ts";
import type { Command } from "./command.ts";
import { readCommandLine } from "./flags.ts";
import { writer } from "./output.ts";

/** Every command, in the order of `--help`. Each is loaded when it is run: `health` runs every few seconds and needs little. */
export const subCommands: Readonly<Record<string, () => Promise<Command>>> = {
  serve: async () => (await import("./commands/serve.ts")).serve,
  stdio: async () => (await import("./commands/stdio.ts")).stdio,
  status: async () => (await import("./commands/status.ts")).status,
  consents: async () => (await import("./commands/consents.ts")).consents,
  check: async () => (await import("./commands/check.ts")).check,
  call: async () => (await import("./commands/call.ts")).call,
  token: async () => (await import("./commands/token.ts")).token,
  trust: async () => (await import("./commands/trust.ts")).trust,
  health: async () => (await import("./commands/health.ts")).health,
};

/** Ends the process with exit code 2 where the environment makes Bun run or print something else. */
export async function refuseEnvironment(): Promise<void> {
  await endWhenUnusable(() => refuseRuntimeSwitches(isCompiled));
}

/**
 * citty gives a command what stands after its name and drops the rest, and takes the word after an unknown flag for a
 * command. `--demo call ...` must not reach real clusters, and `--prot 1` must say which flag was meant.
 */
export async function refuseLeadingFlags(context: CommandContext): Promise<void> {
  const { args, rawArgs } = context;
  const [word] = args._;
  if (word === undefined || rawArgs[0] === word) return;
  await endWhenUnusable(() => {
    if (Object.hasOwn(subCommands, word)) {
      throw new ConfigError(`Write the command first, then its flags: proxmox-mcp ${word} ...`);
    }
    readCommandLine(context);
  });
}

async function endWhenUnusable(check: () => void): Promise<void> {
  try {
    check();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    await writer(new Redactor())(process.stderr, error.message);
    process.exit(2);
  }
}
