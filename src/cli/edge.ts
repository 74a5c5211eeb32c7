import type { ArgsDef, CommandContext } from "citty";
import { ConfigError } from "../config/error.ts";
import type { Flags } from "../config/given.ts";
import { readFlags } from "./flags.ts";

/** The exit code for a configuration or command line that cannot be used, apart from a crash's 1. */
const unusable = 2;

/**
 * The outermost layer of a command: hands it its flags, and turns an error that the operator can mend into its message
 * on stderr and an exit code. Anything else is a fault of ours and goes up with its stack.
 */
export function atEdge<T extends ArgsDef>(
  run: (flags: Flags) => Promise<void>,
): (context: CommandContext<T>) => Promise<void> {
  return async (context) => {
    try {
      await run(readFlags(context as unknown as CommandContext));
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      process.stderr.write(`${error.message}\n`);
      process.exit(unusable);
    }
  };
}
