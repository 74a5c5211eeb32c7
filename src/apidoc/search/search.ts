import MiniSearch, { type Query } from "minisearch";
import type { Method } from "../../proxmox/message.ts";
import type { ApiSchema, EndpointName } from "../schema.ts";
import type { ApiEndpoint } from "../types.ts";
import { IndexLimits } from "./index-limits.ts";
import { type Intent, namesMethod, namesThing, readIntent, type Thing } from "./intent.ts";
import { idioms } from "./search-aliases.ts";
import { synonyms } from "./synonyms.ts";
import { stem, words } from "./words.ts";

/** An endpoint that answers a question; a higher score answers it better. */
export interface Hit extends EndpointName {
  readonly score: number;
}

interface Document {
  readonly id: number;
  readonly path: string;
  readonly leaf: string;
  readonly text: string;
  readonly idioms: string;
  readonly parameters: string;
}

/** How much a word counts by where it stands. */
const boosts = { path: 2.2, leaf: 2.5, text: 1.6, idioms: 2.6, parameters: 0.4 };

/** How long the index is built before others get their turn, in milliseconds. */
const stepMs = 5;

/** So many characters of a question are read. */
const maxQuestion = 400;

/** The longest word that is looked for with slips of the pen: the work grows with its length. */
const maxTypoLength = 30;

/** What people ask for and the API has not, where the next best word would lead astray: a screenshot is no snapshot. */
const nowhere = new Set(["screenshot", "screenshots"]);

/** One for each schema, as long as that is in use; about 2.5 MB each, at most 20 MB by the limits of {@link IndexLimits}. */
const searches = new WeakMap<ApiSchema, Promise<ApiSearch>>();

/** Finds endpoints by what an operator says. */
export class ApiSearch {
  readonly #names: readonly EndpointName[];
  readonly #priors: readonly number[];
  readonly #index: MiniSearch<Document>;

  private constructor(endpoints: readonly EndpointName[], priors: readonly number[], index: MiniSearch<Document>) {
    this.#names = endpoints;
    this.#priors = priors;
    this.#index = index;
  }

  /** The search over a schema; made when it is first asked for. */
  static async of(schema: ApiSchema): Promise<ApiSearch> {
    const search = searches.get(schema) ?? ApiSearch.#make(schema);
    searches.set(schema, search);
    return await search;
  }

  /** In steps of a few milliseconds that let others go first: about 100 ms in all. */
  static async #make(schema: ApiSchema): Promise<ApiSearch> {
    const names = schema.names();
    const limits = new IndexLimits();
    const index = new MiniSearch<Document>({
      fields: Object.keys(boosts),
      tokenize: (text) => words(limits.cut(text)),
      processTerm: (word) => limits.admit(word),
      searchOptions: {
        boost: boosts,
        tokenize: (term) => [term],
        processTerm: stem,
        // The configuration's endpoints can do a hundred things: their many words must not count for less.
        bm25: { k: 1.2, b: 0.3, d: 0.5 },
      },
    });
    const priors: number[] = [];
    let resumed = performance.now();
    for (const [id, name] of names.entries()) {
      const endpoint = schema.endpoint(name.method, name.template);
      if (endpoint === undefined) continue;
      priors.push(prior(endpoint, schema.templates));
      index.add(toDocument(id, endpoint));
      if (performance.now() - resumed < stepMs) continue;
      await new Promise((resolve) => setTimeout(resolve));
      resumed = performance.now();
    }
    return new ApiSearch(names, priors, index);
  }

  /** The endpoints that answer a question, best first. */
  find(question: string, options: { readonly method?: Method | undefined; readonly limit: number }): Hit[] {
    const intent = readIntent(question.slice(0, maxQuestion));
    if (intent.words.some((word) => nowhere.has(word))) return [];
    const terms = intent.words.map((word) => toTerm(word, (known) => this.#knows(known)));
    const query = { combineWith: "OR", queries: terms.map(({ query }) => query) } as const;
    const hits = this.#index.search(query).flatMap(({ id, score, queryTerms }) => {
      const name = this.#names[id];
      if (name === undefined || (options.method !== undefined && name.method !== options.method)) return [];
      const fits = fit(name, intent) * coverage(terms, queryTerms);
      return [{ ...name, score: score * (this.#priors[id] ?? 1) * fits }];
    });
    return spread(hits, intent).slice(0, options.limit);
  }

  #knows(word: string): boolean {
    return this.#index.search(word, { prefix: false, fuzzy: false }).length > 0;
  }
}

function toDocument(id: number, endpoint: ApiEndpoint): Document {
  const { method, template } = endpoint;
  const literals = template.split("/").filter((segment) => segment !== "" && !segment.startsWith("{"));
  return {
    id,
    path: literals.join(" "),
    leaf: literals.at(-1) ?? "",
    text: endpoint.description,
    idioms: idioms
      .filter(([verb, ending]) => verb === method && template.endsWith(ending))
      .map(([, , said]) => said)
      .join(", "),
    parameters: Object.keys(endpoint.parameters).join(" "),
  };
}

/** How likely an endpoint is meant at all. */
function prior({ description, template, method }: ApiEndpoint, templates: readonly string[]): number {
  if (method === "GET" && /^$|\bindex\b/i.test(description) && isDirectory(template, templates)) return 0.25;
  if (/internal use|deprecated|do not use|returns PNG|dummy/i.test(description)) return 0.4;
  return /experimental/i.test(description) ? 0.8 : 1;
}

/** Proxmox calls lists of things "index", too: a list leads on to one of them by its name, a directory does not. */
function isDirectory(template: string, templates: readonly string[]): boolean {
  const below = templates.filter((other) => other.startsWith(`${template}/`));
  return below.length > 0 && !below.some((other) => other.startsWith(`${template}/{`));
}

/** One word of a question: how much it counts, and how it is looked for. */
interface Term {
  readonly weight: number;
  readonly stems: readonly string[];
  readonly query: Query;
}

function toTerm(word: string, knows: (word: string) => boolean): Term {
  const others = synonyms.get(word) ?? synonyms.get(word.replace(/s$/, "")) ?? [];
  // The path tells the kind of thing, and the method what is done with it, better than texts do.
  const unknown = others.length === 0 && !knows(word);
  const weight = namesThing(word) ? 0.4 : namesMethod(word) ? 0.45 : unknown ? 0.4 : 1;
  const typo = unknown && word.length > 4 && word.length <= maxTypoLength;
  const queries = [
    { queries: [word], ...(typo && { fuzzy: 0.25 }), boostTerm: () => weight },
    ...others.map((other) => ({ queries: [other], boostTerm: () => 0.35 * weight })),
  ];
  return { weight, stems: [word, ...others].map(stem), query: { combineWith: "OR", queries } };
}

/** An endpoint that has to do with all of a question goes before one that has much to do with a part of it. */
function coverage(terms: readonly Term[], matched: readonly string[]): number {
  const total = terms.reduce((sum, { weight }) => sum + weight, 0);
  const covered = terms.filter(({ stems }) => stems.some((each) => matched.includes(each)));
  return 0.25 + (0.75 * covered.reduce((sum, { weight }) => sum + weight, 0)) / total;
}

/** Where a question has no verb most want to look, and few to delete. */
const unasked: Readonly<Record<Method, number>> = { GET: 1.25, POST: 1, PUT: 1, DELETE: 0.7 };

/** How well method and kind of thing fit. */
function fit({ method, template }: EndpointName, { methods, things }: Intent): number {
  const verb = methods.size === 0 ? unasked[method] : methods.has(method) ? 1.35 : 0.55;
  return verb * thingFit(thingOf(template), things);
}

function thingOf(template: string): Thing | undefined {
  if (template.includes("/qemu")) return "vm";
  if (template.includes("/lxc")) return "container";
  if (template.startsWith("/nodes")) return "node";
  return template.startsWith("/cluster") ? "cluster" : undefined;
}

function thingFit(thing: Thing | undefined, things: ReadonlySet<Thing>): number {
  if (things.size === 0 || thing === undefined) return 1;
  if (things.has(thing)) return 1.3;
  const otherGuest = (thing === "vm" && things.has("container")) || (thing === "container" && things.has("vm"));
  return otherGuest ? 0.4 : 0.9;
}

/** VMs and containers have many endpoints in common: where neither was named, the second of a pair stands back. */
function spread(hits: readonly Hit[], { things }: Intent): Hit[] {
  const sorted = hits.toSorted((a, b) => b.score - a.score);
  if (things.has("vm") || things.has("container")) return sorted;
  const seen = new Set<string>();
  return sorted
    .map((hit) => {
      const pair = `${hit.method} ${hit.template.replace("/lxc", "/qemu")}`;
      const second = seen.has(pair);
      seen.add(pair);
      return second ? { ...hit, score: hit.score * 0.6 } : hit;
    })
    .sort((a, b) => b.score - a.score);
}
