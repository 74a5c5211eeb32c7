import type { CommandContext } from "citty";
import { ClusterChoiceError } from "../clusters.ts";
import { ConfigError } from "../config/error.ts";
import { LineQueue } from "../line-queue.ts";
import { ParamsError } from "../proxmox/params.ts";
import { PathError } from "../proxmox/path.ts";
import { Redactor } from "../redact/redactor.ts";
import { failureText } from "../tools/failure.ts";
import { type CommandLine, readCommandLine } from "./flags.ts";
import { OutputError, type Write, writer } from "./output.ts";

/** Errors of what was given, and not of what was done with it. */
const unusableKinds = [ConfigError, ClusterChoiceError, PathError, ParamsError];

/** How long the end of a command waits for a reader of stderr, in milliseconds. */
const flushMs = 500;

/** What a command is given. */
export interface Invocation extends CommandLine {
  /** Empty at first; loading a configuration adds its secrets. */
  readonly redactor: Redactor;
  /** The one way to stdout and stderr; everything passes `redactor`. */
  readonly write: Write;
  /** What a server writes to stderr while it runs. */
  readonly stderr: LineQueue;
}

/** What a command does; the number is its exit code. One that goes on until a signal ends the process itself. */
export type Run = (invocation: Invocation) => Promise<number | undefined>;

/**
 * The outermost layer of a command: hands it its command line, and turns an error that the operator can mend into its
 * message on stderr and an exit code. Anything else is a fault of ours, and its stack goes to stderr.
 */
export function atEdge(run: Run, unusable: number): (context: CommandContext) => Promise<void> {
  return async (context) => {
    const code = await outcome(run, context, unusable);
    // Connections that are kept for the next request would hold the process for seconds.
    if (code !== undefined) process.exit(code);
  };
}

async function outcome(run: Run, context: CommandContext, unusable: number): Promise<number | undefined> {
  const redactor = new Redactor();
  const write = writer(redactor);
  const stderr = new LineQueue(2);
  try {
    return await run({ ...readCommandLine(context), redactor, write, stderr });
  } catch (error) {
    await stderr.flush(flushMs);
    const isOurs = error instanceof ConfigError || error instanceof OutputError;
    const message = isOurs ? error.message : (failureText(error) ?? stackOf(error));
    // Where stderr cannot be written either, the exit code is all that is left to say.
    await write(process.stderr, message).catch(() => undefined);
    return unusableKinds.some((kind) => error instanceof kind) ? unusable : 1;
  } finally {
    await stderr.flush(flushMs);
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
