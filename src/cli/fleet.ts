import type { ApiLibrary } from "../apidoc/library.ts";
import { ClusterManager } from "../clusters.ts";
import { environment } from "../config/environment.ts";
import { ConfigError } from "../config/error.ts";
import type { Flags } from "../config/given.ts";
import { loadConfig } from "../config/source.ts";
import type { Config } from "../config/types.ts";
import { guard, type Proxmox } from "../policy/guard.ts";

/** The clusters of one configuration, and the policy around them. */
export interface Fleet {
  readonly config: Config;
  readonly clusters: ClusterManager;
  readonly proxmox: Proxmox;
}

/** A configuration, and how to reach those of its clusters that live in this process. */
export interface Source {
  readonly config: Config;
  /** The way into a cluster of the demo; `undefined` where clusters are reached over the network. */
  fetchOf(cluster: string): ((request: Request) => Promise<Response>) | undefined;
}

/**
 * Reads the configuration that the flags and the environment name, or makes the demo.
 * @throws {ConfigError} when the configuration cannot be used.
 */
export async function loadSource(flags: Flags): Promise<Source> {
  if (flags["demo"] === true) {
    if (flags["config"] !== undefined) throw new ConfigError("--demo and --config say two things; give one of them.");
    // Loaded only when it is asked for: a server on real clusters neither pays for the demo nor can reach it.
    const { embeddedDemo } = await import("./demo.ts");
    return embeddedDemo();
  }
  const named = flags["config"];
  const config = await loadConfig({
    ...(typeof named === "string" && { config: named }),
    env: environment(),
    cwd: process.cwd(),
  });
  return { config, fetchOf: () => undefined };
}

/** The clusters of {@link loadSource}, ready to be asked through the policy; `library` is one that a reload hands on. */
export async function loadFleet(flags: Flags, library?: ApiLibrary): Promise<Fleet> {
  const { config, fetchOf } = await loadSource(flags);
  const clusters = new ClusterManager(config.clusters, (name) => {
    const fetch = fetchOf(name);
    return fetch === undefined ? {} : { fetch };
  });
  return { config, clusters, proxmox: guard(clusters, config.source, library) };
}
