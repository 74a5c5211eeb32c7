import { ClusterManager } from "../clusters.ts";
import type { Flags } from "../config/given.ts";
import { loadLogConfig } from "../config/log.ts";
import { loadConfig } from "../config/source.ts";
import type { Config } from "../config/types.ts";
import { environment } from "../config/environment.ts";
import { createLog, type Log } from "../log.ts";
import { type ServerFactory, serverFactory } from "../mcp/server.ts";
import { guard } from "../policy/guard.ts";
import { tools } from "../tools/index.ts";
import { version } from "../version.ts";

/** What `serve` and `stdio` have in common: clusters behind the policy, and servers that offer the tools over them. */
export interface Setup {
  readonly config: Config;
  readonly clusters: ClusterManager;
  readonly createServer: ServerFactory;
  readonly log: Log;
}

/** @throws {ConfigError} when the configuration cannot be used. */
export async function setUp(flags: Flags): Promise<Setup> {
  const env = environment();
  const log = createLog(loadLogConfig({ flags, env }));
  const { config, clusters } = await (flags["demo"] === true ? demo() : configured(flags, env));
  for (const warning of config.warnings) log.warn(warning);
  const proxmox = guard(clusters, config.source);
  return { config, clusters, createServer: serverFactory({ tools, proxmox, version, log }), log };
}

async function configured(flags: Flags, env: ReturnType<typeof environment>) {
  const file = flags["config"];
  const config = await loadConfig({ ...(typeof file === "string" && { config: file }), env, cwd: process.cwd() });
  return { config, clusters: new ClusterManager(config.clusters) };
}

/** The demo is loaded only when it is asked for: a server on real clusters neither pays for it nor can reach it. */
async function demo() {
  const { embeddedDemo } = await import("./demo.ts");
  const { config, fetchOf } = embeddedDemo();
  return { config, clusters: new ClusterManager(config.clusters, (name) => ({ fetch: fetchOf(name) })) };
}
