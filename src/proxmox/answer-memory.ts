import type { Wait } from "./errors/transport-errors.ts";

/** The setting that {@link AnswerMemory} is made with, for messages. */
const setting = "MCP_ANSWER_MEMORY_MIB";

/** The first bytes of each answer, which never wait: most answers are smaller, and large ones do not delay them. */
export const unlimitedBytes = 64 * 1024;

/**
 * From this weight on an answer's memory counts as free only after a garbage collection, in bytes: the runtime lets
 * garbage grow to several times what is in use. 60 reads of 14 MB took 800 MiB without it and 450 MiB with it (measured).
 * It takes some 50 ms; to parse and format such an answer takes ten times as long.
 */
const collectedBytes = 32 * 1024 * 1024;

/**
 * What a byte of JSON weighs: its chunks, their concatenation, the string and the parsed values, which exist together
 * until the garbage collector runs (measured on lists of guests, tasks and log lines). Each object and array adds its own.
 */
const [weightOfByte, weightOfContainer] = [4, 64];

/** Weighs an answer as its parts arrive. */
export class AnswerWeight {
  /** Whether it is JSON as Proxmox answers it; what is not is never parsed. */
  #isJson: boolean | undefined;
  #inText = false;
  #escaped = false;

  /** The memory that the next part takes until the answer is dropped, parsed values included, in bytes. */
  add(chunk: Uint8Array): number {
    this.#isJson ??= chunk[0] === 0x7b;
    const containers = this.#isJson ? this.#containersIn(chunk) : 0;
    return chunk.byteLength * weightOfByte + containers * weightOfContainer;
  }

  #containersIn(chunk: Uint8Array): number {
    let containers = 0;
    let [inText, escaped] = [this.#inText, this.#escaped];
    // By index: iterators take 50 ns a byte here, this takes 2 (measured).
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (escaped) escaped = false;
      else if (byte === 0x22) inText = !inText;
      else if (inText) escaped = byte === 0x5c;
      else if (byte === 0x7b || byte === 0x5b) containers += 1;
    }
    [this.#inText, this.#escaped] = [inText, escaped];
    return containers;
  }
}

/** The part of the memory that one requester's answers may take; the rest is left for others. */
const shareOfRequester = 3 / 4;

/** Bytes as MiB, to one decimal. */
function mib(bytes: number): number {
  return Math.ceil((bytes * 10) / 1024 / 1024) / 10;
}

/** A part of an answer that waits for memory. */
interface Waiting {
  readonly lease: AnswerLease;
  readonly bytes: number;
  readonly start: () => void;
}

/**
 * The memory of all answers of Proxmox that this process reads or still uses, over all clusters and callers. An answer
 * takes it as it arrives; where none is left it is not read further, until others are dropped. Half-read answers cannot
 * block each other: the oldest one that waits may exceed the limit, one at a time. So no more is used than the limit, one
 * answer, and the first bytes of each.
 */
export class AnswerMemory {
  readonly #limit: number;
  #used = 0;
  /** Of `#used`, what answers take that were read to their end. */
  #usedWhole = 0;
  readonly #usedBy = new Map<string, number>();
  readonly #waiting = new Set<Waiting>();
  /** The answer that may exceed the limit. */
  #exempt: AnswerLease | undefined;
  #leases = 0;

  /** @param limit in bytes; 256 MiB. */
  constructor(limit = 256 * 1024 * 1024) {
    this.#limit = limit;
  }

  /** Memory for an answer to this requester; nothing of it is taken yet. */
  lease(requester: string): AnswerLease {
    this.#leases += 1;
    return new AnswerLease(this, requester, this.#leases);
  }

  /** For the lease: it has taken so much more. */
  take(lease: AnswerLease, bytes: number): void {
    this.#used += bytes;
    if (lease.isWhole) this.#usedWhole += bytes;
    this.#usedBy.set(lease.requester, (this.#usedBy.get(lease.requester) ?? 0) + bytes);
  }

  /** For the lease: waits until it may take so much more, and takes it. Throws the signal's reason when it is aborted. */
  async wait(lease: AnswerLease, bytes: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { lease, bytes, start: resolve };
    const giveUp = () => {
      this.#waiting.delete(waiting);
      reject(signal.reason);
    };
    this.#waiting.add(waiting);
    signal.addEventListener("abort", giveUp, { once: true });
    if (signal.aborted) giveUp();
    this.#startWaiting();
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  /** For the lease: whether it may take so much more at once. */
  hasRoom(lease: AnswerLease, bytes: number): boolean {
    return this.#waiting.size === 0 && this.#fits(lease, bytes);
  }

  /** For the lease: its answer was read to the end. */
  readWhole(lease: AnswerLease): void {
    this.#usedWhole += lease.size;
    this.#endExemption(lease);
  }

  /** For the lease: its last user has dropped it. */
  giveBack(lease: AnswerLease): void {
    const { requester, size, isWhole } = lease;
    this.#used -= size;
    if (isWhole) this.#usedWhole -= size;
    const left = (this.#usedBy.get(requester) ?? 0) - size;
    if (left === 0) this.#usedBy.delete(requester);
    else this.#usedBy.set(requester, left);
    this.#endExemption(lease);
  }

  /** What an answer to this requester waits for. */
  describe(requester: string): Wait {
    const own = this.#usedBy.get(requester) ?? 0;
    const [all, limit, ofOwn, ownLimit] = [this.#used, this.#limit, own, this.#limit * shareOfRequester].map(mib);
    return {
      what: `memory: answers being read or in use take ${all} of ${limit} MiB, those of caller ${requester} ${ofOwn} (at most ${ownLimit}; ${setting})`,
      hint: "Request less at a time, or retry later.",
    };
  }

  #endExemption(lease: AnswerLease): void {
    if (this.#exempt === lease) this.#exempt = undefined;
    this.#startWaiting();
  }

  #fits(lease: AnswerLease, bytes: number): boolean {
    if (lease === this.#exempt) return this.#mayExceed(lease, bytes);
    const own = this.#usedBy.get(lease.requester) ?? 0;
    return this.#used + bytes <= this.#limit && own + bytes <= this.#limit * shareOfRequester;
  }

  /** Only other half-read answers may be what leaves no room: those that are in use will be dropped. */
  #mayExceed({ size }: AnswerLease, bytes: number): boolean {
    return this.#usedWhole === 0 || this.#usedWhole + size + bytes <= this.#limit;
  }

  /** The oldest answers first: what they have taken comes back soonest. */
  #startWaiting(): void {
    if (this.#waiting.size === 0) return;
    const oldestFirst = [...this.#waiting].sort((a, b) => a.lease.number - b.lease.number);
    for (const waiting of oldestFirst) if (this.#fits(waiting.lease, waiting.bytes)) this.#start(waiting);
    const oldest = oldestFirst.find((waiting) => this.#waiting.has(waiting));
    if (oldest === undefined || this.#exempt !== undefined || !this.#mayExceed(oldest.lease, oldest.bytes)) return;
    this.#exempt = oldest.lease;
    this.#start(oldest);
  }

  #start(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    waiting.lease.take(waiting.bytes);
    waiting.start();
  }
}

/** The memory of one answer, from its first byte until its last user has dropped it. */
export class AnswerLease {
  readonly requester: string;
  /** In the order in which they began. */
  readonly number: number;
  readonly #memory: AnswerMemory;
  #size = 0;
  #users = 1;
  #isWhole = false;

  constructor(memory: AnswerMemory, requester: string, number: number) {
    this.#memory = memory;
    this.requester = requester;
    this.number = number;
  }

  /** What it has taken so far, in bytes. */
  get size(): number {
    return this.#size;
  }

  /** Whether it was read to its end. An endpoint that is asked instead of it may still add to it. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Takes memory without waiting. Bytes that still arrive for a read that was given up do not count. */
  take(bytes: number): void {
    if (this.#users === 0) return;
    this.#memory.take(this, bytes);
    this.#size += bytes;
  }

  /**
   * Takes memory for another part of the answer.
   * @returns `undefined` when it was free, else what waits for it and throws the signal's reason when that is aborted.
   */
  grow(bytes: number, signal: AbortSignal): Promise<void> | undefined {
    if (!this.#memory.hasRoom(this, bytes)) return this.#memory.wait(this, bytes, signal);
    this.take(bytes);
    return undefined;
  }

  /** What {@link AnswerLease.grow} waits for. */
  describe(): Wait {
    return this.#memory.describe(this.requester);
  }

  /** The answer was read to its end. */
  readWhole(): void {
    if (this.#users === 0 || this.#isWhole) return;
    this.#isWhole = true;
    this.#memory.readWhole(this);
  }

  /** Registers another user of the answer, which must call {@link AnswerLease.drop}. */
  use(): void {
    this.#users += 1;
  }

  /** A user of the answer no longer needs it; after the last one its memory is free. */
  drop(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    if (this.#size < collectedBytes) this.#memory.giveBack(this);
    else setImmediate(() => this.#collect());
  }

  /** Once those who dropped the answer have returned, and nothing refers to it any more. */
  #collect(): void {
    Bun.gc(true);
    this.#memory.giveBack(this);
  }
}

/** The answers that a call uses. Their memory is free when the call drops them, and at its end at the latest. */
export class UsedAnswers implements Disposable {
  readonly #leases = new Set<AnswerLease>();
  #isOver = false;

  /** Uses an answer. Returns what drops it. */
  use(lease: AnswerLease): () => void {
    // Such as a read that a call began and did not wait for.
    if (this.#isOver) return () => undefined;
    lease.use();
    this.#leases.add(lease);
    return () => {
      if (this.#leases.delete(lease)) lease.drop();
    };
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    for (const lease of this.#leases) lease.drop();
    this.#leases.clear();
  }
}
