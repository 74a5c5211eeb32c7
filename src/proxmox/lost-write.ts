import { setTimeout as sleep } from "node:timers/promises";
import { Cancellation } from "./cancellation.ts";
import type { ProxmoxAnswer, ProxmoxRequest } from "./client.ts";
import type { ProxmoxError } from "./errors.ts";
import { findTasks, NodeLog, type Sought } from "./node-log.ts";
import { type ApiPath, formatPath } from "./path.ts";
import { hasValues } from "./same-values.ts";
import type { SentWrite, SentWrites } from "./sent-writes.ts";
import { parseUpid } from "./upid.ts";

/** A write that left, and whose answer did not come, not whole, or from somebody else. */
export interface LostWrite {
  readonly request: ProxmoxRequest;
  readonly write: SentWrite;
  readonly error: ProxmoxError;
}

/** How a lost write is looked for. */
export interface LookUpOptions {
  /** Sends a read. */
  readonly send: (request: ProxmoxRequest) => Promise<ProxmoxAnswer>;
  readonly writes: SentWrites;
  /** As tasks name it, `mcp@pve!agent`. */
  readonly token: string;
  /**
   * How long it is looked for in vain before it counts as not done, in milliseconds. A connection that was closed tells
   * soon; after silence there is no telling when it is carried out, so a quarter is enough to find out that it was.
   */
  readonly forMs: number;
  /** How long one look may take, in milliseconds. */
  readonly readMs: number;
}

/** What became of it, with the reason in words. */
type Outcome =
  | { readonly done: true; readonly upid?: string; readonly how: string }
  | { readonly done: false; readonly how: string }
  | { readonly done: "unknown"; readonly how: string };

/** One look: an outcome, or nothing to be seen so far; then whether that is sure, and in words. */
type Seen = Outcome | { readonly done: "not yet"; readonly sure: boolean; readonly how: string };

type Look = () => Promise<Seen>;

/** Between two looks, in milliseconds; the last one over and over. */
const pausesMs = [50, 200, 500, 1_000, 2_000];

/**
 * Finds out what became of a write whose answer was lost, by its task or by the values that it set; it is never sent
 * again. An abort by its caller ends the search; when this server ended the call, one quick look tells whether its task
 * can be named.
 * @throws {ProxmoxError} the same one, that then says that it was not done, or what was looked for.
 */
export async function recover(lost: LostWrite, options: LookUpOptions): Promise<ProxmoxAnswer> {
  const { write, error } = lost;
  const outcome = await lookUp(lost, options);
  if (outcome === undefined || outcome.done === "unknown") {
    options.writes.lose(write);
    throw outcome === undefined ? error : error.withLookUp(outcome.how);
  }
  options.writes.settle(write, outcome.done ? outcome.upid : undefined);
  if (!outcome.done) throw error.withoutEffect(outcome.how);
  const recovered = `the answer was lost (${error.what}), but it was done: ${outcome.how}`;
  return { data: outcome.upid ?? null, extra: {}, endpoint: error.endpoint ?? "", recovered };
}

/** `undefined` where there is nothing to look at, or the caller gave up. */
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
  try {
    for (let round = 0; ; round++) {
      const left = until - performance.now();
      if (left <= 0) break;
      await sleep(Math.min(pausesMs[round] ?? 2_000, left), undefined, { signal });
      const seen = await look();
      if (seen.done !== "not yet") return seen;
    }
    return await lastLook(lost, options, look, wasClosed && (await isDaemonAwake(lost.request, options, signal)));
  } catch (error) {
    if (caller?.aborted) return undefined;
    throw error;
  }
}

/** How long the look takes at most that a call gets which this server ends, in milliseconds: clients kill it after 2 s. */
const onceMs = 300;

async function lookOnce(lost: LostWrite, options: LookUpOptions): Promise<Outcome | undefined> {
  const signal = AbortSignal.timeout(onceMs);
  const seen = await lookFor(lost, { ...options, readMs: onceMs }, signal)?.();
  return seen?.done === "not yet" ? { done: "unknown", how: `So far ${seen.how}.` } : seen;
}

/**
 * Nothing so far. That it will not happen any more is sure only where the connection was closed, longer ago than
 * Proxmox waits for a guest's lock (10 s), and the node's daemon that carries writes out is seen at work: one that is
 * frozen has it still before it.
 */
async function lastLook(
  { error }: LostWrite,
  { forMs }: LookUpOptions,
  look: Look,
  isAwake: boolean,
): Promise<Outcome> {
  const seen = await look();
  if (seen.done !== "not yet") return seen;
  if (isAwake && seen.sure) return { done: false, how: `${seen.how} ${Math.round(forMs / 1000)} s later` };
  const why = error.kind === "node-timeout" ? "once the node has come to itself" : "late";
  return { done: "unknown", how: `So far ${seen.how}; it may still be carried out ${why}.` };
}

/** A guest's current state is read by the same daemon that carries out what is written; the lists that are looked at are not. */
async function isDaemonAwake(
  { path }: ProxmoxRequest,
  { send, readMs: timeoutMs }: LookUpOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const guest = guestOf(path);
  if (guest === undefined) return false;
  return await send({ method: "GET", path: [...guest, "status", "current"], timeoutMs, signal }).then(
    () => true,
    () => false,
  );
}

function lookFor({ request, write }: LostWrite, options: LookUpOptions, signal: AbortSignal): Look | undefined {
  const { sentAt } = write.progress;
  const within = { timeoutMs: options.readMs, signal };
  if (write.task !== undefined && sentAt !== undefined) {
    return taskLook(write, { task: write.task, token: options.token, sentAt }, options, within);
  }
  return write.setsValues ? valuesLook(request, write, options, within) : undefined;
}

type Within = Required<Pick<ProxmoxRequest, "signal" | "timeoutMs">>;

function taskLook(write: SentWrite, sought: Sought, { send, writes }: LookUpOptions, within: Within): Look {
  const { task, token } = sought;
  const log = new NodeLog(task.node, send, within);
  const named = (types: readonly string[]) =>
    `${types.join(" or ")}${task.ids[0] ? ` of ${task.ids[0]}` : ""} by ${token}`;
  return async () => {
    const found = await findTasks(log, sought);
    if ("trouble" in found) return { done: "not yet", sure: false, how: `${task.node}'s task log could not be read` };
    const after = found.after.filter((upid) => !writes.isTaken(upid));
    const around = found.around.filter((upid) => !writes.isTaken(upid));
    const rivals = writes.rivals(write);
    const [only, ...others] = [...after, ...around];
    if (only === undefined) {
      // A task of the same token on the same thing that nobody asked for could be its own, under an unknown name.
      const sure = found.isWhole && found.others.every((upid) => writes.isTaken(upid));
      return { done: "not yet", sure, how: `${task.node}'s task log has no ${named(task.types)}` };
    }
    if (others.length === 0 && around.length === 0 && rivals.length === 0) {
      const type = parseUpid(only)?.type ?? "";
      const how = `${task.node}'s task log has one ${named([type])} since it was sent, taken for its own`;
      return { done: true, upid: only, how };
    }
    const upids = [only, ...others].join(", ");
    // One that is under way may yet be answered, and then it is known which task is whose.
    if (rivals.some(({ state }) => state === "open")) {
      return { done: "not yet", sure: false, how: `the same was asked for several times at once, and ${upids} fits` };
    }
    const why =
      others.length > 0
        ? "Several tasks fit, and nobody can tell which is its own"
        : rivals.length > 0
          ? "A task fits, and another request whose answer was lost may have started it as well"
          : "A task fits that may have begun before it was sent: the token may not read the node's clock (Sys.Audit)";
    return { done: "unknown", how: `${why}: ${upids}.` };
  };
}

function valuesLook(request: ProxmoxRequest, write: SentWrite, { send, writes }: LookUpOptions, within: Within): Look {
  const where = formatPath(request.path);
  return async () => {
    const values = await send({ method: "GET", path: request.path, ...within }).then(
      ({ data }) => data as Readonly<Record<string, unknown>> | null,
      () => undefined,
    );
    if (typeof values !== "object" || values === null) {
      return { done: "not yet", sure: false, how: `GET ${where} could not be read` };
    }
    if (hasValues(values, request.params ?? {})) return { done: true, how: `GET ${where} shows all that was sent` };
    const { digest } = values;
    if (write.digest === undefined || typeof digest !== "string") {
      return { done: "not yet", sure: false, how: `GET ${where} does not show all that was sent` };
    }
    if (digest !== write.digest) {
      const how = `GET ${where} was changed since, and does not show all that was sent in the same words.`;
      return { done: "unknown", how };
    }
    const sure = !writes.hasNeighbours(write);
    return { done: "not yet", sure, how: `GET ${where} has the digest that it had before` };
  };
}

function guestOf(path: ApiPath): ApiPath | undefined {
  const [first, , kind, vmid] = path;
  return first === "nodes" && (kind === "qemu" || kind === "lxc") && vmid !== undefined ? path.slice(0, 4) : undefined;
}
