import { ClusterManager } from "../clusters.ts";
import { environment } from "../config/environment.ts";
import { ConfigError } from "../config/error.ts";
import type { Flags } from "../config/given.ts";
import { loadLogConfig } from "../config/log.ts";
import { loadConfig } from "../config/source.ts";
import type { Config } from "../config/types.ts";
import { onFileChange } from "../config/watch.ts";
import { createLog, type Log } from "../log.ts";
import { type ServerFactory, serverFactory } from "../mcp/server.ts";
import { guard, type Proxmox } from "../policy/guard.ts";
import { tools } from "../tools/index.ts";
import { version } from "../version.ts";

/** What `serve` and `stdio` have in common: clusters behind the policy, and servers that offer the tools over them. */
export interface Setup {
  /** As it was read first. */
  readonly config: Config;
  readonly createServer: ServerFactory;
  readonly log: Log;
  /** Ends the watch over the configuration and closes the connections to the clusters. */
  close(): void;
}

/** The clusters of one configuration, and the policy around them. */
interface Fleet {
  readonly config: Config;
  readonly clusters: ClusterManager;
  readonly proxmox: Proxmox;
}

/**
 * Reads the configuration and makes everything that answers with it. SIGHUP or a changed file reads it again; a bad new
 * one is reported and the old one stays.
 * @throws {ConfigError} when the configuration cannot be used.
 */
export async function setUp(flags: Flags): Promise<Setup> {
  const log = createLog(loadLogConfig({ flags, env: environment() }));
  const load = flags["demo"] === true ? demoFleet : () => configuredFleet(flags);
  let fleet = await load();
  for (const warning of fleet.config.warnings) log.warn(warning);

  const reload = async (why: string) => {
    try {
      const next = await load();
      for (const warning of next.config.warnings) log.warn(warning);
      fleet.clusters.close();
      fleet = next;
      log.info(`${why}: now with ${next.clusters.names.join(", ")} from ${next.config.source}`);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      log.error(`${why}, but the new configuration cannot be used and the old one stays. ${error.message}`);
    }
  };
  const onHangup = () => void reload("SIGHUP");
  process.on("SIGHUP", onHangup);
  const { file } = fleet.config;
  const unwatch = onFileChange(file === undefined ? [] : [file], () => void reload(`${file} changed`));

  return {
    config: fleet.config,
    createServer: serverFactory({ tools, proxmox: () => fleet.proxmox, version, log }),
    log,
    close() {
      unwatch();
      process.off("SIGHUP", onHangup);
      fleet.clusters.close();
    },
  };
}

async function configuredFleet(flags: Flags): Promise<Fleet> {
  const named = flags["config"];
  const config = await loadConfig({
    ...(typeof named === "string" && { config: named }),
    env: environment(),
    cwd: process.cwd(),
  });
  return fleetOf(config, new ClusterManager(config.clusters));
}

/** The demo is loaded only when it is asked for: a server on real clusters neither pays for it nor can reach it. */
async function demoFleet(): Promise<Fleet> {
  const { embeddedDemo } = await import("./demo.ts");
  const { config, fetchOf } = embeddedDemo();
  return fleetOf(config, new ClusterManager(config.clusters, (name) => ({ fetch: fetchOf(name) })));
}

function fleetOf(config: Config, clusters: ClusterManager): Fleet {
  return { config, clusters, proxmox: guard(clusters, config.source) };
}
