import { SdkError } from "@modelcontextprotocol/server";
import type { Caller } from "../policy/callers/caller.ts";
import { Cancellation } from "../proxmox/cancellation.ts";

/** What a running call is given. */
export interface CallScope {
  /** Aborted when the client cancels the call, or with a {@link Cancellation} when this server ends it. */
  readonly signal: AbortSignal;
  /** Aborted when the server stops: waits for tasks and for humans then end early. */
  readonly stopping: AbortSignal;
  /**
   * Notes that the call uses a cluster.
   * @throws {Cancellation} when a reload has removed that cluster since the call began.
   */
  readonly use: (cluster: string) => void;
}

/** Why a call must end, as a clause such as `the server stopped`; `undefined` when it may go on. */
export type ReasonToEnd = (caller: Caller, clusters: Iterable<string>) => string | undefined;

interface RunningCall {
  readonly caller: Caller;
  readonly controller: AbortController;
  /** The clusters that it has used so far. */
  readonly clusters: Set<string>;
  /** Conditions that it passed so far; checked again for every further cluster that it uses. */
  readonly judgedBy: ReasonToEnd[];
}

/** The tool calls that this process runs, on all transports: what a shutdown waits for and a reload may end. */
export class RunningCalls {
  readonly #running = new Set<RunningCall>();
  readonly #stopping = new AbortController();
  #changed = Promise.withResolvers<void>();

  /** How many calls run, their answers not yet handed to the transport included. */
  get size(): number {
    return this.#running.size;
  }

  /** Whether {@link stop} was called: no new call may begin. */
  get isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Runs a call of a client, whose signal ends it. */
  async run<T>(caller: Caller, client: AbortSignal, work: (scope: CallScope) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    const cancel = () => {
      // A client that is gone while the server stops does not cancel what the server promised to let finish.
      if (!(this.isStopping && client.reason instanceof SdkError)) controller.abort(client.reason);
    };
    if (client.aborted) cancel();
    client.addEventListener("abort", cancel, { once: true });
    const call: RunningCall = { caller, controller, clusters: new Set(), judgedBy: [] };
    this.#running.add(call);
    try {
      return await work({
        signal: controller.signal,
        stopping: this.#stopping.signal,
        use: (cluster) => {
          call.clusters.add(cluster);
          for (const reasonOf of call.judgedBy) end(call, reasonOf(caller, [cluster]));
          controller.signal.throwIfAborted();
        },
      });
    } finally {
      client.removeEventListener("abort", cancel);
      // The SDK hands the answer to the transport in microtasks after this one.
      setImmediate(() => this.#end(call));
    }
  }

  /** Refuses new calls, and ends the waits of those that run. */
  stop(): void {
    this.#stopping.abort();
  }

  /**
   * Ends the calls for which there is a reason, now or once they use another cluster.
   * @returns how many ended now.
   */
  cancel(reasonOf: ReasonToEnd): number {
    let ended = 0;
    for (const call of this.#running) {
      if (call.controller.signal.aborted) continue;
      call.judgedBy.push(reasonOf);
      if (end(call, reasonOf(call.caller, call.clusters))) ended += 1;
    }
    return ended;
  }

  /** Resolves when no call runs that fits; without a condition, when none does. */
  async settled(fits: (caller: Caller) => boolean = () => true): Promise<void> {
    while ([...this.#running].some(({ caller }) => fits(caller))) await this.#changed.promise;
  }

  #end(call: RunningCall): void {
    this.#running.delete(call);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

function end({ controller }: RunningCall, reason: string | undefined): boolean {
  if (reason === undefined) return false;
  controller.abort(new Cancellation(reason));
  return true;
}
