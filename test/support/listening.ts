import { SchemaCache } from "../../src/apidoc/cache/schema-cache.ts";
import { embeddedDemo } from "../../src/cli/demo.ts";
import { ClusterManager } from "../../src/clusters.ts";
import type { CallerConfig, Config, ServerConfig } from "../../src/config/types.ts";
import { type Listening, type ListenOptions, listen } from "../../src/http/listen.ts";
import type { Log } from "../../src/log.ts";
import { RunningCalls } from "../../src/mcp/running-calls.ts";
import { serverFactory } from "../../src/mcp/server.ts";
import { noAudit } from "../../src/policy/audit/audit.ts";
import { CallLimits } from "../../src/policy/callers/limits.ts";
import { noCodeDisplay } from "../../src/policy/consent/code-display.ts";
import { Consents } from "../../src/policy/consent/consents.ts";
import { guard } from "../../src/policy/guard.ts";
import type { ProxmoxClientOptions } from "../../src/proxmox/client.ts";
import { Redactor } from "../../src/redact/redactor.ts";
import { Signer } from "../../src/signer.ts";
import { tools } from "../../src/tools/catalog/index.ts";
import { emptyConfig } from "./guarded.ts";

/** A log that keeps what it is told. */
export interface KeptLog extends Log {
  readonly lines: readonly string[];
}

/** A log for tests. */
export function keptLog(): KeptLog {
  const lines: string[] = [];
  const keep = (message: string) => lines.push(message);
  return { lines, error: keep, warn: keep, info: keep, debug: keep, warns: true };
}

/** A server's settings on a free port of this machine, open to all of it. */
export const loopback: ServerConfig = {
  host: "127.0.0.1",
  port: 0,
  allowedHosts: [],
  allowedOrigins: [],
  authToken: undefined,
  tls: undefined,
  warnings: [],
};

/** No authentication and no limits. */
export const unlimited = {
  callers: () => [],
  knows: () => true,
  calls: new RunningCalls(),
  limits: new CallLimits(() => emptyConfig),
  redactor: new Redactor(),
};

/** The server over the demo, in the test's own process: for limits that no flag sets. */
export function listenToDemo(options: ListenOptions, callers: readonly CallerConfig[] = []): KeptListening {
  const { config, fetchOf } = embeddedDemo();
  return listenTo({ ...config, callers }, (name) => ({ fetch: fetchOf(name) }), options);
}

/** A server in the test's own process, and what it has logged. */
export interface KeptListening extends Listening {
  readonly log: KeptLog;
}

/** The server over these clusters, in the test's own process: for waits that no setting makes short. */
export function listenTo(
  config: Config,
  optionsOf: (name: string) => ProxmoxClientOptions,
  options: ListenOptions = {},
  redactor = unlimited.redactor,
): KeptListening {
  const clusters = new ClusterManager(config.clusters, optionsOf);
  const log = keptLog();
  const seal = new Signer(config);
  const consents = new Consents(noCodeDisplay);
  const limits = new CallLimits(() => config);
  const around = guard({ clusters, config, library: new SchemaCache(), consents, audit: noAudit, limits });
  const { calls } = unlimited;
  const createServer = serverFactory({ tools, guard: () => around, limits, calls, version: "0.0.0", log, redactor });
  const served = { ...unlimited, callers: () => config.callers, createServer, limits, seal, log, redactor };
  return { ...listen(loopback, served, options), log };
}

/** Waits until something holds, for at most two seconds, or as long as is said in milliseconds. */
export async function until(holds: () => boolean, maxMs = 2000): Promise<void> {
  for (let i = 0; i < maxMs / 10 && !holds(); i++) await Bun.sleep(10);
  if (!holds()) throw new Error(`did not come true: ${holds}`);
}
