import type { Redactor } from "../redact/redactor.ts";

/** An output of the program could not be written, such as to a full disk. The message says why. */
export class OutputError extends Error {
  override readonly name = "OutputError";
}

/** Writes to stdout or stderr. */
export type Write = (stream: NodeJS.WriteStream, text: string) => Promise<void>;

/**
 * Writes texts, each with a line end and without what `redactor` takes out, and waits until one is out: an exit would
 * cut what a pipe has not taken yet.
 * Rejects with OutputError when it cannot be written, unless whoever reads has seen enough (`| head`).
 */
export function writer(redactor: Redactor): Write {
  return (stream, text) => send(stream, redactor.outgoing(text));
}

function send(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: NodeJS.ErrnoException | null) => {
      if (error === undefined || error === null || error.code === "EPIPE") resolve();
      else reject(new OutputError(`The output could not be written and is not whole: ${error.message}`));
    };
    // The callback and the event both tell of a failure; an event that nobody hears would end the process.
    stream.once("error", settle);
    stream.write(`${text}\n`, settle);
  });
}

/** Resolves when all that was written to a stream is out, or cannot be, or after `ms`. */
export async function flush(stream: NodeJS.WriteStream, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  stream.write("", () => resolve());
  await promise;
  clearTimeout(timer);
}

/** What a terminal would obey or be misled by: control characters, and those that turn the direction of writing. */
const unsafe = /\p{Cc}|\p{Bidi_Control}/gu;

/** A text of somebody else's for a terminal: control characters are shown, not sent. */
export function plain(text: string): string {
  return text.replaceAll(unsafe, (char) => {
    const code = char.charCodeAt(0);
    if (code > 0xff) return escaped(char);
    return { 9: "\\t", 10: "\\n", 13: "\\r" }[code] ?? `\\x${code.toString(16).padStart(2, "0")}`;
  });
}

/** {@link plain} for a text of several lines. */
export function plainLines(text: string): string {
  return text.split("\n").map(plain).join("\n");
}

/** A value as indented JSON; what JSON itself leaves of control characters is escaped, which means the same to a program. */
export function json(value: unknown): string {
  return JSON.stringify(value, undefined, 2).replaceAll(/[\x7f-\x9f]|\p{Bidi_Control}/gu, escaped);
}

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
