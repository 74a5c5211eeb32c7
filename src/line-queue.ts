import { write } from "node:fs";
import { within } from "./within.ts";

/** Maximum characters that wait for a reader; one longer line may wait alone. */
const defaultCapacity = 1024 * 1024;

/** Milliseconds until a non-blocking descriptor that is full (EAGAIN) is tried again. */
const retryMs = 50;

/**
 * Writes lines to a descriptor without blocking the event loop. A synchronous write to a pipe whose reader does not read
 * blocks the process for good (measured: 119 calls filled the 64 KiB of a stderr pipe, and /healthz stopped answering).
 * Lines beyond the capacity are dropped and counted. The queue does not redact: its callers do.
 */
export class LineQueue {
  /** Formats the line that reports dropped lines; a log that uses the queue sets it. */
  reportDropped: (count: number) => string = (count) => `${count} lines were dropped`;
  readonly #descriptor: number;
  readonly #capacity: number;
  #lines: string[] = [];
  #waiting = 0;
  #dropped = 0;
  #idle: PromiseWithResolvers<void> | undefined;

  /** @param capacity maximum characters that wait. Default 1 MiB. */
  constructor(descriptor: number, capacity = defaultCapacity) {
    this.#descriptor = descriptor;
    this.#capacity = capacity;
  }

  /** Queues a text that is written with a line end, or drops it when too much waits. */
  write(line: string): void {
    if (this.#lines.length > 0 && this.#waiting + line.length > this.#capacity) {
      this.#dropped += 1;
      return;
    }
    this.#lines.push(line);
    this.#waiting += line.length;
    if (this.#idle !== undefined) return;
    this.#idle = Promise.withResolvers();
    void this.#writeAll(this.#idle);
  }

  /** Resolves when everything is written, or after `timeoutMs`. */
  async flush(timeoutMs: number): Promise<void> {
    if (this.#idle !== undefined) await within(timeoutMs, this.#idle.promise);
  }

  async #writeAll(idle: PromiseWithResolvers<void>): Promise<void> {
    while (this.#lines.length > 0) {
      const lines = this.#lines;
      const dropped = this.#dropped;
      this.#lines = [];
      this.#waiting = 0;
      this.#dropped = 0;
      const report = dropped === 0 ? [] : [this.reportDropped(dropped)];
      const isWritten = await writeWhole(this.#descriptor, `${[...lines, ...report].join("\n")}\n`);
      if (!isWritten) this.#dropped += lines.length + dropped;
    }
    this.#idle = undefined;
    idle.resolve();
  }
}

/** Whether the text could be written: a closed stderr or a full disk must not end the server. */
async function writeWhole(descriptor: number, text: string): Promise<boolean> {
  const bytes = Buffer.from(text);
  for (let offset = 0; offset < bytes.length; ) {
    const written = await writeSome(descriptor, bytes, offset);
    if (written === undefined) return false;
    offset += written;
  }
  return true;
}

/** Bytes written, in a thread of the runtime's pool; `undefined` when the descriptor cannot be written. */
function writeSome(descriptor: number, bytes: Buffer, offset: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    write(descriptor, bytes, offset, bytes.length - offset, null, (error, written) => {
      if (error === null) resolve(written);
      else if (error.code === "EAGAIN") setTimeout(resolve, retryMs, 0);
      else resolve(undefined);
    });
  });
}
