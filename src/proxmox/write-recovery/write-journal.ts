import type { ProxmoxAnswer } from "../answers/answer.ts";
import { type ClockOffset, offsetOf } from "../clock.ts";
import type { Progress } from "../errors/transport-errors.ts";
import type { Params } from "../params.ts";
import type { ProxmoxRequest } from "../request.ts";
import type { ListedTask } from "../tasks/task-log.ts";
import { type StartedTask, setsValues, taskStartedBy } from "../tasks/task-types.ts";
import { matchesConfig } from "./config-match.ts";

/** How a task is listed. */
type TaskIdentity = Pick<StartedTask, "node" | "types" | "ids">;

/** A write of ours, and what is known of it. */
export interface SentWrite {
  readonly progress: Progress;
  /** What it changes: a guest as a whole, or else its path. */
  readonly thing: string;
  /** The task that it starts, if it starts one; without parameters, which may hold secrets. */
  readonly task: TaskIdentity | undefined;
  /** Whether its values can be read again where it set them. */
  readonly setsValues: boolean;
  /** Whether the configuration had all values already before it was sent, where that is known. */
  readonly wasSet: boolean | undefined;
  /** Method, path and parameters, hashed: they may hold secrets. */
  readonly fingerprint: bigint;
  /** Each parameter and its value, hashed. */
  readonly values: ReadonlySet<bigint>;
  /** The clocks of the endpoints as last read before it was sent, by URL. */
  readonly clocks: ReadonlyMap<string, ClockOffset>;
  /** `open` until it is answered; `lost` when it is unknown what became of it; `settled` when it is known. */
  state: "open" | "lost" | "settled";
  /** The task that is known to be its own. */
  upid?: string;
  /** When it began, and when it was settled or lost, by `performance.now()`. */
  readonly began: number;
  ended?: number;
}

/** How long a lost write counts, in milliseconds: a daemon that was frozen may carry it out late. */
const lostMs = 10 * 60_000;
/** How long a settled one counts at least, in milliseconds; and as long as a write is open that began before its end. */
const settledMs = 2 * 60_000;

/** How many configurations are remembered, and how long each may be as JSON. */
const [maxConfigs, maxConfigLength] = [200, 32_768];

/** The writes that this server sent to one cluster in the last minutes, so that no task of one is taken for another's. */
export class WriteJournal {
  readonly #writes = new Set<SentWrite>();
  readonly #startedAt = performance.now();
  /** By path, as they were read last. */
  readonly #configs = new Map<string, Readonly<Record<string, unknown>>>();
  /** By the endpoint's URL. */
  #clocks: ReadonlyMap<string, ClockOffset> = new Map();

  /** A write is about to be sent. */
  begin(request: ProxmoxRequest): SentWrite {
    const before = this.#configs.get(keyOf(request.path));
    const write: SentWrite = {
      thing: thingOf(request),
      progress: { stage: "waiting" },
      task: identityOf(taskStartedBy(request)),
      setsValues: setsValues(request),
      wasSet: before && matchesConfig(before, request.params ?? {}),
      fingerprint: hashOf([request.method, request.path, sorted(request.params)]),
      values: new Set(sorted(request.params).map(hashOf)),
      clocks: this.#clocks,
      state: "open",
      began: performance.now(),
    };
    this.#prune();
    this.#writes.add(write);
    this.#outdate(write.thing);
    return write;
  }

  /** It is known what became of it. */
  settle(write: SentWrite, upid?: string): void {
    this.#end(write, "settled");
    if (upid !== undefined) write.upid = upid;
  }

  /** It is unknown what became of it. */
  lose(write: SentWrite): void {
    this.#end(write, "lost");
  }

  /**
   * A configuration was read.
   * @param sentAt when that was asked, by `performance.now()`: what a write was under way on meanwhile, or a lost one may
   * still change, is remembered as neither the one nor the other.
   */
  saw({ path, params }: ProxmoxRequest, data: unknown, sentAt: number): void {
    if (Object.keys(params ?? {}).length > 0 || !isObject(data) || !setsValues({ method: "PUT", path })) return;
    const key = keyOf(path);
    const isUnsteady = [...this.#writes].some(({ thing, state, ended = Number.POSITIVE_INFINITY }) => {
      return isPartOf(key, thing) && (state !== "settled" || ended >= sentAt);
    });
    this.#configs.delete(key);
    if (isUnsteady || JSON.stringify(data).length > maxConfigLength) return;
    this.#configs.set(key, data);
    const [oldest] = this.#configs.keys();
    if (this.#configs.size > maxConfigs && oldest !== undefined) this.#configs.delete(oldest);
  }

  /** An endpoint answered a request that was sent at a moment of `performance.now()`: its `Date` is its clock. */
  sawClock({ endpoint, date }: ProxmoxAnswer, sentAt: number): void {
    if (date === undefined) return;
    const offset = offsetOf(date.getTime() / 1000, sentAt, performance.now());
    // A write keeps the map that it began with.
    this.#clocks = new Map(this.#clocks).set(endpoint, offset);
  }

  /** Whether a task is known to be some other write's own. */
  isTaken(upid: string): boolean {
    return [...this.#writes].some((write) => write.upid === upid);
  }

  /** From when on every task of an answered write is known here, by `performance.now()`. */
  get knownSince(): number {
    return Math.max(this.#startedAt, performance.now() - settledMs);
  }

  /** Whether a task is known as an answered write's own, or may be that of one whose answer is missing. */
  mayBeOurs({ upid, node, type, id }: ListedTask): boolean {
    return [...this.#writes].some(({ state, task, upid: own }) => {
      if (own === upid) return true;
      return state !== "settled" && task?.node === node && task.types.includes(type) && task.ids.includes(id);
    });
  }

  /** Other writes that may have started the same task, as far as is known. */
  rivals(write: SentWrite): readonly SentWrite[] {
    const { task } = write;
    if (task === undefined) return [];
    return [...this.#writes].filter((other) => {
      return other !== write && other.state !== "settled" && other.task !== undefined && overlap(task, other.task);
    });
  }

  /** Other requests, to the letter the same, of which it is unknown what became. */
  repeats(write: SentWrite): readonly SentWrite[] {
    return this.rivals(write).filter(({ fingerprint }) => fingerprint === write.fingerprint);
  }

  /** Whether another write may have set the same values since this one was sent, or in the same second. */
  hasTwin(write: SentWrite): boolean {
    const since = (write.progress.sentAt ?? 0) - 2_000;
    return [...this.#writes].some((other) => {
      const isMeanwhile = other.ended === undefined || other.ended >= since;
      return other !== write && isMeanwhile && other.thing === write.thing && write.values.isSubsetOf(other.values);
    });
  }

  #end(write: SentWrite, state: "lost" | "settled"): void {
    write.state = state;
    write.ended = performance.now();
    this.#outdate(write.thing);
  }

  /** What was read of a thing before a write tells nothing of how it will be before the next one. */
  #outdate(thing: string): void {
    for (const path of this.#configs.keys()) if (isPartOf(path, thing)) this.#configs.delete(path);
  }

  /** They stand in the order in which they began, so the first young one ends the search; lost ones are few. */
  #prune(): void {
    const now = performance.now();
    // The first one is the oldest, too.
    const open = this.#writes.values().find(({ state }) => state === "open");
    for (const write of this.#writes) {
      const { ended = now } = write;
      const isOld = now - ended > (write.state === "lost" ? lostMs : settledMs);
      if (isOld && (open === undefined || open.began > ended)) this.#writes.delete(write);
      else if (write.state === "settled") return;
    }
  }
}

/** Paths are written as JSON, so a part begins as the whole does, up to the closing bracket. */
function isPartOf(path: string, thing: string): boolean {
  return path === thing || path.startsWith(`${thing.slice(0, -1)},`);
}

function keyOf(path: readonly string[]): string {
  return JSON.stringify(path);
}

function thingOf({ path }: ProxmoxRequest): string {
  const isGuest = path[0] === "nodes" && (path[2] === "qemu" || path[2] === "lxc");
  return keyOf(isGuest ? path.slice(0, 4) : path);
}

function identityOf(task: StartedTask | undefined): TaskIdentity | undefined {
  return task && { node: task.node, types: task.types, ids: task.ids };
}

function overlap(one: TaskIdentity, other: TaskIdentity): boolean {
  const share = (a: readonly string[], b: readonly string[]) => a.some((each) => b.includes(each));
  return one.node === other.node && share(one.types, other.types) && share(one.ids, other.ids);
}

function sorted(params: Params | undefined): readonly (readonly [string, unknown])[] {
  return Object.entries(params ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

function hashOf(value: unknown): bigint {
  return BigInt(Bun.hash(JSON.stringify(value)));
}

function isObject(data: unknown): data is Readonly<Record<string, unknown>> {
  return typeof data === "object" && data !== null && !Array.isArray(data);
}
