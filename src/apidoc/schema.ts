import type { Method } from "../proxmox/message.ts";
import type { ApiPath } from "../proxmox/path.ts";
import { cutSchema } from "./cache/script.ts";
import { toEndpoint } from "./endpoint.ts";
import { nearestTemplates } from "./nearest.ts";
import { type FoundTemplate, TemplateTree } from "./tree.ts";
import type { ApiEndpoint } from "./types.ts";

/** A path of the API as the schema knows it. */
export interface Found extends FoundTemplate {
  /** In the order GET, POST, PUT, DELETE. */
  readonly methods: readonly Method[];
}

/** One method of one path, by its name alone. */
export interface EndpointName {
  readonly method: Method;
  readonly template: string;
}

const allMethods: readonly Method[] = ["GET", "POST", "PUT", "DELETE"];

/** The most paths of a schema: Proxmox has 435 to 443. */
const maxPaths = 2000;

/** The longest description of one method, in characters of JSON: Proxmox's longest has 67,000. */
const maxText = 400_000;

/** The most characters of all descriptions: Proxmox's have 1.2 million, and they stay in memory. */
const maxTexts = 4_000_000;

/** A path as all of Proxmox's are, at most 8 segments of 54 characters: one with a line end could write lines of an answer. */
const usable = /^\/[\x21-\x7e]{0,300}$/;

/** The most segments of a path. */
const maxSegments = 20;

/** Each method's description as JSON. Most are the same in every version, and a text is kept once. */
type Texts = ReadonlyMap<string, Readonly<Partial<Record<Method, string>>>>;

/**
 * The whole API of one version of Proxmox VE. It keeps the schema's JSON, about 1.2 MB, and reads an endpoint out of
 * it when that is asked for: as objects it would take ten times as much.
 */
export class ApiSchema {
  /** PVE's version, `9.1.3`. */
  readonly version: string;
  readonly #texts: Texts;
  readonly #tree: TemplateTree;

  constructor(version: string, texts: Texts) {
    this.version = version;
    this.#texts = texts;
    this.#tree = new TemplateTree(texts.keys());
  }

  /** Every endpoint's JSON. */
  get texts(): readonly string[] {
    return [...this.#texts.values()].flatMap((texts) => Object.values<string>(texts));
  }

  /** Every path, in the schema's order. */
  get templates(): readonly string[] {
    return [...this.#texts.keys()];
  }

  /** Every method of every path. */
  names(): EndpointName[] {
    return this.templates.flatMap((template) => this.methods(template).map((method) => ({ method, template })));
  }

  /** The methods of a template; none where the schema does not have it. */
  methods(template: string): readonly Method[] {
    const texts = this.#texts.get(template);
    return texts === undefined ? [] : allMethods.filter((method) => texts[method] !== undefined);
  }

  /** All that the schema says of one method of a template; `undefined` where there is none such. */
  endpoint(method: Method, template: string): ApiEndpoint | undefined {
    const text = this.#texts.get(template)?.[method];
    return text === undefined ? undefined : toEndpoint(method, template, JSON.parse(text));
  }

  /** The path that this one is: with real values in it (`/nodes/pve1/qemu/104`), with templates, or with both. */
  find(path: ApiPath): Found | undefined {
    const found = this.#tree.find(path);
    return found === undefined ? undefined : { ...found, methods: this.methods(found.template) };
  }

  /** The paths that somebody most likely meant by one that does not exist, best first. */
  nearest(path: ApiPath, limit = 3): readonly string[] {
    return nearestTemplates(path, this.templates, limit);
  }
}

/**
 * Reads `apidoc.js`. It gives way to others between its steps, none of which takes more than about 10 ms for 4 MB.
 * @param others have most of their texts in common with it, which are then kept once.
 * @returns `undefined` where the script holds no schema, or one that exceeds the limits on size, count and depth.
 */
export async function readSchema(
  version: string,
  script: string,
  others: readonly ApiSchema[] = [],
): Promise<ApiSchema | undefined> {
  await breathe();
  const json = cutSchema(script);
  if (json === undefined) return undefined;
  await breathe();
  const nodes = parse(json);
  await breathe();
  const known = new Map(others.flatMap((other) => other.texts).map((text) => [text, text]));
  const texts = new Map<string, Partial<Record<Method, string>>>();
  collect(nodes, texts, (text) => known.get(text) ?? text);
  return texts.size === 0 || isExcessive(texts) ? undefined : new ApiSchema(version, texts);
}

function isExcessive(texts: Texts): boolean {
  const lengths = [...texts.values()].flatMap((methods) => Object.values<string>(methods).map(({ length }) => length));
  const total = lengths.reduce((sum, length) => sum + length, 0);
  return texts.size > maxPaths || total > maxTexts || lengths.some((length) => length > maxText);
}

function isUsable(path: unknown): path is string {
  return typeof path === "string" && usable.test(path) && path.split("/").length <= maxSegments;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/** A node of the schema: `{path, info: {GET: ...}, children: [...]}`. */
function collect(
  nodes: unknown,
  texts: Map<string, Partial<Record<Method, string>>>,
  intern: (text: string) => string,
): void {
  if (!Array.isArray(nodes)) return;
  for (const node of nodes as readonly { path?: unknown; info?: Record<string, unknown>; children?: unknown }[]) {
    const { path, info, children } = node ?? {};
    const methods = allMethods.filter((method) => typeof info?.[method] === "object" && info[method] !== null);
    if (isUsable(path) && methods.length > 0) {
      texts.set(path, Object.fromEntries(methods.map((method) => [method, intern(JSON.stringify(info?.[method]))])));
    }
    collect(children, texts, intern);
  }
}
