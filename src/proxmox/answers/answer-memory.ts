import { TransportError } from "../errors/proxmox-error.ts";
import type { Wait } from "../errors/transport-errors.ts";
import { type AnswerWeight, maxKeys, weightOf } from "./answer-weight.ts";

/** The setting that {@link AnswerMemory} is made with, for messages. */
const setting = "MCP_ANSWER_MEMORY_MIB";

/**
 * The most that one answer may weigh, in bytes, however much memory there is: to parse, redact and format more would
 * hold up all other calls for seconds.
 */
const heaviestAnswer = 256 * 1024 * 1024;

/** How long an answer may be silent while others wait for its memory, in milliseconds. */
const silentMs = 5_000;

/** What must arrive of an answer within {@link silentMs}, lest it count as silent: 64 KiB, in bytes of weight. */
const leastProgress = 64 * 1024 * weightOf.byte;

/** The first bytes of each answer, which never wait: most answers are smaller, and large ones do not delay them. */
export const unlimitedBytes = 64 * 1024;

/**
 * From this weight on an answer's memory counts as free only after a garbage collection, in bytes: the runtime lets
 * garbage grow to several times what is in use. 60 reads of 14 MB took 800 MiB without it and 450 MiB with it (measured).
 * It takes some 50 ms; to parse and format such an answer takes ten times as long.
 */
const collectedBytes = 32 * 1024 * 1024;

/** The part of the memory that one requester's answers may take; the rest is left for others. */
const shareOfRequester = 3 / 4;

/** The part of the memory that one cluster's answers may take where there are so many clusters. */
export function clusterShareOf(clusters: number): number {
  return clusters > 1 ? 1 / 2 : 1;
}

/** Whose answer takes memory. */
export interface AnswerOwner {
  readonly requester: string;
  readonly cluster: string;
  /** See {@link clusterShareOf}. */
  readonly clusterShare: number;
}

/** The time, for what waits for it. */
export interface Timing {
  /** In milliseconds, never going back. */
  now(): number;
  /** Runs something after so many milliseconds. Returns what prevents it. */
  after(ms: number, run: () => void): () => void;
}

const realTime: Timing = {
  now: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

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
 * answer, and the first bytes of each. An answer that is silent while others wait for what it has taken is ended.
 */
export class AnswerMemory {
  readonly #limit: number;
  #used = 0;
  /** Of `#used`, what answers take that were read to their end. */
  #usedWhole = 0;
  readonly #usedBy = new Map<string, number>();
  readonly #usedByCluster = new Map<string, number>();
  readonly #waiting = new Set<Waiting>();
  /** Those that can be ended. */
  readonly #halfRead = new Set<AnswerLease>();
  readonly #time: Timing;
  #stopWatch: () => void = () => undefined;
  /** The answer that may exceed the limit. */
  #exempt: AnswerLease | undefined;
  #leases = 0;

  /** @param limit in bytes; 256 MiB. */
  constructor(limit = 256 * 1024 * 1024, time = realTime) {
    this.#limit = limit;
    this.#time = time;
  }

  /** Memory for an answer; nothing of it is taken yet. */
  lease(owner: AnswerOwner): AnswerLease {
    this.#leases += 1;
    return new AnswerLease(this, owner, this.#leases, this.#time);
  }

  /**
   * For the lease: refuses JSON that is heavier than one answer may be, or has too many different keys.
   * @param bytes of it that were read.
   * @throws TransportError `too-large`
   */
  limit(weight: AnswerWeight, bytes: number): void {
    const most = Math.min(heaviestAnswer, this.#limit);
    // The page of an API schema weighs 16 MiB, as much as the smallest memory, and is not parsed as a whole.
    const isHeavy = weight.isJson && weight.total > most;
    if (!isHeavy && !weight.hasTooManyKeys) return;
    const higher = isHeavy && most < heaviestAnswer ? `, or set ${setting} higher` : "";
    const excess = isHeavy ? `takes more than ${mib(most)} MiB of memory` : `has more than ${maxKeys} different keys`;
    throw new TransportError({
      kind: "too-large",
      sent: "answered",
      what: `the answer ${excess} and was not read further: its first ${bytes} bytes hold ${weight.describe()}`,
      hint: `Ask for less: a narrower path, a filter, or the endpoint's own limit and start parameters${higher}.`,
    });
  }

  /** For the lease: its answer begins to arrive, and may be ended. */
  begin(lease: AnswerLease): void {
    this.#halfRead.add(lease);
  }

  /** For the lease: it has taken so much more. */
  take(lease: AnswerLease, bytes: number): void {
    this.#used += bytes;
    if (lease.isWhole) this.#usedWhole += bytes;
    this.#count(lease.owner, bytes);
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
    lease.isWaiting = true;
    signal.addEventListener("abort", giveUp, { once: true });
    if (signal.aborted) giveUp();
    this.#startWaiting();
    try {
      await promise;
    } finally {
      lease.isWaiting = false;
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
    this.#halfRead.delete(lease);
    this.#endExemption(lease);
  }

  /** For the lease: its last user has dropped it. */
  giveBack(lease: AnswerLease): void {
    const { owner, size, isWhole } = lease;
    this.#used -= size;
    if (isWhole) this.#usedWhole -= size;
    this.#count(owner, -size);
    this.#halfRead.delete(lease);
    this.#endExemption(lease);
  }

  /** What an answer of this owner waits for. */
  describe({ requester, cluster, clusterShare }: AnswerOwner): Wait {
    const ofOwn = mib(this.#usedBy.get(requester) ?? 0);
    const ofCluster = mib(this.#usedByCluster.get(cluster) ?? 0);
    const [all, limit, most, maxOfCluster] = [
      this.#used,
      this.#limit,
      this.#limit * shareOfRequester,
      this.#limit * clusterShare,
    ].map(mib);
    const others = clusterShare < 1 ? `, those of cluster ${cluster} ${ofCluster} (at most ${maxOfCluster})` : "";
    return {
      what: `memory: answers being read or in use take ${all} of ${limit} MiB, those of caller ${requester} ${ofOwn} (at most ${most}; ${setting})${others}`,
      hint: "Request less at a time, or retry later.",
    };
  }

  #count({ requester, cluster }: AnswerOwner, bytes: number): void {
    addTo(this.#usedBy, requester, bytes);
    addTo(this.#usedByCluster, cluster, bytes);
  }

  #endExemption(lease: AnswerLease): void {
    if (this.#exempt === lease) this.#exempt = undefined;
    this.#startWaiting();
  }

  #fits(lease: AnswerLease, bytes: number): boolean {
    if (lease === this.#exempt) return this.#mayExceed(lease, bytes);
    return this.#lacking(lease, bytes) === undefined;
  }

  /** Whose memory leaves no room for so much more: that of all, of the same requester or of the same cluster. */
  #lacking({ owner }: AnswerLease, bytes: number): ((of: AnswerOwner) => boolean) | undefined {
    const { requester, cluster, clusterShare } = owner;
    const own = this.#usedBy.get(requester) ?? 0;
    if (own + bytes > this.#limit * shareOfRequester) return (of) => of.requester === requester;
    const ofCluster = this.#usedByCluster.get(cluster) ?? 0;
    if (ofCluster + bytes > this.#limit * clusterShare) return (of) => of.cluster === cluster;
    return this.#used + bytes > this.#limit ? () => true : undefined;
  }

  /** Only other half-read answers may be what leaves no room: those that are in use will be dropped. */
  #mayExceed({ size }: AnswerLease, bytes: number): boolean {
    return this.#usedWhole === 0 || this.#usedWhole + size + bytes <= this.#limit;
  }

  #startWaiting(): void {
    this.#startThoseThatFit();
    this.#endSilent();
  }

  /**
   * Ends the answer that has been silent longest of those whose memory another one waits for. One at a time: the next
   * one only if that was not enough, which shows when its memory has come back.
   */
  #endSilent(): void {
    this.#stopWatch();
    const halfRead = [...this.#halfRead];
    if (this.#waiting.size === 0 || halfRead.some(({ ended }) => ended.aborted)) return;
    const inTheWay = [...this.#waiting].flatMap(({ lease, bytes }) => {
      const isLacking = this.#lacking(lease, bytes);
      return isLacking === undefined ? [] : halfRead.filter((one) => !one.isWaiting && isLacking(one.owner));
    });
    const [silent] = inTheWay.sort((a, b) => a.silentSince - b.silentSince);
    if (silent === undefined) return;
    const leftMs = silent.silentSince + silentMs - this.#time.now();
    if (leftMs > 0) this.#stopWatch = this.#time.after(leftMs, () => this.#endSilent());
    else silent.end();
  }

  /** The oldest answers first: what they have taken comes back soonest. */
  #startThoseThatFit(): void {
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
    waiting.lease.isWaiting = false;
    waiting.lease.take(waiting.bytes);
    waiting.start();
  }
}

function addTo(sums: Map<string, number>, key: string, bytes: number): void {
  const sum = (sums.get(key) ?? 0) + bytes;
  if (sum === 0) sums.delete(key);
  else sums.set(key, sum);
}

/** The memory of one answer, from its first byte until its last user has dropped it. */
export class AnswerLease {
  readonly owner: AnswerOwner;
  /** In the order in which they began. */
  readonly number: number;
  /** Whether its next part waits for memory. Set by {@link AnswerMemory}. */
  isWaiting = false;
  readonly #memory: AnswerMemory;
  readonly #time: Timing;
  readonly #end = new AbortController();
  #size = 0;
  #users = 1;
  #isWhole = false;
  #silentSince: number;
  /** What has arrived since then. */
  #progress = 0;

  constructor(memory: AnswerMemory, owner: AnswerOwner, number: number, time: Timing) {
    this.#memory = memory;
    this.owner = owner;
    this.number = number;
    this.#time = time;
    this.#silentSince = time.now();
  }

  /** Aborted with a TransportError when the answer must not be read further. */
  get ended(): AbortSignal {
    return this.#end.signal;
  }

  /** Since when next to nothing of it has arrived, by the memory's clock. */
  get silentSince(): number {
    return this.#silentSince;
  }

  /** Refuses an answer that is heavier than one may be; see {@link AnswerMemory.limit}. */
  limit(weight: AnswerWeight, bytes: number): void {
    this.#memory.limit(weight, bytes);
  }

  /** Its answer begins to arrive. From now on it is ended when it is silent while others wait for its memory. */
  begin(): void {
    if (this.#users === 0 || this.#isWhole) return;
    this.#silentSince = this.#time.now();
    this.#memory.begin(this);
  }

  /** Ends it: others wait for its memory. */
  end(): void {
    const seconds = Math.floor((this.#time.now() - this.#silentSince) / 1000);
    this.#end.abort(
      new TransportError({
        kind: "busy",
        sent: "answered",
        what: `its answer was ended after ${seconds} s of silence, because others waited for its memory`,
        hint: "The endpoint began to answer and then sent next to nothing: check the node and the network to it, or request less at a time.",
      }),
    );
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
    this.#progress += bytes;
    if (this.#progress >= leastProgress) this.#noteProgress();
  }

  /**
   * Takes memory for another part of the answer.
   * @returns `undefined` when it was free, else what waits for it and throws the signal's reason when that is aborted.
   */
  grow(bytes: number, signal: AbortSignal): Promise<void> | undefined {
    if (!this.#memory.hasRoom(this, bytes)) return this.#wait(bytes, signal);
    this.take(bytes);
    return undefined;
  }

  /** The endpoint is not silent while nothing is read of it. */
  async #wait(bytes: number, signal: AbortSignal): Promise<void> {
    await this.#memory.wait(this, bytes, signal);
    this.#noteProgress();
  }

  #noteProgress(): void {
    this.#progress = 0;
    this.#silentSince = this.#time.now();
  }

  /** What {@link AnswerLease.grow} waits for. */
  describe(): Wait {
    return this.#memory.describe(this.owner);
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
