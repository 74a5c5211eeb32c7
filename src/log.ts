import { type ConsolaInstance, createConsola, LogLevels } from "consola/basic";
import type { LogConfig } from "./config/types.ts";

/** The log, on stderr: stdout belongs to the protocol when the transport is stdio. */
export interface Log {
  error(message: string, cause?: unknown): void;
  warn(message: string): void;
  info(message: string): void;
  debug(message: string): void;
}

const levels = {
  silent: LogLevels.silent,
  error: LogLevels.error,
  warn: LogLevels.warn,
  info: LogLevels.info,
  debug: LogLevels.debug,
} as const satisfies Record<LogConfig["level"], number>;

/** A log of this level and format: `text` for people, `json` a line an entry for machines. */
export function createLog({ level, format }: LogConfig): Log {
  const consola = createConsola({ level: levels[level], stdout: process.stderr, stderr: process.stderr });
  if (format === "json") writeJson(consola);
  return {
    error: (message, cause) => consola.error(cause === undefined ? message : `${message}: ${trace(cause)}`),
    warn: (message) => consola.warn(message),
    info: (message) => consola.info(message),
    debug: (message) => consola.debug(message),
  };
}

function trace(cause: unknown): string {
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
}

function writeJson(consola: ConsolaInstance): void {
  consola.setReporters([
    {
      log({ date, type, args }) {
        process.stderr.write(`${JSON.stringify({ time: date.toISOString(), level: type, message: args.join(" ") })}\n`);
      },
    },
  ]);
}
