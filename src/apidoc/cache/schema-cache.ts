import type { PageValidator, ProxmoxClient } from "../../proxmox/client.ts";
import { ProxmoxError } from "../../proxmox/errors/proxmox-error.ts";
import { abortable } from "../../proxmox/transport/abortable.ts";
import { type ApiSchema, readSchema } from "../schema.ts";
import { sha256 } from "./hash.ts";
import { type CachedScript, SchemaDiskCache } from "./schema-disk-cache.ts";

/** A cluster's schema, or why there is none: then calls go unvalidated, and nothing else is lost. */
export type SchemaLookup =
  | { readonly schema: ApiSchema; readonly missing?: never; readonly reason?: never; readonly hint?: never }
  /** `missing` is a sentence, `reason` its cause without a full stop, `hint` what the operator can do about it. */
  | { readonly missing: string; readonly reason: string; readonly hint: string | undefined; readonly schema?: never };

/** Where every node serves the schema, to anybody. */
const path = "/pve-docs/api-viewer/apidoc.js";

const reinstallHint =
  "Calls with proxmox_api_call work without it. If the node lacks it, reinstall it with `apt install --reinstall pve-docs`; a reverse proxy must pass /pve-docs on.";

/** How long a schema is good for before the cluster is asked whether it still is, in milliseconds. */
const freshMs = 10 * 60_000;

/** How old a schema may be for what must be of now, in milliseconds: packages are upgraded while this server runs. */
const recentMs = 60_000;

/** How long it stays at "there is none", in milliseconds. */
const retryMs = 60_000;

/** How long 304 is accepted in place of the schema, in milliseconds: a false answer lasts no longer than that. */
const wholeMs = 24 * 60 * 60_000;

/** How far a host's clock may be ahead, in milliseconds; a later `Last-Modified` would get 304 for every future version. */
const maxClockSkewMs = 60 * 60_000;

/** The schema that one cluster served. */
interface Served {
  readonly schema: ApiSchema;
  readonly validator: PageValidator | undefined;
  /** When the cluster last confirmed it, by the monotonic clock. */
  readonly checked: number;
  /** When it was last transferred whole, in milliseconds since the epoch. */
  readonly fetchedAt: number;
}

/** What is known of a cluster. */
interface Entry {
  known: SchemaLookup | undefined;
  /** When the cluster is asked again, by the monotonic clock. */
  expires: number;
  lookup: Promise<SchemaLookup> | undefined;
  served: Served | undefined;
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
  /** How long 304 is accepted before the schema is transferred whole again, in milliseconds; 24 hours. */
  readonly wholeMs?: number;
}

/**
 * The schemas of all clusters. Each cluster's is the one that its own servers serve, read when first needed; clusters
 * that serve equal bytes and report the same version share one object. A version is only what a far end claims, so
 * that nothing is found by it.
 */
export class SchemaCache {
  readonly #disk: SchemaDiskCache | undefined;
  readonly #freshMs: number;
  readonly #recentMs: number;
  readonly #retryMs: number;
  readonly #wholeMs: number;
  readonly #entries = new WeakMap<ProxmoxClient, Entry>();
  /** By version and hash of the script; one that no cluster serves any more is collected. */
  readonly #schemas = new Map<string, WeakRef<ApiSchema>>();
  /** Scripts are parsed one after another: each takes some 50 MB while it is. */
  #parsing: Promise<unknown> = Promise.resolve();

  constructor(options: LibraryOptions = {}) {
    this.#disk = options.folder === undefined ? undefined : new SchemaDiskCache(options.folder);
    this.#freshMs = options.freshMs ?? freshMs;
    this.#recentMs = options.recentMs ?? recentMs;
    this.#retryMs = options.retryMs ?? retryMs;
    this.#wholeMs = options.wholeMs ?? wholeMs;
  }

  /**
   * A cluster's schema. The first call waits for it; later ones get what is there, and an old one is checked meanwhile,
   * or beforehand where it must be `recent` and is not. Where that fails, the old one stays. Never throws but for an
   * abort.
   */
  async schema(client: ProxmoxClient, signal?: AbortSignal, { recent = false } = {}): Promise<SchemaLookup> {
    signal?.throwIfAborted();
    const entry = this.#entryOf(client);
    const now = performance.now();
    const young = !recent || now < (entry.served?.checked ?? 0) + this.#recentMs;
    if (entry.known !== undefined && now < entry.expires && young) return entry.known;
    entry.lookup ??= this.#lookUp(client, entry);
    if (entry.known?.schema !== undefined && young) {
      // The old one serves until there is a new one; an error of the lookup is reported to a call that waits for it.
      entry.lookup.catch(() => undefined);
      return entry.known;
    }
    return signal === undefined ? await entry.lookup : await abortable(signal, entry.lookup);
  }

  #entryOf(client: ProxmoxClient): Entry {
    const entry = this.#entries.get(client) ?? { known: undefined, expires: 0, lookup: undefined, served: undefined };
    this.#entries.set(client, entry);
    return entry;
  }

  /** Shared by all calls that wait for it, so that no single call's abort ends it. */
  async #lookUp(client: ProxmoxClient, entry: Entry): Promise<SchemaLookup> {
    try {
      const found = await this.#read(client, entry);
      // A cluster that does not answer for a while has not lost its schema.
      if (found.schema !== undefined || entry.known?.schema === undefined) entry.known = found;
      entry.expires = performance.now() + (found.schema === undefined ? this.#retryMs : this.#freshMs);
      return entry.known;
    } finally {
      entry.lookup = undefined;
    }
  }

  async #read(client: ProxmoxClient, entry: Entry): Promise<SchemaLookup> {
    try {
      const { data } = await client.request({ method: "GET", path: ["version"] });
      entry.served = await this.#fetch(client, versionIn(data), entry.served);
      return { schema: entry.served.schema };
    } catch (error) {
      if (!(error instanceof ProxmoxError)) throw error;
      const missing = `The API's description of ${client.name} cannot be read. ${error.message}.`;
      // Only an answer to the request for the schema itself is a matter of pve-docs, or of a proxy.
      const isServed = error.path !== path || error.sent !== "answered";
      return { missing, reason: error.what, hint: isServed ? error.hint : reinstallHint };
    }
  }

  async #fetch(client: ProxmoxClient, version: string, served: Served | undefined): Promise<Served> {
    const cached = served === undefined ? await this.#disk?.get(client.identity) : undefined;
    const had = served ?? (cached && (await this.#restore(cached)));
    const old = had !== undefined && this.#mayBeConfirmed(had, version) ? had : undefined;
    using page = await client.page({ path, validator: old?.validator, holds: (text) => text.includes('"path"') });
    const checked = performance.now();
    if (page.unchanged && old !== undefined) return { ...old, checked };
    const schema = await this.#parse(version, page.text);
    if (schema === undefined) throw noSchema(client);
    const [validator, fetchedAt] = [credible(page.validator), Date.now()];
    if (validator !== undefined) {
      await this.#disk?.put(client.identity, { text: page.text, version, validator, fetchedAt });
    }
    return { schema, validator, checked, fetchedAt };
  }

  async #restore({ version, text, validator, fetchedAt }: CachedScript): Promise<Served | undefined> {
    const schema = await this.#parse(version, text);
    return schema && { schema, validator, checked: Number.NEGATIVE_INFINITY, fetchedAt };
  }

  /** Whether 304 is accepted: for the version that the cluster reports now, and not for too long. */
  #mayBeConfirmed({ schema, validator, fetchedAt }: Served, version: string): boolean {
    const age = Date.now() - fetchedAt;
    return schema.version === version && credible(validator) !== undefined && age >= 0 && age < this.#wholeMs;
  }

  /** @returns `undefined` where the script holds no schema. */
  async #parse(version: string, script: string): Promise<ApiSchema | undefined> {
    const parsing = this.#parsing.then(async () => {
      const key = `${sha256(script)} ${version}`;
      const known = this.#schemas.get(key)?.deref();
      if (known !== undefined) return known;
      const schema = await readSchema(version, script, this.#kept());
      if (schema !== undefined) this.#schemas.set(key, new WeakRef(schema));
      return schema;
    });
    this.#parsing = parsing.catch(() => undefined);
    return await parsing;
  }

  /** All schemas in use; forgets those that are not. */
  #kept(): ApiSchema[] {
    return [...this.#schemas].flatMap(([key, reference]) => {
      const schema = reference.deref();
      if (schema === undefined) this.#schemas.delete(key);
      return schema ?? [];
    });
  }
}

function noSchema({ name: cluster }: ProxmoxClient): ProxmoxError {
  const what = `${path} holds no schema that this server can read`;
  return new ProxmoxError({ method: "GET", path, cluster }, { kind: "not-proxmox", sent: "answered", what });
}

/** A validator whose date is one (RFC 9110, 5.6.7) and not in the future, which no file's can be (8.8.2.1). */
function credible(validator: PageValidator | undefined): PageValidator | undefined {
  const { modified = "" } = validator ?? {};
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(modified)) return undefined;
  return Date.parse(modified) <= Date.now() + maxClockSkewMs ? validator : undefined;
}

/** The version that a host claims, short and without anything that a reader could take for text. */
function versionIn(data: unknown): string {
  const version = typeof data === "object" && data !== null && "version" in data ? data.version : undefined;
  const claimed = typeof version === "string" ? version : "";
  return /^\d[\w.~+-]{0,31}$/.test(claimed) ? claimed : "unknown";
}
