import type { CommandContext } from "citty";
import { ConfigError } from "../config/error.ts";
import { failureText } from "../tools/failure.ts";
import { type CommandLine, readCommandLine } from "./flags.ts";
import { plain, write } from "./output.ts";

/** What a command does; the number is its exit code. One that goes on until a signal ends the process itself. */
export type Run = (line: CommandLine) => Promise<number | undefined>;

/**
 * The outermost layer of a command: hands it its command line, and turns an error that the operator can mend into its
 * message on stderr and an exit code. Anything else is a fault of ours and goes up with its stack.
 */
export function atEdge(run: Run, unusable: number): (context: CommandContext) => Promise<void> {
  return async (context) => {
    const code = await outcome(run, context, unusable);
    // Connections that are kept for the next request would hold the process for seconds.
    if (code !== undefined) process.exit(code);
  };
}

async function outcome(run: Run, context: CommandContext, unusable: number): Promise<number | undefined> {
  try {
    return await run(readCommandLine(context));
  } catch (error) {
    const message = error instanceof ConfigError ? error.message : failureText(error);
    if (message === undefined) throw error;
    await write(process.stderr, message.split("\n").map(plain).join("\n"));
    return error instanceof ConfigError ? unusable : 1;
  }
}
