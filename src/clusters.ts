import type { ClusterConfig } from "./config/types.ts";
import { didYouMean } from "./config/wording.ts";
import { ProxmoxClient, type ProxmoxClientOptions } from "./proxmox/client.ts";
import { isUnread, ProxmoxError } from "./proxmox/errors/proxmox-error.ts";
import type { Sender } from "./proxmox/request.ts";
import type { Requester } from "./proxmox/requester.ts";
import { abortable } from "./proxmox/transport/abortable.ts";

/** A request named no cluster where several exist, or one that does not exist. The message lists those that do. */
export class ClusterChoiceError extends Error {
  override readonly name = "ClusterChoiceError";

  /** @param names those to choose from: all that the asker may know of. */
  constructor(given: string | undefined, names: readonly string[]) {
    const wrong =
      given === undefined
        ? "Several clusters are configured and none was named."
        : `There is no cluster "${given.slice(0, 100)}".${didYouMean(given, names)}`;
    super(`${wrong} Pass cluster as one of: ${names.map((name) => `"${name}"`).join(", ")}.`);
  }
}

/** What is known of a cluster at one moment. */
export type ClusterState =
  | {
      readonly reachable: true;
      /** PVE version of the node that answered, `9.2.11`. */
      readonly version: string;
      /** Whether the cluster has quorum; a node without cluster always has; a sentence where the token may not see it. */
      readonly quorate: boolean | string;
      readonly nodesOnline: number;
      readonly nodes: number;
    }
  | { readonly reachable: false; readonly reason: string };

/** A cluster: how it is configured, and the client that talks to it. */
export interface Cluster {
  readonly name: string;
  readonly config: ClusterConfig;
  readonly client: ProxmoxClient;
}

/** How long a state is good for once it is known. Two questions of one conversation share it; an operator's second look does not. */
const stateMs = 2000;

/** Every configured cluster by name: picks the only one, never guesses between several, and knows how each one is. */
export class ClusterManager {
  readonly #clusters: ReadonlyMap<string, Cluster>;
  /** By cluster and requester. */
  readonly #states = new Map<string, Promise<ClusterState>>();

  /** `optionsOf` gives a cluster's client what is not configuration: the demo's own `fetch`. */
  constructor(clusters: readonly ClusterConfig[], optionsOf?: (name: string) => ProxmoxClientOptions) {
    this.#clusters = new Map(
      clusters.map((config) => [
        config.name,
        { name: config.name, config, client: new ProxmoxClient(config, optionsOf?.(config.name)) },
      ]),
    );
  }

  /** The clusters' names, in the order of the configuration. */
  get names(): readonly string[] {
    return [...this.#clusters.keys()];
  }

  /**
   * The cluster of that name; without a name the only one.
   * @throws {ClusterChoiceError} when there is no such cluster, or no name and several clusters.
   */
  pick(name: string | undefined): Cluster {
    if (name === undefined) {
      const [only, ...others] = this.#clusters.values();
      if (only !== undefined && others.length === 0) return only;
      throw new ClusterChoiceError(name, this.names);
    }
    const cluster = this.#clusters.get(name);
    if (cluster !== undefined) return cluster;
    throw new ClusterChoiceError(name, this.names);
  }

  /**
   * How a cluster is right now; an unreachable one is a state, too. Questions of one requester that come while one is
   * under way, or within two seconds of its end, share one look.
   * @throws the signal's reason when it is aborted; {ClusterChoiceError} for an unknown name; {ProxmoxError} when this
   * server did not ask: the requester has used up its requests (`rate-limited`) or slots (`busy`).
   */
  async state(name: string, requester: Requester, signal: AbortSignal): Promise<ClusterState> {
    signal.throwIfAborted();
    const key = JSON.stringify([name, requester.name]);
    let state = this.#states.get(key);
    if (state === undefined) {
      state = look(this.pick(name).client.senderFor(requester)).finally(() => {
        setTimeout(() => this.#states.delete(key), stateMs).unref();
      });
      this.#states.set(key, state);
    }
    // The look belongs to all of them: one asker's abort ends the waiting, not the look.
    return await abortable(signal, state);
  }

  /** Closes idle connections to all clusters. */
  close(): void {
    for (const { client } of this.#clusters.values()) client.close();
  }
}

/** What Proxmox's answer has under a key, if it is an object and that a string: the host that answers may not be Proxmox. */
function textIn(data: unknown, key: string): string | undefined {
  const value: unknown = typeof data === "object" && data !== null ? (data as Record<string, unknown>)[key] : undefined;
  return typeof value === "string" ? value : undefined;
}

async function look(client: Sender): Promise<ClusterState> {
  try {
    const [version, quorum, nodes] = await Promise.all([
      client.request({ method: "GET", path: ["version"] }),
      readQuorum(client),
      client.request({ method: "GET", path: ["nodes"] }),
    ]);
    const rows: readonly unknown[] = Array.isArray(nodes.data) ? nodes.data : [];
    return {
      reachable: true,
      version: textIn(version.data, "version") ?? "unknown",
      quorate: quorum,
      nodesOnline: rows.filter((node) => textIn(node, "status") === "online").length,
      nodes: rows.length,
    };
  } catch (error) {
    if (!(error instanceof ProxmoxError) || isUnread(error)) throw error;
    return { reachable: false, reason: error.describe() };
  }
}

/** `/cluster/status` needs Sys.Audit on `/`; a token without it still sees `/version` and the nodes. */
async function readQuorum(client: Sender): Promise<boolean | string> {
  try {
    const answer = await client.request({ method: "GET", path: ["cluster", "status"] });
    const rows = Array.isArray(answer.data) ? (answer.data as ({ type?: string; quorate?: number } | null)[]) : [];
    const cluster = rows.find((row) => row?.type === "cluster");
    // A node that belongs to no cluster has no such row, and needs no quorum.
    return cluster?.quorate !== 0;
  } catch (error) {
    if (error instanceof ProxmoxError && error.kind === "privilege") return "unknown: the token lacks Sys.Audit on /";
    throw error;
  }
}
