import { dirname, resolve } from "node:path";
import { misspelt, readEnvironmentCluster } from "../environment.ts";
import { ConfigError, prefixed } from "../error.ts";
import { exposed, type FileText, isInheritedPipe, isMissing, readInheritedPipe, readTrusted } from "../files/file.ts";
import { Secret } from "../secret.ts";
import type { Config } from "../types.ts";
import { parseClusters } from "./clusters.ts";
import { withProxies } from "./proxy.ts";
import type { Variables } from "./variables.ts";

/** What {@link loadConfig} looks at. */
export interface ConfigSearch {
  /** The value of `--config`. */
  readonly config?: string | undefined;
  readonly env: Variables;
  /** The working directory: where `./clusters.json` is looked for, and from where given paths start. */
  readonly cwd: string;
  /** The file for the whole machine, looked for last. Default: `/etc/proxmox-mcp/clusters.json`. */
  readonly systemFile?: string;
}

/**
 * Loads the clusters from the first of: the file that `--config` names, the one that `PROXMOX_MCP_CONFIG` names,
 * the environment if `PROXMOX_URL` is set, `./clusters.json`, the system's file. A file that is named must exist;
 * one that is only looked for may be missing, but not unreadable. A source that is ignored in favor of another gets a warning.
 * The environment's proxies are part of every cluster.
 * Rejects with ConfigError, which holds every mistake of the source that counts.
 */
export function loadConfig(search: ConfigSearch): Promise<Config> {
  return Promise.try(() => {
    const config = load(search);
    return deepFreeze({ ...config, clusters: withProxies(config.clusters, search.env) });
  });
}

function load({ config, env, cwd, systemFile = "/etc/proxmox-mcp/clusters.json" }: ConfigSearch): Config {
  const local = resolve(cwd, "clusters.json");
  const looked = [local, systemFile];
  const named = namedFile(config, env);
  const isInEnvironment = (env["PROXMOX_URL"] ?? "") !== "";
  if (named !== undefined) {
    const ignored = `PROXMOX_URL is ignored, since ${named.by} names a file.`;
    const file = prefixed(`${named.by}: `, () => readNamed(resolve(cwd, named.path)));
    return fromFile(file, env, isInEnvironment ? [ignored] : []);
  }
  const file = looked.find((path) => !isMissing(path));
  if (isInEnvironment) {
    const { cluster, warnings } = readEnvironmentCluster(env, cwd);
    const ignored = `${file} is not read, since PROXMOX_URL is set. To use the file, unset it or name the file with --config.`;
    return {
      source: "the environment",
      clusters: [cluster],
      callers: [],
      auditLog: undefined,
      warnings: [...(file === undefined ? [] : [ignored]), ...warnings],
    };
  }
  if (file === undefined) throw nothingFound(looked, env);
  const chosen = file === local ? "found" : "named";
  return fromFile(
    prefixed("Configuration: ", () => readTrusted(file, "/", chosen)),
    env,
    [],
  );
}

function namedFile(config: string | undefined, env: Variables): { path: string; by: string } | undefined {
  if (config === "") throw new ConfigError("--config is empty; give it the path of a clusters.json.");
  if (config !== undefined) return { path: config, by: "--config" };
  const path = env["PROXMOX_MCP_CONFIG"];
  return path === undefined || path === "" ? undefined : { path, by: "PROXMOX_MCP_CONFIG" };
}

/** A pipe works too: `--config <(sops -d clusters.enc.json)`. */
function readNamed(path: string): FileText {
  return isInheritedPipe(path) ? readInheritedPipe(path) : readTrusted(path, "/");
}

function fromFile(file: FileText, env: Variables, warnings: readonly string[]): Config {
  const { path } = file;
  const reading = parseClusters(file.text, { source: path, folder: dirname(path), env });
  const exposure = reading.holdsSecret ? exposed(file, env) : undefined;
  const ignored = misspelt(env, "PROXMOX_").map(
    ({ name, meant }) => `${name} is not a setting and is ignored. Did you mean ${meant}?`,
  );
  return {
    source: path,
    file: path,
    clusters: reading.clusters,
    callers: reading.callers,
    auditLog: reading.auditLog,
    ...(reading.sealKey !== undefined && { sealKey: reading.sealKey }),
    warnings: [...warnings, ...ignored, ...(exposure === undefined ? [] : [exposure]), ...reading.warnings],
  };
}

function nothingFound(looked: readonly string[], env: Variables): ConfigError {
  const partial = Object.keys(env).some((name) => /^PROXMOX_(?:USER|TOKEN_)/.test(name) && env[name] !== "");
  return new ConfigError("No clusters are configured. Looked at, in this order:", [
    "--config FILE: not given",
    "PROXMOX_MCP_CONFIG: not set",
    `PROXMOX_URL: not set${partial ? ", though other PROXMOX_ variables are" : ""}`,
    ...looked.map((path) => `${path}: no such file`),
    ...misspelt(env, "PROXMOX_").map(({ name, meant }) => `${name} is not a setting. Did you mean ${meant}?`),
    "Write one of these files, for example:",
    '  {"clusters": {"home": {"url": "pve1.example:8006", "user": "mcp@pve", "token_id": "agent", "token_secret": "..."}}}',
    "or set PROXMOX_URL, PROXMOX_USER, PROXMOX_TOKEN_ID and PROXMOX_TOKEN_SECRET for one cluster.",
    "To look around without a cluster, use --demo: it needs no configuration.",
  ]);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !(value instanceof Secret)) {
    for (const part of Object.values(value)) deepFreeze(part);
  }
  return Object.freeze(value);
}
