import { type AnswerLease, unlimitedBytes } from "../answers/answer-memory.ts";
import { AnswerWeight } from "../answers/answer-weight.ts";
import { TransportError } from "../errors/proxmox-error.ts";
import type { Progress } from "../errors/transport-errors.ts";
import type { FailoverTimer } from "./failover/failover.ts";

/** How a body is read. */
export interface Reading {
  /** The most bytes of it, decompressed. */
  readonly maxBytes: number;
  readonly memory: AnswerLease;
  /** Whether it waits where memory is short. A write's answer does not: it is small, and its request was carried out. */
  readonly waits: boolean;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  readonly timer: FailoverTimer | undefined;
}

/**
 * Collects a body, decompressed, as long as it stays below the limit and there is memory for it.
 * @throws TransportError `too-large`, the signal's reason when it is aborted during a wait for memory, and whatever the source
 * throws when the connection breaks.
 */
export async function readBody(source: AsyncIterable<Uint8Array>, reading: Reading): Promise<string> {
  const { maxBytes, memory, waits } = reading;
  const chunks: Uint8Array[] = [];
  const weight = new AnswerWeight();
  let size = 0;
  if (waits) memory.begin();
  for await (const chunk of source) {
    size += chunk.byteLength;
    if (size > maxBytes) {
      throw new TransportError({
        kind: "too-large",
        sent: "answered",
        what: `the answer is larger than ${maxBytes} bytes and was not read further`,
        hint: "Ask for less: a narrower path, a filter, or the endpoint's own limit and start parameters.",
      });
    }
    const bytes = weight.add(chunk);
    memory.limit(weight, size);
    chunks.push(chunk);
    if (waits && size > unlimitedBytes) await grow(reading, bytes);
    else memory.take(bytes);
  }
  memory.readWhole();
  return Buffer.concat(chunks).toString("utf8");
}

/** What is not read is not received either: the runtime stops reading the socket, and the far end sending (measured). */
async function grow({ memory, signal, progress, timer }: Reading, bytes: number): Promise<void> {
  const room = memory.grow(bytes, signal);
  if (room === undefined) return;
  progress.waitsFor = () => memory.describe();
  timer?.pause();
  await room;
  timer?.resume();
  progress.waitsFor = undefined;
}
