import { writeSync } from "node:fs";
import { type ConsolaReporter, createConsola, LogLevels } from "consola/core";
import type { LogConfig } from "./config/types.ts";
import type { Redactor } from "./redact/redactor.ts";

/** The log, on stderr: stdout belongs to the protocol when the transport is stdio. */
export interface Log {
  error(message: string, cause?: unknown): void;
  warn(message: string): void;
  info(message: string): void;
  debug(message: string): void;
  /** Whether warnings are shown at all at its level. */
  readonly warns: boolean;
}

const levels = {
  silent: LogLevels.silent,
  error: LogLevels.error,
  warn: LogLevels.warn,
  info: LogLevels.info,
  debug: LogLevels.debug,
} as const satisfies Record<LogConfig["level"], number>;

/** `text` for people, `json` a line an entry for machines. */
const reporters: Readonly<Record<LogConfig["format"], ConsolaReporter>> = {
  text: { log: ({ type, args }) => write(`[${type}] ${args.join(" ")}`) },
  json: {
    log: ({ date, type, args }) =>
      write(JSON.stringify({ time: date.toISOString(), level: type, message: args.join(" ") })),
  },
};

/** A log of this level and format, without what `redactor` takes out. */
export function createLog({ level, format }: LogConfig, redactor: Redactor): Log {
  const consola = createConsola({ level: levels[level], reporters: [reporters[format]] });
  const text = (message: string, cause?: unknown) =>
    redactor.outgoing(cause === undefined ? message : `${message}: ${trace(cause)}`);
  return {
    error: (message, cause) => consola.error(text(message, cause)),
    warn: (message) => consola.warn(text(message)),
    info: (message) => consola.info(text(message)),
    debug: (message) => consola.debug(text(message)),
    warns: levels[level] >= levels.warn,
  };
}

/** Past `process.stderr`, whose first use costs a start 10 ms. */
function write(line: string): void {
  try {
    writeSync(2, `${line}\n`);
  } catch {
    // Who closed our stderr does not want to read it; that must not end the server.
  }
}

function trace(cause: unknown): string {
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
}
