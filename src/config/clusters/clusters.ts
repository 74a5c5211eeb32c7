import { attempt, ConfigError, mistakes as counted, prefixed } from "../error.ts";
import { exposed, readSecret } from "../files/file.ts";
import { located, readJson } from "../files/json.ts";
import { nearest } from "../nearest.ts";
import type { Secret } from "../secret.ts";
import type { CallerConfig, ClusterConfig } from "../types.ts";
import { found } from "../wording.ts";
import { readAuditLog, readCallers } from "./callers.ts";
import { isObject, type Mistake, readCluster, unknownKeys } from "./cluster.ts";
import { clusterKeys, clusterName, fileKeys } from "./schema.ts";
import { expandVariables, hasVariable, type Variables } from "./variables.ts";

/** Where a text came from, and what its relative paths and `${VAR}` stand for. */
export interface Origin {
  /** The file's path, for messages. */
  readonly source: string;
  /** The folder from which `ca_file` and `token_secret_file` start. */
  readonly folder: string;
  readonly env: Variables;
}

/** What a text of clusters gave. */
export interface ClustersReading {
  /** In the order of the text, at least one. */
  readonly clusters: readonly ClusterConfig[];
  readonly callers: readonly CallerConfig[];
  /** `stderr`, or the path of a file. */
  readonly auditLog: string | undefined;
  readonly warnings: readonly string[];
  /** What `seal_key_file` holds. */
  readonly sealKey: Secret | undefined;
  /** Whether a `token_secret` stands in the text itself, so that who reads the text has it. */
  readonly holdsSecret: boolean;
}

interface Entry {
  readonly name: string;
  readonly path: readonly PropertyKey[];
  readonly raw: unknown;
}

/**
 * Reads the text of a `clusters.json`. The canonical form has the clusters by name, `{"clusters": {"prod": {...}}}`.
 * Three older ones are read too: a list whose entries have a `name`, `{"clusters": [{"name": "prod", ...}]}`,
 * and either of the two without the `clusters` around it. An object without `clusters` is clusters by name
 * when each of its values is an object with at least one key of a cluster; otherwise its keys are judged as the top level's.
 * @throws ConfigError with every mistake in the text, each with line, path in the file, and what is valid.
 */
export function parseClusters(text: string, origin: Origin): ClustersReading {
  const document = prefixed(`${origin.source} `, () => readJson(text.replace(/^\u{feff}/u, "")));
  const { entries, mistakes } = findEntries(document.value);
  mistakes.push(...document.duplicates);
  const clusters: ClusterConfig[] = [];
  const warnings: string[] = [];
  const sealKey = readSealKey(document.value, origin, mistakes, warnings);
  for (const entry of entries) {
    const { value, failed } = expand(entry.raw, origin.env);
    const reading = readCluster(entry.name, value, origin.folder, origin.env);
    // A text whose variable is not set is a mistake once; that its key is missing then says nothing new.
    const others = reading.mistakes.filter(({ path }) => !failed.some((mistake) => isWithin(mistake.path, path)));
    mistakes.push(...[...failed, ...others].map((mistake) => ({ ...mistake, path: [...entry.path, ...mistake.path] })));
    warnings.push(...reading.warnings);
    if (reading.cluster !== undefined) clusters.push(reading.cluster);
  }
  const top = isObject(document.value) && "clusters" in document.value ? document.value : {};
  const callers = readCallers(
    top["callers"],
    entries.map(({ name }) => name),
    mistakes,
  );
  const auditLog = readAuditLog(top["audit_log"], origin, mistakes);
  if (mistakes.length > 0) {
    const lines = mistakes
      .toSorted((a, b) => document.line(a.path) - document.line(b.path))
      .map((mistake) => located(document, mistake.path, mistake.text));
    throw new ConfigError(`${origin.source} has ${counted(lines.length)}:`, lines);
  }
  return {
    clusters,
    callers,
    auditLog,
    sealKey,
    warnings,
    holdsSecret: entries.some(({ raw }) => isLiteralSecret(raw)),
  };
}

/** Fewer characters could be guessed from one sealed value, without asking the server. */
const shortestSealKey = 32;

function readSealKey(value: unknown, origin: Origin, mistakes: Mistake[], warnings: string[]): Secret | undefined {
  const given = isObject(value) && "clusters" in value ? value["seal_key_file"] : undefined;
  if (given === undefined) return undefined;
  const refuse = (text: string) => mistakes.push({ path: ["seal_key_file"], text });
  if (typeof given !== "string" || given === "") {
    refuse(`must be the path of a file; found ${found(given)}.`);
    return undefined;
  }
  const read = attempt(() => readSecret(expandVariables(given, origin.env), origin.folder), refuse);
  if (read === undefined) return undefined;
  if (read.secret.reveal().length < shortestSealKey) {
    refuse(
      `${read.file.shown} is too short: at least ${shortestSealKey} characters are needed (\`openssl rand -hex 32\`).`,
    );
  }
  const exposure = exposed(read.file, origin.env);
  if (exposure !== undefined) warnings.push(exposure);
  return read.secret;
}

function isWithin(path: readonly PropertyKey[], around: readonly PropertyKey[]): boolean {
  return around.length > 0 && around.every((part, index) => path[index] === part);
}

function isLiteralSecret(raw: unknown): boolean {
  const secret = isObject(raw) ? raw["token_secret"] : undefined;
  return typeof secret === "string" && !hasVariable(secret);
}

function findEntries(value: unknown): { entries: Entry[]; mistakes: Mistake[] } {
  if (Array.isArray(value)) return listed(value, []);
  if (!isObject(value)) {
    const text = `must be an object such as {"clusters": {"prod": {...}}}; found ${found(value)}.`;
    return { entries: [], mistakes: [{ path: [], text }] };
  }
  const rest = Object.keys(value).filter((key) => key !== "$schema");
  if (!("clusters" in value) && rest.length > 0 && rest.every((key) => isClusterLike(value[key]))) {
    return named(Object.fromEntries(rest.map((key) => [key, value[key]])), []);
  }
  return topLevel(value, rest);
}

function topLevel(value: Readonly<Record<string, unknown>>, rest: readonly string[]) {
  const unknown = rest.filter((key) => !fileKeys.includes(key));
  const clusters = value["clusters"];
  if (!("clusters" in value)) {
    // One cluster's own keys at the top: the name is what is missing, not each key unknown.
    const text = unknown.some((key) => clusterKeys.includes(key))
      ? 'holds the keys of a cluster without a name; write {"clusters": {"NAME": {...}}}.'
      : 'has no "clusters"; write {"clusters": {"NAME": {...}}}.';
    const typed = unknown.filter((key) => !clusterKeys.includes(key) || nearest(key, fileKeys) !== undefined);
    return { entries: [], mistakes: [{ path: [], text }, ...unknownKeys([], typed, fileKeys)] };
  }
  const inner = Array.isArray(clusters) ? listed(clusters, ["clusters"]) : named(clusters, ["clusters"]);
  return { entries: inner.entries, mistakes: [...unknownKeys([], unknown, fileKeys), ...inner.mistakes] };
}

/** Whether a value has any key of a cluster, so that a mistyped `clusters` is not taken for a cluster's name. */
function isClusterLike(value: unknown): boolean {
  return isObject(value) && clusterKeys.some((key) => key in value);
}

const validName = "letters, digits, . _ -, at most 63, the first a letter or digit";

function named(value: unknown, path: readonly PropertyKey[]): { entries: Entry[]; mistakes: Mistake[] } {
  if (!isObject(value)) {
    return { entries: [], mistakes: [{ path, text: `must be an object, clusters by name; found ${found(value)}.` }] };
  }
  const names = Object.keys(value);
  if (names.length === 0)
    return { entries: [], mistakes: [{ path, text: "holds no cluster; at least one is needed." }] };
  if (path.length > 0 && names.every((name) => clusterKeys.includes(name))) {
    const text = 'holds the keys of a cluster without a name; write {"clusters": {"NAME": {...}}}.';
    return { entries: [], mistakes: [{ path, text }] };
  }
  const mistakes: Mistake[] = [];
  const entries = names.map((name) => {
    const here = [...path, name];
    if (!clusterName.test(name))
      mistakes.push({ path: here, text: `is not a valid name for a cluster: ${validName}.` });
    const { name: inner, ...raw } = isObject(value[name]) ? value[name] : {};
    if (inner !== undefined && inner !== name) {
      mistakes.push({ path: [...here, "name"], text: "differs from the key, which is the cluster's name; remove it." });
    }
    return { name, path: here, raw: isObject(value[name]) ? raw : value[name] };
  });
  return { entries, mistakes };
}

function listed(value: readonly unknown[], path: readonly PropertyKey[]): { entries: Entry[]; mistakes: Mistake[] } {
  if (value.length === 0)
    return { entries: [], mistakes: [{ path, text: "holds no cluster; at least one is needed." }] };
  const mistakes: Mistake[] = [];
  const firsts = new Map<string, number>();
  const entries = value.map((item, index) => {
    const here = [...path, index];
    if (!isObject(item)) return { name: "", path: here, raw: item };
    const { name, ...raw } = item;
    const refuse = (text: string) => mistakes.push({ path: [...here, "name"], text });
    if (name === undefined) refuse(`is missing: the cluster's name, ${validName}.`);
    else if (typeof name !== "string" || !clusterName.test(name)) refuse(`must be a name: ${validName}.`);
    else if (firsts.has(name)) refuse(`is the name of entry [${firsts.get(name)}] too; names are unique.`);
    else firsts.set(name, index);
    return { name: String(name), path: here, raw };
  });
  return { entries, mistakes };
}

/** Replaces the variables in every text of a cluster; a text that fails is left out and told. */
function expand(raw: unknown, env: Variables): { value: unknown; failed: Mistake[] } {
  const failed: Mistake[] = [];
  const walk = (value: unknown, path: readonly PropertyKey[]): unknown => {
    if (typeof value === "string") {
      return attempt(
        () => expandVariables(value, env),
        (text) => failed.push({ path, text }),
      );
    }
    if (Array.isArray(value)) return value.map((item, index) => walk(item, [...path, index]));
    if (!isObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, [...path, key])]));
  };
  return { value: walk(raw, []), failed };
}
