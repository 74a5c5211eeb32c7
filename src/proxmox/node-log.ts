import type { ProxmoxAnswer, ProxmoxRequest } from "./client.ts";
import type { StartedTask } from "./started-task.ts";
import { parseUpid } from "./upid.ts";

/** The time on a clock of the cluster, in seconds since 1970, and when that was read, by `performance.now()`. */
interface Clock {
  readonly seconds: number;
  readonly at: number;
  /** How far it may be from the node's own, in seconds. */
  readonly doubt: number;
}

/** How far the clocks of two nodes of a cluster are taken to be apart at most, in seconds. */
const apart = 5;

/** The tasks that one node's log has, and its clock, by which they are dated. */
export class NodeLog {
  readonly node: string;
  readonly #send: (request: ProxmoxRequest) => Promise<ProxmoxAnswer>;
  readonly #within: Pick<ProxmoxRequest, "signal" | "timeoutMs">;
  #clock: Clock | undefined;

  constructor(
    node: string,
    send: (request: ProxmoxRequest) => Promise<ProxmoxAnswer>,
    within: Pick<ProxmoxRequest, "signal" | "timeoutMs">,
  ) {
    this.node = node;
    this.#send = send;
    this.#within = within;
  }

  /** What the log has since a moment of ours, by `performance.now()`; `undefined` when it, or the time, cannot be read. */
  async since(moment: number): Promise<LogPart | undefined> {
    this.#clock ??= await this.#readClock();
    const known = this.#clock && secondOf(this.#clock, moment);
    const params = { source: "all", limit: mostTasks, ...(known !== undefined && { since: known - 1 }) };
    const answer = await this.#get(["tasks"], params);
    if (answer === undefined || !Array.isArray(answer.data)) return undefined;
    const clock = this.#clock ?? clockOf(answer);
    if (clock === undefined) return undefined;
    return {
      upids: answer.data.flatMap((row: unknown) => upidIn(row)),
      from: secondOf(clock, moment),
      doubt: clock.doubt,
      isWhole: answer.data.length < mostTasks && clock.doubt === 0,
    };
  }

  /** The node's own clock, where the token may read it (Sys.Audit on the node). */
  async #readClock(): Promise<Clock | undefined> {
    const data = (await this.#get(["time"], {}))?.data;
    const seconds = typeof data === "object" && data !== null ? (data as Record<string, unknown>)["time"] : undefined;
    return typeof seconds === "number" ? { seconds, at: performance.now(), doubt: 0 } : undefined;
  }

  async #get(rest: readonly string[], params: Record<string, string | number>): Promise<ProxmoxAnswer | undefined> {
    const request: ProxmoxRequest = { method: "GET", path: ["nodes", this.node, ...rest], params, ...this.#within };
    return await this.#send(request).catch(() => undefined);
  }
}

/** Part of a log: what began since a moment. */
interface LogPart {
  readonly upids: readonly string[];
  /** The second of the node's clock in which that moment was at the earliest. */
  readonly from: number;
  /** How far that may be from the truth, in seconds. */
  readonly doubt: number;
  /** Whether it has all that began since. */
  readonly isWhole: boolean;
}

/** So many tasks are read at most: far more than start on a node while a write is looked for. */
const mostTasks = 500;

/** Which tasks may be a write's own. */
export interface Sought {
  readonly task: StartedTask;
  /** As tasks name it, `mcp@pve!agent`. */
  readonly token: string;
  /** When the write left, by `performance.now()`. */
  readonly sentAt: number;
}

/** The tasks that fit, by their UPIDs. */
export type FoundTasks =
  | {
      /** Begun since the write was sent, or in the same second. */
      readonly after: readonly string[];
      /** Begun so shortly before that the clocks may be to blame. */
      readonly around: readonly string[];
      /** Begun since by the same token, and something else as far as is known. */
      readonly others: readonly string[];
      /** Whether that is all that began since. */
      readonly isWhole: boolean;
    }
  | { readonly trouble: true };

/** Looks for the task that a write started: by type, what it works on, who started it, and the node's own clock. */
export async function findTasks(log: NodeLog, { task, token, sentAt }: Sought): Promise<FoundTasks> {
  const read = await log.since(sentAt);
  if (read === undefined) return { trouble: true };
  const own = read.upids.flatMap((upid) => {
    const parts = parseUpid(upid);
    return parts?.node === task.node && parts.user === token ? [{ ...parts, upid }] : [];
  });
  const begun = (from: number, to: number, fits: boolean) =>
    own
      .filter(({ starttime }) => starttime >= from && starttime < to)
      .filter(({ type, id }) => (task.types.includes(type) && task.ids.includes(id)) === fits)
      .map(({ upid }) => upid);
  return {
    after: begun(read.from, Number.POSITIVE_INFINITY, true),
    around: begun(read.from - read.doubt, read.from, true),
    others: begun(read.from, Number.POSITIVE_INFINITY, false),
    isWhole: read.isWhole,
  };
}

/** The date of the node that was asked, which passed the question on to the one whose log it is. */
function clockOf({ date }: ProxmoxAnswer): Clock | undefined {
  return date && { seconds: date.getTime() / 1000, at: performance.now(), doubt: apart };
}

/** The second in which a moment of ours was at the earliest: the clock was read before its answer came, and shows whole seconds. */
function secondOf({ seconds, at }: Clock, moment: number): number {
  return Math.floor(seconds - (at - moment) / 1000);
}

function upidIn(row: unknown): string[] {
  const upid = typeof row === "object" && row !== null ? (row as Record<string, unknown>)["upid"] : undefined;
  return typeof upid === "string" ? [upid] : [];
}
