import { type ConsolaReporter, createConsola, LogLevels } from "consola/core";
import type { LogConfig } from "./config/types.ts";
import { LineQueue } from "./line-queue.ts";
import type { Redactor } from "./redact/redactor.ts";
import { plain, plainJson } from "./sanitize.ts";

/** The log, on stderr: stdout belongs to the protocol when the transport is stdio. */
export interface Log {
  /** Of a cause only its kind and its stack frames are shown: see {@link trace}. */
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

/** `text` for people, `json` with one object a line for machines; both escape control and invisible characters. */
const formats: Readonly<Record<LogConfig["format"], (date: Date, level: string, message: string) => string>> = {
  text: (_, level, message) => plain(`[${level}] ${message}`),
  json: (date, level, message) => plainJson(JSON.stringify({ time: date.toISOString(), level, message })),
};

/**
 * Creates a log of this level and format, redacted.
 * @param lines where it is written. Default: stderr, without `process.stderr`, whose first use adds 10 ms to start-up.
 */
export function createLog({ level, format }: LogConfig, redactor: Redactor, lines = new LineQueue(2)): Log {
  const lineOf = formats[format];
  const reporter: ConsolaReporter = {
    log: ({ date, type, args }) => lines.write(lineOf(date, type, args.join(" "))),
  };
  lines.reportDropped = (count) =>
    lineOf(new Date(), "warn", `${count} lines were dropped here: stderr could not be written as fast as they came`);
  const consola = createConsola({ level: levels[level], reporters: [reporter] });
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

/**
 * The kind of an error and where it happened, without its message: that may quote a value of the request, such as the
 * text that `new URL` could not parse, and the log must hold no parameters.
 */
function trace(cause: unknown): string {
  if (!(cause instanceof Error)) return typeof cause;
  const stack = cause.stack ?? "";
  // The stack begins with the message, whose lines may look like frames.
  const after = stack.indexOf(cause.message) + cause.message.length;
  const frames = stack
    .slice(after)
    .split("\n")
    .filter((line) => /^\s+at /.test(line));
  return [codeOf(cause), ...frames].join("\n");
}

function codeOf(cause: Error): string {
  return "code" in cause && typeof cause.code === "string" ? `${cause.name} (${cause.code})` : cause.name;
}

/**
 * The fixed part of a protocol error's message. The rest may quote what the client sent (the SDK adds whole responses as
 * JSON, JSON.parse the text that it failed on), and the log must hold no parameters. The error's name where there is none.
 */
export function fixedPart({ name, message }: Error): string {
  const [text = ""] = message.slice(0, 200).split(/[:"'`{[\n]/, 1);
  return text.trim() || name;
}
