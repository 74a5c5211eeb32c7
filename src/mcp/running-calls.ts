import { SdkError } from "@modelcontextprotocol/server";
import type { Caller } from "../policy/caller.ts";
import { Cancellation } from "../proxmox/cancellation.ts";

/** What a running call is given. */
export interface CallScope {
  /** Aborted when the client cancels the call, or with a {@link Cancellation} when this server ends it. */
  readonly signal: AbortSignal;
  /** Aborted when the server stops: waits for tasks and for humans then end early. */
  readonly stopping: AbortSignal;
  /** The names of the clusters that the call has used so far. */
  readonly clusters: Set<string>;
}

interface RunningCall extends Pick<CallScope, "clusters"> {
  readonly caller: Caller;
  readonly controller: AbortController;
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
    const call = { caller, controller, clusters: new Set<string>() };
    this.#running.add(call);
    try {
      return await work({
        signal: controller.signal,
        stopping: this.#stopping.signal,
        clusters: call.clusters,
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
   * Ends the calls for which there is a reason, a clause such as `the server stopped`.
   * @returns how many.
   */
  cancel(
    reasonOf: (call: { readonly caller: Caller; readonly clusters: ReadonlySet<string> }) => string | undefined,
  ): number {
    let cancelled = 0;
    for (const call of this.#running) {
      const reason = reasonOf(call);
      if (reason === undefined || call.controller.signal.aborted) continue;
      call.controller.abort(new Cancellation(reason));
      cancelled += 1;
    }
    return cancelled;
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
