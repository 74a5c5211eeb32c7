import type { Redactor } from "../redact/redactor.ts";
import { plain, plainJson } from "../sanitize.ts";
import { within } from "../within.ts";

/** An output of the program could not be written, such as to a full disk. The message says why. */
export class OutputError extends Error {
  override readonly name = "OutputError";
}

/** Writes to stdout or stderr. */
export type Write = (stream: NodeJS.WriteStream, text: string) => Promise<void>;

/**
 * Writes texts, each with a line end, redacted and with control and invisible characters escaped ({@link plain}).
 * Resolves once a text is written: an exit would lose what a pipe has not taken yet.
 * Rejects with OutputError when it cannot be written, unless the reader closed the pipe (`| head`).
 */
export function writer(redactor: Redactor): Write {
  return (stream, text) => writeOwn(stream, plain(redactor.outgoing(text)));
}

/** Like {@link writer}, for texts of this program: not redacted, and with terminal colours. */
export function writeOwn(stream: NodeJS.WriteStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: NodeJS.ErrnoException | null) => {
      if (error === undefined || error === null || error.code === "EPIPE") resolve();
      else reject(new OutputError(`The output could not be written and is not whole: ${error.message}`));
    };
    // A failure calls back and then emits an event, which would end the process without a listener.
    stream.once("error", settle);
    stream.write(`${text}\n`, (error) => {
      // Else every text leaves a listener, and the runtime warns about the eleventh on stderr.
      if (error === undefined || error === null) stream.off("error", settle);
      settle(error);
    });
  });
}

/** Resolves when everything queued on a stream is written or has failed, or after `ms` milliseconds. */
export async function flush(stream: NodeJS.WriteStream, ms: number): Promise<void> {
  await within(ms, new Promise<void>((resolve) => stream.write("", () => resolve())));
}

/** A value as indented JSON, with what is unseen escaped. */
export function json(value: unknown): string {
  return plainJson(JSON.stringify(value, undefined, 2));
}
