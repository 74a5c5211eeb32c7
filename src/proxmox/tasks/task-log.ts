import type { ProxmoxAnswer } from "../answers/answer.ts";
import type { ClockOffset } from "../clock.ts";
import type { ProxmoxRequest } from "../request.ts";
import { NodeClock } from "./node-clock.ts";
import type { StartedTask } from "./task-types.ts";
import { parseUpid, type Upid, workerOf } from "./upid.ts";

/** A task as its node's list has it. */
export interface ListedTask extends Upid {
  readonly upid: string;
  /** Its process, the same as in entries of the cluster log. */
  readonly pid: number;
  /** `undefined` while it runs; else `OK`, `WARNINGS: n` or the error. */
  readonly exitstatus: string | undefined;
}

/** Which tasks may be a write's own. */
export interface Sought {
  readonly task: StartedTask;
  /** As tasks name it, `mcp@pve!agent`. */
  readonly token: string;
  /** When the write left, by `performance.now()`. */
  readonly sentAt: number;
  /** From when on other tasks of the token are of interest, by `performance.now()`; earlier than `sentAt`. */
  readonly from: number;
  /** The clocks of the endpoints as they were before it left, by URL. */
  readonly clocks: ReadonlyMap<string, ClockOffset>;
}

/** The tasks of the right type, subject and token. */
export interface FoundTasks {
  /** Begun after the write was sent and before the list was read. */
  readonly during: readonly ListedTask[];
  /** Begun within the uncertainty of the clocks. */
  readonly near: readonly ListedTask[];
  /** Whether a clock was set between the write and now, so that no start time proves anything. */
  readonly stepped: boolean;
  /** All tasks of the token since `Sought.from`. */
  readonly recent: readonly ListedTask[];
}

/** How many tasks are read at most: far more than start on a node while a write is looked for. */
const maxTasks = 500;

/**
 * The tasks of one node. A task's start is compared with two clocks of that node: the wall clock (`starttime`), and the
 * time since boot (`pstart`), which cannot be set. Without Sys.Audit on the node, with the `Date` of its answers.
 */
export class TaskLog {
  readonly #node: string;
  readonly #send: (request: ProxmoxRequest) => Promise<ProxmoxAnswer>;
  readonly #within: Pick<ProxmoxRequest, "signal" | "timeoutMs">;
  readonly #clock: NodeClock;

  constructor(
    node: string,
    send: (request: ProxmoxRequest) => Promise<ProxmoxAnswer>,
    within: Pick<ProxmoxRequest, "signal" | "timeoutMs">,
  ) {
    this.#node = node;
    this.#send = send;
    this.#within = within;
    this.#clock = new NodeClock(node, send, within);
  }

  /** The tasks that a write may have started; `undefined` when the list or every clock is unreadable. */
  async find({ task, token, sentAt, from, clocks }: Sought): Promise<FoundTasks | undefined> {
    const earliest = await this.#clock.earliest(from);
    const params = { source: "all", limit: maxTasks, ...(earliest !== undefined && { since: earliest - 1 }) };
    const path = ["nodes", this.#node, "tasks"];
    const askedAt = performance.now();
    const answer = await this.#send({ method: "GET", path, params, ...this.#within }).catch(() => undefined);
    if (answer === undefined || !Array.isArray(answer.data)) return undefined;
    const window = await this.#clock.window({ sentAt, clocks }, answer, askedAt);
    if (window === undefined) return undefined;
    const tasks = distinct(answer.data.flatMap((row: unknown) => taskIn(row)));
    const ofToken = tasks.filter(({ node, user }) => node === task.node && user === token);
    const own = ofToken.filter(({ id, type }) => task.ids.includes(id) && task.types.includes(type));
    const since = window.latest(from);
    const dated = own.map((each) => [each, window.date(each.starttime, workerOf(each.upid)?.sinceBoot)] as const);
    return {
      during: dated.flatMap(([each, when]) => (when === "during" ? [each] : [])),
      near: dated.flatMap(([each, when]) => (when === "near" ? [each] : [])),
      recent: ofToken.filter(({ starttime }) => starttime > since),
      stepped: window.stepped || dated.some(([, when]) => when === "contradiction"),
    };
  }
}

function taskIn(row: unknown): ListedTask[] {
  const { upid, status, endtime } = (typeof row === "object" && row !== null ? row : {}) as Record<string, unknown>;
  if (typeof upid !== "string") return [];
  const [parts, worker] = [parseUpid(upid), workerOf(upid)];
  if (parts === undefined || worker === undefined) return [];
  const hasEnded = endtime !== undefined && typeof status === "string";
  return [{ ...parts, upid, pid: worker.pid, exitstatus: hasEnded ? status : undefined }];
}

/** A task that ends while the list is read may stand among the active and among the archived ones. */
function distinct(tasks: readonly ListedTask[]): ListedTask[] {
  const byUpid = new Map<string, ListedTask>();
  for (const task of tasks) {
    if (byUpid.get(task.upid)?.exitstatus === undefined) byUpid.set(task.upid, task);
  }
  return [...byUpid.values()];
}
