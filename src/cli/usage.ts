import { type ArgsDef, type CommandDef, renderUsage } from "citty";
import type { Command } from "./command.ts";
import { writeOwn } from "./output.ts";

/**
 * Prints what `--help` shows: a command's flags, and examples of it. Where the command line was wrong, the same goes to
 * stderr, before what was wrong with it.
 */
export async function showUsage<T extends ArgsDef>(cmd: CommandDef<T>, parent?: CommandDef<T>): Promise<void> {
  const asked = process.argv.slice(2).some((word) => word === "--help" || word === "-h");
  // citty ends with 1 after it, which would say that something was tried.
  if (!asked) {
    process.once("exit", () => {
      process.exitCode = 2;
    });
  }
  const stream = asked ? process.stdout : process.stderr;
  const examples = isCommand(cmd) ? ["EXAMPLES", "", ...cmd.examples.map((line) => `  ${line}`), ""] : [];
  const lines = [await renderUsage(cmd, parent), ...examples].join("\n").split("\n");
  const usage = lines.map((line) => line.trimEnd()).join("\n");
  // citty colours for files, too.
  await writeOwn(stream, stream.isTTY ? usage : Bun.stripANSI(usage));
}

function isCommand(cmd: object): cmd is Command {
  return "examples" in cmd;
}
