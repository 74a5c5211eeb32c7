import type { ProxmoxRequest } from "./client.ts";
import { type StartedTask, setsValues, taskStartedBy } from "./started-task.ts";
import type { Progress } from "./unanswered.ts";

/** A write of ours, and what is known of it. */
export interface SentWrite {
  readonly progress: Progress;
  /** What it changes: a guest as a whole, or else its path. */
  readonly thing: string;
  /** The task that it starts, if it starts one. */
  readonly task: StartedTask | undefined;
  /** Whether its values can be read again where it set them. */
  readonly setsValues: boolean;
  /** The digest that the configuration had before it was sent, where that is known. */
  readonly digest: string | undefined;
  /** `open` until it is answered; `lost` when nobody can tell what became of it; `settled` when it is known. */
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

/** So many configurations' digests are remembered. */
const mostDigests = 1_000;

/** What this server has sent to one cluster of late: a task that is another write's own is not to be taken for a lost one's. */
export class SentWrites {
  readonly #writes = new Set<SentWrite>();
  /** By path, as they were read last. */
  readonly #digests = new Map<string, string>();

  /** A write is about to be sent. */
  begin(request: ProxmoxRequest): SentWrite {
    const given = request.params?.["digest"];
    const write: SentWrite = {
      thing: thingOf(request),
      progress: { stage: "waiting" },
      task: taskStartedBy(request),
      setsValues: setsValues(request),
      digest: typeof given === "string" ? given : this.#digests.get(keyOf(request.path)),
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

  /** Nobody knows what became of it. */
  lose(write: SentWrite): void {
    this.#end(write, "lost");
  }

  /**
   * A configuration was read.
   * @param sentAt when that was asked, by `performance.now()`: what a write was under way on meanwhile, or a lost one may
   * still change, is remembered as neither the one nor the other.
   */
  saw({ path, params }: ProxmoxRequest, data: unknown, sentAt: number): void {
    if (Object.keys(params ?? {}).length > 0 || typeof data !== "object" || data === null) return;
    const { digest } = data as Readonly<Record<string, unknown>>;
    if (typeof digest !== "string") return;
    const key = keyOf(path);
    const isUnsteady = [...this.#writes].some(({ thing, state, ended = Number.POSITIVE_INFINITY }) => {
      return isPartOf(key, thing) && (state !== "settled" || ended >= sentAt);
    });
    if (isUnsteady) return;
    this.#digests.delete(key);
    this.#digests.set(key, digest);
    const [oldest] = this.#digests.keys();
    if (this.#digests.size > mostDigests && oldest !== undefined) this.#digests.delete(oldest);
  }

  /** Whether a task is known to be some other write's own. */
  isTaken(upid: string): boolean {
    return [...this.#writes].some((write) => write.upid === upid);
  }

  /** Other writes that may have started the same task, as far as is known. */
  rivals(write: SentWrite): readonly SentWrite[] {
    const { task } = write;
    if (task === undefined) return [];
    return [...this.#writes].filter((other) => {
      return other !== write && other.state !== "settled" && other.task !== undefined && overlap(task, other.task);
    });
  }

  /** Whether other writes may have changed the same thing since this one was sent. */
  hasNeighbours(write: SentWrite): boolean {
    const since = write.progress.sentAt ?? 0;
    return [...this.#writes].some((other) => {
      return other !== write && other.thing === write.thing && (other.ended === undefined || other.ended >= since);
    });
  }

  #end(write: SentWrite, state: "lost" | "settled"): void {
    write.state = state;
    write.ended = performance.now();
    this.#outdate(write.thing);
  }

  /** What was read of a thing before a write tells nothing of how it will be before the next one. */
  #outdate(thing: string): void {
    for (const path of this.#digests.keys()) if (isPartOf(path, thing)) this.#digests.delete(path);
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

function overlap(one: StartedTask, other: StartedTask): boolean {
  const share = (a: readonly string[], b: readonly string[]) => a.some((each) => b.includes(each));
  return one.node === other.node && share(one.types, other.types) && share(one.ids, other.ids);
}
