import { ApiLibrary } from "../apidoc/library.ts";
import { loadCacheFolder } from "../config/cache.ts";
import { environment } from "../config/environment.ts";
import { ConfigError } from "../config/error.ts";
import { isRereadable } from "../config/file.ts";
import type { Flags } from "../config/given.ts";
import { loadLogConfig } from "../config/log.ts";
import type { Config } from "../config/types.ts";
import { onFileChange } from "../config/watch.ts";
import { createLog, type Log } from "../log.ts";
import { type ServerFactory, serverFactory } from "../mcp/server.ts";
import { Seal } from "../seal.ts";
import { tools } from "../tools/index.ts";
import { version } from "../version.ts";
import { loadFleet } from "./fleet.ts";

/** What `serve` and `stdio` have in common: clusters behind the policy, and servers that offer the tools over them. */
export interface Setup {
  /** As it was read first. */
  readonly config: Config;
  readonly createServer: ServerFactory;
  readonly seal: Seal;
  readonly log: Log;
  /** Calls back when a reload changed the clusters' names, which tools/list shows. */
  onToolsChange(listener: () => void): void;
  /** Ends the watch over the configuration and closes the connections to the clusters. */
  close(): void;
}

/**
 * Reads the configuration and makes everything that answers with it. SIGHUP or a changed file reads it again; a bad new
 * one is reported and the old one stays.
 * @throws {ConfigError} when the configuration cannot be used.
 */
export async function setUp(flags: Flags): Promise<Setup> {
  const log = createLog(loadLogConfig({ flags, env: environment() }));
  const library = new ApiLibrary({ folder: loadCacheFolder({ flags, env: environment() }, process.cwd()) });
  let fleet = await loadFleet(flags, library);
  for (const warning of fleet.config.warnings) log.warn(warning);
  const seal = new Seal(fleet.config);
  const listeners: (() => void)[] = [];

  const reload = async (why: string) => {
    try {
      const next = await loadFleet(flags, library);
      for (const warning of next.config.warnings) log.warn(warning);
      const before = fleet;
      fleet = next;
      before.clusters.close();
      seal.renew(next.config);
      const names = next.clusters.names.join(", ");
      log.info(`${why}: now with ${names} from ${next.config.source}`);
      if (names !== before.clusters.names.join(", ")) for (const listener of listeners) listener();
    } catch (error) {
      const reason = error instanceof ConfigError ? error.message : `By a fault of this server: ${error}`;
      log.error(`${why}, but the new configuration cannot be used and the old one stays. ${reason}`);
    }
  };
  const { file } = fleet.config;
  const isPipe = file !== undefined && !isRereadable(file);
  const onHangup = () => {
    if (isPipe) log.warn(`SIGHUP: the configuration came from a pipe and cannot be read again. The old one stays.`);
    else void reload("SIGHUP");
  };
  process.on("SIGHUP", onHangup);
  const watched = file === undefined || isPipe ? [] : [file];
  const unwatch = onFileChange(watched, () => void reload(`${file} changed`));

  return {
    config: fleet.config,
    createServer: serverFactory({ tools, proxmox: () => fleet.proxmox, version, log }),
    seal,
    log,
    onToolsChange: (listener) => listeners.push(listener),
    close() {
      unwatch();
      process.off("SIGHUP", onHangup);
      fleet.clusters.close();
    },
  };
}
