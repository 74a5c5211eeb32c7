import { SchemaCache } from "../apidoc/cache/schema-cache.ts";
import { ClusterManager } from "../clusters.ts";
import { loadAnswerMemory } from "../config/answer-memory.ts";
import { loadConfig } from "../config/clusters/load.ts";
import { environment } from "../config/environment.ts";
import { ConfigError } from "../config/error.ts";
import { loadCacheFolder } from "../config/server/cache.ts";
import type { Flags } from "../config/server/option-sources.ts";
import type { Config } from "../config/types.ts";
import { noAudit, openAudit } from "../policy/audit/audit.ts";
import { CallLimits } from "../policy/callers/limits.ts";
import { noCodeDisplay } from "../policy/consent/code-display.ts";
import { Consents } from "../policy/consent/consents.ts";
import { type Guard, guard } from "../policy/guard.ts";
import type { GuardOptions } from "../policy/guarded-request.ts";
import { AnswerMemory, clusterShareOf } from "../proxmox/answers/answer-memory.ts";
import type { Redactor } from "../redact/redactor.ts";
import type { Invocation } from "./run-command.ts";

/** The clusters of one configuration, and the policy around them. */
export interface Fleet {
  readonly config: Config;
  readonly clusters: ClusterManager;
  /** The way in, for each call. */
  readonly guard: Guard;
}

/** What the fleets of one process have in common. */
export interface FleetOptions extends Pick<GuardOptions, "library" | "consents" | "audit" | "limits"> {
  readonly redactor: Redactor;
  readonly answerMemory: AnswerMemory;
}

/** A configuration, and how to reach those of its clusters that live in this process. */
export interface Source {
  readonly config: Config;
  /** The way into a cluster of the demo; `undefined` where clusters are reached over the network. */
  fetchOf(cluster: string): ((request: Request) => Promise<Response>) | undefined;
}

/**
 * Reads the configuration that the flags and the environment name, or makes the demo. Its secrets go to `redactor`.
 * @throws {ConfigError} when the configuration cannot be used.
 */
export async function loadSource(flags: Flags, redactor: Redactor): Promise<Source> {
  const source = await read(flags);
  redactor.add(source.config);
  return source;
}

async function read(flags: Flags): Promise<Source> {
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

/**
 * The clusters of a configuration, ready to be asked through the policy.
 * @param before the fleet that this one takes the place of: what it has sent is still under way.
 */
export function openFleet(
  { config, fetchOf }: Source,
  { redactor, answerMemory, ...around }: FleetOptions,
  before?: ClusterManager,
): Fleet {
  const memoryShare = clusterShareOf(config.clusters.length);
  const clusters = new ClusterManager(config.clusters, (name) => {
    const fetch = fetchOf(name);
    const writes = before?.names.includes(name) === true ? before.pick(name).client.writes : undefined;
    return { writes, redactor, answerMemory, memoryShare, ...(fetch !== undefined && { fetch }) };
  });
  return { config, clusters, guard: guard({ clusters, config, ...around }) };
}

/**
 * The clusters for a command of the operator, who sees its effects: it is audited only where the configuration names a
 * file for that.
 * @throws {ConfigError} when the configuration cannot be used, {AuditError} when its audit cannot be opened.
 */
export async function openQuietly({
  flags,
  redactor,
  stderr,
}: Pick<Invocation, "flags" | "redactor" | "stderr">): Promise<Fleet> {
  const source = await loadSource(flags, redactor);
  return openFleet(source, {
    redactor,
    answerMemory: new AnswerMemory(loadAnswerMemory({ flags, env: environment() })),
    limits: new CallLimits(() => source.config),
    library: new SchemaCache({ folder: loadCacheFolder({ flags, env: environment() }, process.cwd()) }),
    consents: new Consents(noCodeDisplay),
    audit: source.config.auditLog === undefined ? noAudit : await openAudit(source.config.auditLog, redactor, stderr),
  });
}
