import { bare } from "../../../config/server/host.ts";
import type { Endpoint } from "../endpoint.ts";

/** A row of `GET /cluster/status`, as far as it tells where a node is. */
interface NodeRow {
  readonly name: string;
  readonly ip: unknown;
  /** Whether this node gave the answer. */
  readonly local: boolean;
}

/**
 * Which node each endpoint is, as far as it is known: by the first label of its host (`https://pve1.example.com` for
 * pve1), or by `GET /cluster/status`, whose rows tell every node's address and which one answered. A wrong name costs a
 * request to another node of the same cluster, and no more.
 */
export class NodeMap {
  readonly #endpoints: readonly Endpoint[];
  readonly #lookEveryMs: number;
  readonly #names = new Map<Endpoint, string>();
  #look: { readonly at: number; readonly over: Promise<unknown> } | undefined;

  constructor(endpoints: readonly Endpoint[], lookEveryMs: number) {
    this.#endpoints = endpoints;
    this.#lookEveryMs = lookEveryMs;
  }

  /** Takes what is known from an answer of `GET /cluster/status`. */
  learn(answeredBy: Endpoint, data: unknown): void {
    const rows = Array.isArray(data) ? data.flatMap(nodeRow) : [];
    for (const { name, ip, local } of rows) {
      const at = local ? answeredBy : this.#endpoints.find(({ url }) => bare(new URL(url).hostname) === ip);
      if (at !== undefined) this.#names.set(at, name);
    }
  }

  /** The endpoint that is this node's own. */
  of(node: string): Endpoint | undefined {
    return (
      this.#endpoints.find((endpoint) => this.#names.get(endpoint) === node) ??
      this.#unknown().find(({ url }) => new URL(url).hostname.split(".")[0] === node)
    );
  }

  /**
   * The same. Where nobody has told, it first asks the endpoints that are not known yet, once for all who want to know.
   * @param ask gives the data of the endpoint's `GET /cluster/status`; what it throws is no news.
   */
  async find(node: string, ask: (endpoint: Endpoint) => Promise<unknown>): Promise<Endpoint | undefined> {
    const known = this.of(node);
    if (known !== undefined || this.#endpoints.length < 2) return known;
    const now = performance.now();
    if (this.#look === undefined || now - this.#look.at > this.#lookEveryMs) {
      const asked = this.#unknown().map(async (endpoint) => this.learn(endpoint, await ask(endpoint)));
      this.#look = { at: now, over: Promise.allSettled(asked) };
    }
    await this.#look.over;
    return this.of(node);
  }

  /** For people: the node's name, or else the address. */
  nameOf(endpoint: Endpoint): string {
    return this.#names.get(endpoint) ?? new URL(endpoint.url).host;
  }

  #unknown(): readonly Endpoint[] {
    return this.#endpoints.filter((endpoint) => !this.#names.has(endpoint));
  }
}

function nodeRow(row: unknown): NodeRow[] {
  if (typeof row !== "object" || row === null) return [];
  const { type, name, ip, local } = row as Readonly<Record<string, unknown>>;
  // The name stands in answers, and who answers may mean harm.
  if (type !== "node" || typeof name !== "string" || !/^[a-z0-9][a-z0-9-]{0,62}$/i.test(name)) return [];
  return [{ name, ip, local: local === 1 }];
}
