import type { ProxmoxClient } from "../proxmox/client.ts";
import { ProxmoxError } from "../proxmox/errors.ts";
import { until } from "../proxmox/until.ts";
import { type ApiSchema, readSchema } from "./schema.ts";
import { Shelf } from "./shelf.ts";

/** A cluster's schema, or why there is none: then calls go unvalidated, and nothing else is lost. */
export type Known =
  | { readonly schema: ApiSchema; readonly missing?: never; readonly reason?: never }
  /** `missing` as a sentence of its own; `reason` is only what the cluster did instead, without a full stop. */
  | { readonly missing: string; readonly reason: string; readonly schema?: never };

/** Where every node serves the schema, to anybody. */
const path = "/pve-docs/api-viewer/apidoc.js";

/** How long a schema is good for before the cluster is asked whether it still is, in milliseconds. */
const freshMs = 10 * 60_000;

/** How old a schema may be for what must be of now, in milliseconds: packages are upgraded while this server runs. */
const recentMs = 60_000;

/** How long it stays at "there is none", in milliseconds. */
const retryMs = 60_000;

/** A version's schema, and when it was last known to be the one that hosts serve. */
interface Volume {
  readonly schema: ApiSchema;
  readonly modified: string | undefined;
  readonly checked: number;
}

/** What is known of a cluster, until when it is taken as it stands, and whether it is being looked up anew. */
interface Card {
  known: Known | undefined;
  until: number;
  look: Promise<Known> | undefined;
}

/** Where schemas are kept beside the memory, and times that tests shorten. */
export interface LibraryOptions {
  /** A folder that outlives the process; none keeps them in memory alone. */
  readonly folder?: string | undefined;
  /** How long a schema is used before the cluster is asked again, in milliseconds; 10 minutes. */
  readonly freshMs?: number;
  /** How old a schema may be for whoever asks for a recent one, in milliseconds; 1 minute. */
  readonly recentMs?: number;
  /** How long a cluster without one is not asked again, in milliseconds; 1 minute. */
  readonly retryMs?: number;
}

/** The schemas of all clusters: read when first needed, and kept once for all clusters of one version. */
export class ApiLibrary {
  readonly #shelf: Shelf | undefined;
  readonly #freshMs: number;
  readonly #recentMs: number;
  readonly #retryMs: number;
  /** A version that no cluster has any more is forgotten. */
  readonly #volumes = new Map<string, WeakRef<Volume>>();
  readonly #cards = new WeakMap<ProxmoxClient, Card>();
  /** What each cluster uses: keeps a volume alive. */
  readonly #inUse = new WeakMap<ProxmoxClient, Volume>();
  readonly #reading = new Map<string, Promise<unknown>>();

  constructor(options: LibraryOptions = {}) {
    this.#shelf = options.folder === undefined ? undefined : new Shelf(options.folder);
    this.#freshMs = options.freshMs ?? freshMs;
    this.#recentMs = options.recentMs ?? recentMs;
    this.#retryMs = options.retryMs ?? retryMs;
  }

  /**
   * A cluster's schema. The first call waits for it; later ones get what is there, and an old one is checked meanwhile,
   * or beforehand where it must be `recent` and is not. Where that fails, the old one stays. Never throws but for an
   * abort.
   */
  async schema(client: ProxmoxClient, signal?: AbortSignal, { recent = false } = {}): Promise<Known> {
    signal?.throwIfAborted();
    const card = this.#cards.get(client) ?? { known: undefined, until: 0, look: undefined };
    this.#cards.set(client, card);
    const now = performance.now();
    const maxAgeMs = recent ? this.#recentMs : Number.POSITIVE_INFINITY;
    const young = now < (this.#inUse.get(client)?.checked ?? 0) + maxAgeMs;
    if (card.known !== undefined && now < card.until && young) return card.known;
    card.look ??= this.#look(client, card, maxAgeMs);
    if (card.known?.schema !== undefined && young) {
      // What there was is good until there is something better; a fault in looking is told when somebody waits for it.
      card.look.catch(() => undefined);
      return card.known;
    }
    return signal === undefined ? await card.look : await until(signal, card.look);
  }

  /** The look belongs to all who wait for it, so no one asker's abort ends it. */
  async #look(client: ProxmoxClient, card: Card, maxAgeMs: number): Promise<Known> {
    try {
      const found = await this.#find(client, maxAgeMs);
      // A cluster that does not answer for a while has not lost its schema.
      if (found.schema !== undefined || card.known?.schema === undefined) card.known = found;
      card.until = performance.now() + (found.schema === undefined ? this.#retryMs : this.#freshMs);
      return card.known;
    } finally {
      card.look = undefined;
    }
  }

  async #find(client: ProxmoxClient, maxAgeMs: number): Promise<Known> {
    try {
      const { data } = await client.request({ method: "GET", path: ["version"] });
      const version = versionIn(data);
      // Another cluster of this version may be fetching it.
      await this.#reading.get(version);
      const reading = this.#read(client, version, maxAgeMs);
      this.#reading.set(
        version,
        reading.catch(() => undefined),
      );
      const volume = await reading;
      this.#inUse.set(client, volume);
      return { schema: volume.schema };
    } catch (error) {
      if (!(error instanceof ProxmoxError)) throw error;
      const missing = `The API's description of ${client.name} cannot be read. ${error.message}.`;
      return { missing, reason: error.what };
    }
  }

  async #read(client: ProxmoxClient, version: string, maxAgeMs: number): Promise<Volume> {
    const had = this.#volumes.get(version)?.deref() ?? (await this.#takeFromShelf(version));
    if (had !== undefined && performance.now() < had.checked + Math.min(this.#freshMs, maxAgeMs)) return had;
    const page = await client.page({ path, modifiedSince: had?.modified, holds: (text) => text.includes('"path"') });
    const schema = page.unchanged ? had?.schema : await readSchema(version, page.text, this.#others(version));
    if (schema === undefined) {
      const what = `${path} holds no schema that this server can read`;
      throw new ProxmoxError(
        { method: "GET", path, cluster: client.name },
        { kind: "not-proxmox", sent: "answered", what },
      );
    }
    const volume = { schema, modified: page.modified ?? had?.modified, checked: performance.now() };
    this.#volumes.set(version, new WeakRef(volume));
    if (!page.unchanged && page.modified !== undefined) {
      await this.#shelf?.put(version, { text: page.text, modified: page.modified });
    }
    return volume;
  }

  /** As one that is to be checked: the package may have changed since. */
  async #takeFromShelf(version: string): Promise<Volume | undefined> {
    const kept = await this.#shelf?.take(version);
    if (kept === undefined) return undefined;
    const schema = await readSchema(version, kept.text, this.#others(version));
    return schema && { schema, modified: kept.modified, checked: Number.NEGATIVE_INFINITY };
  }

  #others(version: string): ApiSchema[] {
    return [...this.#volumes].flatMap(([other, volume]) => (other === version ? [] : (volume.deref()?.schema ?? [])));
  }
}

/** The version that a host says it has, as it may stand in answers: a stranger could say anything, at any length. */
function versionIn(data: unknown): string {
  const version = typeof data === "object" && data !== null && "version" in data ? data.version : undefined;
  const said = typeof version === "string" ? version.replaceAll(/[^\x21-\x7e]/g, "").slice(0, 40) : "";
  return said === "" ? "unknown" : said;
}
