import { type ArgsDef, type CommandDef, defineCommand } from "citty";
import { atEdge, type Run } from "./run-command.ts";

/** What makes a command. */
export interface CommandDefinition {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly description: string;
  /** What `--help` says below the flags; each line works as it stands, or with addresses of one's own. */
  readonly examples: readonly string[];
  readonly args: ArgsDef;
  /** The exit code where the command line or the configuration cannot be used. Default: 2, apart from a failure's 1. */
  readonly unusable?: number;
  readonly run: Run;
}

/** A command of the program, with its texts for `--help` and docs/commands.md. */
export interface Command extends CommandDef {
  readonly description: string;
  readonly examples: readonly string[];
}

/** Makes a command of its definition. */
export function command({ name, description, examples, args, unusable = 2, run }: CommandDefinition): Command {
  return { ...defineCommand({ meta: { name, description }, args, run: atEdge(run, unusable) }), description, examples };
}
