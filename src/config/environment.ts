import { readCluster } from "./clusters/cluster.ts";
import type { Variables } from "./clusters/variables.ts";
import { ConfigError, mistakes as counted } from "./error.ts";
import { nearest } from "./nearest.ts";
import { settings } from "./server/settings.ts";
import type { ClusterConfig } from "./types.ts";

/** The process's environment; nothing else in the project reads it. */
export function environment(): Variables {
  return process.env;
}

/** The variables of the one cluster that comes from the environment, by the key of `clusters.json` they stand for. */
const variables: Readonly<Record<string, string>> = {
  url: "PROXMOX_URL",
  user: "PROXMOX_USER",
  token_id: "PROXMOX_TOKEN_ID",
  token_secret: "PROXMOX_TOKEN_SECRET",
  token_secret_file: "PROXMOX_TOKEN_SECRET_FILE",
  verify_ssl: "PROXMOX_VERIFY_SSL",
  ca_file: "PROXMOX_CA_FILE",
  fingerprint: "PROXMOX_FINGERPRINT",
  access: "PROXMOX_ACCESS",
};

/** The name of the cluster that comes from the environment. */
const environmentCluster = "proxmox";

/**
 * Reads the one cluster that the `PROXMOX_*` variables describe. An empty variable counts as not set; several nodes
 * or fingerprints are separated by commas; paths are relative to `folder`; `${VAR}` has no meaning here.
 * @throws ConfigError with every mistake, named by variable.
 */
export function readEnvironmentCluster(
  env: Variables,
  folder: string,
): { cluster: ClusterConfig; warnings: readonly string[] } {
  const raw: Record<string, unknown> = {};
  for (const [key, variable] of Object.entries(variables)) {
    const value = env[variable];
    if (value !== undefined && value !== "") raw[key] = readValue(key, value);
  }
  const { cluster, mistakes, warnings } = readCluster(environmentCluster, raw, folder, env);
  const lines = [
    ...mistakes.map(({ path, text }) => `${nameOf(path)}: ${inVariables(text)}`),
    ...misspelt(env, "PROXMOX_").map(({ name, meant }) => `${name}: unknown variable. Did you mean ${meant}?`),
  ];
  if (cluster === undefined || lines.length > 0) {
    throw new ConfigError(`The cluster in the environment has ${counted(lines.length)}:`, lines);
  }
  return { cluster, warnings: warnings.map(inVariables) };
}

/** Variables with our prefix that are none of ours, but whose rest is nearly one of ours. */
export function misspelt(env: Variables, prefix: string): { name: string; meant: string }[] {
  const tails = settings.flatMap(({ variable }) =>
    variable.startsWith(prefix) ? [variable.slice(prefix.length)] : [],
  );
  return Object.keys(env)
    .filter((name) => name.startsWith(prefix) && !tails.includes(name.slice(prefix.length)))
    .flatMap((name) => {
      const tail = nearest(name.slice(prefix.length), tails);
      return tail === undefined ? [] : [{ name, meant: prefix + tail }];
    });
}

function readValue(key: string, value: string): unknown {
  if (key === "verify_ssl") {
    if (/^(?:1|true|yes)$/i.test(value)) return true;
    return /^(?:0|false|no)$/i.test(value) ? false : value;
  }
  const isList = (key === "url" || key === "fingerprint") && value.includes(",");
  return isList ? value.split(",").map((item) => item.trim()) : value;
}

function nameOf([key, index]: readonly PropertyKey[]): string {
  const name = variables[String(key)] ?? "PROXMOX_URL";
  return index === undefined ? name : `${name}, entry ${Number(index) + 1}`;
}

function inVariables(text: string): string {
  return text
    .replaceAll(/"([a-z_]+)"/g, (quoted, key: string) => variables[key] ?? quoted)
    .replaceAll("(verify_ssl is false)", "(PROXMOX_VERIFY_SSL is false)");
}
