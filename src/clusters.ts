import { nearest } from "./config/nearest.ts";
import type { ClusterConfig } from "./config/types.ts";
import { ProxmoxClient, type ProxmoxClientOptions } from "./proxmox/client.ts";
import { ProxmoxError } from "./proxmox/errors.ts";

/** A request named no cluster where several exist, or one that does not exist. The message lists those that do. */
export class ClusterChoiceError extends Error {
  override readonly name = "ClusterChoiceError";
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

/** How long a state is good for. Two questions of one conversation share it; an operator's second look does not. */
const stateMs = 2000;

/** Every configured cluster by name: picks the only one, never guesses between several, and knows how each one is. */
export class ClusterManager {
  readonly #clusters: ReadonlyMap<string, Cluster>;
  readonly #states = new Map<string, { readonly until: number; readonly state: Promise<ClusterState> }>();

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
      throw new ClusterChoiceError(`Several clusters are configured and none was named. ${this.#valid()}`);
    }
    const cluster = this.#clusters.get(name);
    if (cluster !== undefined) return cluster;
    const near = nearest(name, this.names);
    const guess = near === undefined ? "" : ` Did you mean "${near}"?`;
    throw new ClusterChoiceError(`There is no cluster "${name}".${guess} ${this.#valid()}`);
  }

  /** How a cluster is right now; never throws but for an abort. Questions within two seconds share one look. */
  async state(name: string, signal?: AbortSignal): Promise<ClusterState> {
    signal?.throwIfAborted();
    const known = this.#states.get(name);
    if (known !== undefined && known.until > Date.now()) return await known.state;
    // The look belongs to all who ask for it, so one asker's abort must not end it.
    const state = look(this.pick(name));
    this.#states.set(name, { until: Date.now() + stateMs, state });
    return await state;
  }

  /** Closes idle connections to all clusters. */
  close(): void {
    for (const { client } of this.#clusters.values()) client.close();
  }

  #valid(): string {
    return `Pass cluster as one of: ${this.names.map((name) => `"${name}"`).join(", ")}.`;
  }
}

async function look({ client }: Cluster): Promise<ClusterState> {
  try {
    const [version, quorum, nodes] = await Promise.all([
      client.request({ method: "GET", path: ["version"] }),
      readQuorum(client),
      client.request({ method: "GET", path: ["nodes"] }),
    ]);
    const rows = nodes.data as readonly { status?: string }[];
    return {
      reachable: true,
      version: String((version.data as { version?: unknown }).version ?? "unknown"),
      quorate: quorum,
      nodesOnline: rows.filter((node) => node.status === "online").length,
      nodes: rows.length,
    };
  } catch (error) {
    if (!(error instanceof ProxmoxError)) throw error;
    return { reachable: false, reason: error.describe() };
  }
}

/** `/cluster/status` needs Sys.Audit on `/`; a token without it still sees `/version` and the nodes. */
async function readQuorum(client: ProxmoxClient): Promise<boolean | string> {
  try {
    const answer = await client.request({ method: "GET", path: ["cluster", "status"] });
    const cluster = (answer.data as readonly { type?: string; quorate?: number }[]).find(
      (row) => row.type === "cluster",
    );
    return cluster === undefined || cluster.quorate === 1;
  } catch (error) {
    if (error instanceof ProxmoxError && error.kind === "privilege") return "unknown: the token lacks Sys.Audit on /";
    throw error;
  }
}
