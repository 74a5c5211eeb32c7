import { setTimeout as sleep } from "node:timers/promises";
import type { ProxmoxAnswer } from "../answers/answer.ts";
import { Cancellation } from "../cancellation.ts";
import type { ProxmoxError } from "../errors/proxmox-error.ts";
import { formatPath } from "../path.ts";
import type { ProxmoxRequest } from "../request.ts";
import { NodeClock } from "../tasks/node-clock.ts";
import { type ListedTask, type Sought, TaskLog } from "../tasks/task-log.ts";
import { taskStartedBy } from "../tasks/task-types.ts";
import { isUnshown, matchesConfig } from "./config-match.ts";
import {
  clusterLogEntries,
  clusterLogRequest,
  type Ownership,
  ownershipOf,
  type Read,
  updateMessage,
} from "./task-evidence.ts";
import { howToCheck } from "./write-checks.ts";
import type { SentWrite, WriteJournal } from "./write-journal.ts";

/** A write that left, and whose answer did not come, came incomplete, or came from something other than Proxmox. */
export interface LostWrite {
  readonly request: ProxmoxRequest;
  readonly write: SentWrite;
  readonly error: ProxmoxError;
}

/** How a lost write is looked for. */
export interface LookUpOptions {
  /** Sends a read. */
  readonly send: (request: ProxmoxRequest) => Promise<ProxmoxAnswer>;
  readonly writes: WriteJournal;
  /** As tasks name it, `mcp@pve!agent`. */
  readonly token: string;
  /** How long it is looked for, in milliseconds; after silence a quarter of it, as there was time enough before. */
  readonly forMs: number;
  /** How long one read may take, in milliseconds. */
  readonly readMs: number;
}

/**
 * What became of it, with the reason in words. "Not done" is none of the outcomes: a write that left may be carried out
 * at any later time (see `howToCheck`), so only a connection that was never made, or Proxmox's own refusal, prove it.
 */
type Outcome =
  | { readonly word: "done"; readonly upid?: string; readonly how: string }
  | { readonly word: "unknown"; readonly how: string };

/** One look: an outcome, or nothing so far that settles it. */
type Seen = Outcome | { readonly word: "not yet"; readonly how: string };

type Look = () => Promise<Seen>;

/** Between two looks, in milliseconds; the last one over and over. */
const pausesMs = [20, 100, 400, 1_000, 2_000];

/** Of how many tasks the logs are read in one look. */
const maxCandidates = 8;

/**
 * Finds out what became of a write whose answer was lost, by its task or by the values that it set; it is never sent
 * again. An abort by its caller ends the search; when this server ended the call, one quick look tells whether its task
 * can be named.
 * @throws {ProxmoxError} the same one, that then says what was found and how to check.
 */
export async function recover(lost: LostWrite, options: LookUpOptions): Promise<ProxmoxAnswer> {
  const { request, write, error } = lost;
  // Whatever ends the search (an abort, an answer in an unknown form), the caller needs the write's own error.
  const outcome = await lookUp(lost, options).catch(() => undefined);
  if (outcome?.word !== "done") {
    options.writes.lose(write);
    const check = howToCheck({ request, task: taskStartedBy(request), setsValues: write.setsValues }, error.kind);
    throw error.withLookUp(outcome === undefined ? check : `${outcome.how} ${check}`);
  }
  options.writes.settle(write, outcome.upid);
  const recovered = `the answer was lost (${error.what}), but it was done: ${outcome.how}`;
  return { data: outcome.upid ?? null, extra: {}, endpoint: error.endpoint ?? "", recovered };
}

/**
 * `undefined` where nothing can be read.
 * @throws when the caller aborts, or an answer has an unknown form.
 */
async function lookUp(lost: LostWrite, options: LookUpOptions): Promise<Outcome | undefined> {
  if (lost.request.signal?.reason instanceof Cancellation) return await lookOnce(lost, options);
  const { signal: caller } = lost.request;
  const wasClosed = ["unreachable", "broken-answer"].includes(lost.error.kind);
  const forMs = wasClosed ? options.forMs : options.forMs / 4;
  const until = performance.now() + forMs;
  const limit = AbortSignal.timeout(Math.ceil(forMs + options.readMs));
  const signal = caller === undefined ? limit : AbortSignal.any([caller, limit]);
  const look = lookFor(lost, options, signal);
  if (look === undefined) return undefined;
  for (let round = 0; ; round++) {
    const left = until - performance.now();
    if (left > 0) await sleep(Math.min(pausesMs[round] ?? 2_000, left), undefined, { signal });
    const seen = await look();
    if (seen.word !== "not yet") return seen;
    if (left <= 0) return soFar(seen.how);
  }
}

/** How long the look takes at most that a call gets which this server ends, in milliseconds: clients kill it after 2 s. */
const onceMs = 300;

async function lookOnce(lost: LostWrite, options: LookUpOptions): Promise<Outcome | undefined> {
  const seen = await lookFor(lost, { ...options, readMs: onceMs }, AbortSignal.timeout(onceMs))?.();
  return seen?.word === "not yet" ? soFar(seen.how) : seen;
}

function soFar(how: string): Outcome {
  return { word: "unknown", how: `So far ${how}; it may still be carried out.` };
}

function lookFor({ request, write }: LostWrite, options: LookUpOptions, signal: AbortSignal): Look | undefined {
  const { sentAt } = write.progress;
  if (sentAt === undefined) return undefined;
  const within = { timeoutMs: options.readMs, signal };
  const { clocks } = write;
  const task = taskStartedBy(request);
  if (task !== undefined) {
    const from = Math.min(sentAt, options.writes.knownSince);
    return taskLook(write, { task, token: options.token, sentAt, from, clocks }, options, within);
  }
  return write.setsValues ? valuesLook(request, write, options, within) : undefined;
}

type Within = Required<Pick<ProxmoxRequest, "signal" | "timeoutMs">>;

function reader(send: LookUpOptions["send"], within: Within): Read {
  return async (path, params = {}) => {
    const request: ProxmoxRequest = { method: "GET", path, params, ...within };
    return await send(request).then(
      ({ data }) => data,
      () => undefined,
    );
  };
}

function taskLook(write: SentWrite, sought: Sought, { send, writes }: LookUpOptions, within: Within): Look {
  const { task, token } = sought;
  const log = new TaskLog(task.node, send, within);
  const read = reader(send, within);
  const named = (types: readonly string[]) =>
    `${types.join(" or ")}${task.ids[0] ? ` of ${task.ids[0]}` : ""} by ${token}`;
  const none: Seen = { word: "not yet", how: `${task.node}'s task log has no ${named(task.types)}` };
  return async () => {
    const found = await log.find(sought);
    if (found === undefined) return { word: "not yet", how: `${task.node}'s task log could not be read` };
    const free = ({ upid }: ListedTask) => !writes.isTaken(upid);
    const during = found.during.filter(free);
    const all = [...during, ...found.near.filter(free)];
    if (found.stepped) {
      const fits = all.length === 0 ? "" : ` ${names(all)} fits by its name.`;
      const why = "The clocks of the cluster were set since it was sent, or cannot be read, so no task can be dated.";
      return { word: "unknown", how: `${why}${fits}` };
    }
    if (all.length === 0) return none;
    if (all.length > maxCandidates)
      return { word: "unknown", how: `Too many tasks fit: ${names(all.slice(0, 3))}, ...` };
    const judged = await Promise.all(all.map(async (each) => [each, await ownershipOf(each, task, read)] as const));
    const left = judged.filter(([, whose]) => whose !== "foreign");
    const [only, ...others] = left;
    if (only === undefined) return { ...none, how: `${none.how} that shows what was sent` };
    return settle(only, others, {
      type: named([only[0].type]),
      near: !during.includes(only[0]),
      strangers: found.recent.filter((each) => !writes.mayBeOurs(each)),
      // What shows what was sent can be another's only if that asked for the very same.
      rivals: only[1] === "own" ? writes.repeats(write) : writes.rivals(write),
    });
  };
}

interface Doubts {
  readonly type: string;
  readonly near: boolean;
  /** Tasks of the token that this server did not start. */
  readonly strangers: readonly ListedTask[];
  readonly rivals: readonly SentWrite[];
}

type Judged = readonly [task: ListedTask, whose: Ownership];

function settle([only, whose]: Judged, others: readonly Judged[], { type, near, strangers, rivals }: Doubts): Seen {
  const upids = names([only, ...others.map(([task]) => task)]);
  // A write that is under way may yet be answered, and then it is known which task is whose.
  if (rivals.some(({ state }) => state === "open")) {
    return { word: "not yet", how: `the same was asked for several times at once, and ${upids} fits` };
  }
  if (others.length > 0) {
    return { word: "unknown", how: `Several tasks fit, and it cannot be told which is its own: ${upids}.` };
  }
  if (rivals.length > 0) {
    const why = "A task fits, and another request whose answer was lost may have started it as well";
    return { word: "unknown", how: `${why}: ${upids}.` };
  }
  if (near) {
    const why =
      "A task fits that may have begun before it was sent: the token may not read the node's clock (Sys.Audit)";
    return { word: "unknown", how: `${why}: ${upids}.` };
  }
  switch (whose) {
    case "pending":
      return { word: "not yet", how: `${upids} fits, but does not show yet what it was asked for` };
    case "unclear": {
      const why = "A task fits, but does not show all that was sent, and may be of another process with the same token";
      return { word: "unknown", how: `${why}: ${upids}.` };
    }
    case "equal": {
      // Nothing but who else uses the token tells such a task from that of the same request of another process.
      if (strangers.length > 0) {
        const why = `A task fits, but another process uses the token too (${names(strangers.slice(0, 3))}), and may have started it`;
        return { word: "unknown", how: `${why}: ${upids}.` };
      }
      const how = `${only.node}'s task log has one ${type} since it was sent, taken for its own`;
      return { word: "done", upid: only.upid, how };
    }
    default:
      return {
        word: "done",
        upid: only.upid,
        how: `${only.node}'s task log has one ${type} since it was sent, and it shows what was sent`,
      };
  }
}

function names(tasks: readonly ListedTask[]): string {
  return tasks.map(({ upid }) => upid).join(", ");
}

function valuesLook(request: ProxmoxRequest, write: SentWrite, options: LookUpOptions, within: Within): Look {
  const where = formatPath(request.path);
  const params = request.params ?? {};
  const read = reader(options.send, within);
  return async () => {
    const values = (await read(request.path)) as Readonly<Record<string, unknown>> | null | undefined;
    if (typeof values !== "object" || values === null) {
      return { word: "not yet", how: `GET ${where} could not be read` };
    }
    if (!matchesConfig(values, params)) {
      const how = `GET ${where} does not show all that was sent`;
      if (!isUnshown(params)) return { word: "not yet", how };
      return { word: "unknown", how: `${how}, and never will: part of it cannot be read.` };
    }
    if (options.writes.hasTwin(write)) {
      return {
        word: "unknown",
        how: `GET ${where} shows all that was sent, but another request of this server set the same.`,
      };
    }
    if (write.wasSet === false) {
      return { word: "done", how: `GET ${where} shows all that was sent, and did not before` };
    }
    if (await wasLogged(request, write, options, within)) {
      return { word: "done", how: `the cluster log has this change since it was sent, and GET ${where} shows it` };
    }
    const before = write.wasSet === true ? "and did so before" : "but may have done so before";
    const late = "nothing needs to be sent again for that, though this request may still be carried out";
    return { word: "unknown", how: `GET ${where} shows all that was sent, ${before}: ${late}.` };
  };
}

/**
 * Whether the cluster log has this very change since it was sent: Proxmox writes it under the guest's lock, with the
 * parameters as sent and the token's name.
 */
async function wasLogged(
  { path, params = {} }: ProxmoxRequest,
  { progress: { sentAt }, clocks }: SentWrite,
  { token, send }: LookUpOptions,
  within: Within,
): Promise<boolean> {
  const [, node = "", kind, vmid = "", what] = path;
  const message = updateMessage({ ...params, vmid });
  if (kind !== "qemu" || what !== "config" || message === undefined || sentAt === undefined) return false;
  const clock = new NodeClock(node, send, within);
  const askedAt = performance.now();
  const answer = await send({ ...clusterLogRequest, ...within }).catch(() => undefined);
  const window = answer && (await clock.window({ sentAt, clocks }, answer, askedAt));
  if (window === undefined || window.stepped || !window.steady) return false;
  return clusterLogEntries(answer?.data).some((entry) => {
    const isOurs = entry.node === node && entry.user === token && entry.msg === message;
    return isOurs && window.date(entry.time, undefined) === "during";
  });
}
