import { SchemaCache } from "../apidoc/cache/schema-cache.ts";
import { loadAnswerMemory } from "../config/answer-memory.ts";
import { environment } from "../config/environment.ts";
import { ConfigError } from "../config/error.ts";
import { isInheritedPipe } from "../config/files/file.ts";
import { onFileChange } from "../config/files/watch.ts";
import { loadRuntimeFolders } from "../config/runtime.ts";
import { loadAuditTarget } from "../config/server/audit.ts";
import { loadCacheFolder } from "../config/server/cache.ts";
import { loadLogConfig } from "../config/server/log.ts";
import type { CallerConfig, Config } from "../config/types.ts";
import { codeDisplay, stderrTerminal } from "../control/code-display.ts";
import { ControlError } from "../control/folder.ts";
import { type ControlSocket, openControl } from "../control/listen.ts";
import type { ServerStatus } from "../control/protocol.ts";
import type { LineQueue } from "../line-queue.ts";
import { createLog, type Log } from "../log.ts";
import { RunningCalls } from "../mcp/running-calls.ts";
import { type ServerFactory, serverFactory } from "../mcp/server.ts";
import { type Audit, AuditError, openAudit } from "../policy/audit/audit.ts";
import { type Caller, rightsOf } from "../policy/callers/caller.ts";
import { CallLimits } from "../policy/callers/limits.ts";
import { revocation } from "../policy/callers/revocation.ts";
import { Consents } from "../policy/consent/consents.ts";
import { idlePatterns } from "../policy/warnings.ts";
import { AnswerMemory } from "../proxmox/answers/answer-memory.ts";
import { warmUp } from "../proxmox/transport/warm-up.ts";
import type { Redactor } from "../redact/redactor.ts";
import { Signer } from "../signer.ts";
import { tools } from "../tools/catalog/index.ts";
import { version } from "../version.ts";
import type { Invocation } from "./run-command.ts";
import { type Fleet, loadSource, openFleet } from "./runtime.ts";
import { stopped } from "./shutdown.ts";

/** What `serve` and `stdio` have in common: clusters behind the policy, and servers that offer the tools over them. */
export interface Setup {
  /** As it was read first. */
  readonly config: Config;
  readonly createServer: ServerFactory;
  /** Of the moment. */
  readonly callers: () => readonly CallerConfig[];
  /** Whether the configuration of the moment has a caller, under this name and with this token. */
  readonly knows: (caller: Caller) => boolean;
  readonly calls: RunningCalls;
  readonly limits: CallLimits;
  readonly seal: Signer;
  readonly log: Log;
  /**
   * Opens the control socket, over which `consents` and `status` ask this server. Where that is not possible a warning
   * says why; the server runs on without it. Returns whether it is open.
   */
  openControl(command: "serve" | "stdio", transport: () => TransportStatus): boolean;
  readonly redactor: Redactor;
  /** Calls back when a reload changed what tools/list shows: clusters, callers, levels. */
  onToolsChange(listener: () => void): void;
  /** Calls back after each reload, once the calls of removed callers and clusters were cancelled. */
  onRevocation(listener: () => void): void;
  /**
   * Ends the watch over the configuration, closes the connections to the clusters, the audit and the control socket.
   * Requests that still have no outcome are recorded as unknown.
   */
  close(): Promise<void>;
}

/** The part of a server's status that depends on the transport. */
export type TransportStatus = Pick<ServerStatus, "transport" | "url" | "sessions">;

/**
 * Reads the configuration and makes everything that answers with it. SIGHUP or a changed file reads it again; a bad new
 * one is reported and the old one stays.
 * @param redactor learns the secrets of every configuration that is read, and the codes of open questions.
 * @throws {ConfigError} when the configuration cannot be used.
 */
export async function setUp({
  flags,
  redactor,
  stderr,
}: Pick<Invocation, "flags" | "redactor" | "stderr">): Promise<Setup> {
  const log = createLog(loadLogConfig({ flags, env: environment() }), redactor, stderr);
  const library = new SchemaCache({ folder: loadCacheFolder({ flags, env: environment() }, process.cwd()) });
  const answerMemory = new AnswerMemory(loadAnswerMemory({ flags, env: environment() }));
  const source = await loadSource(flags, redactor);
  warmUp(environment());
  const seal = new Signer(source.config);
  let control: ControlSocket | undefined;
  const consents = new Consents(codeDisplay(() => control !== undefined, log, stderrTerminal(stderr)));
  redactor.followCodes(() => consents.codes());
  let lastReload: { readonly at: number; readonly error?: string } | undefined;
  let audit = await openAuditOf(source.config, redactor, stderr);
  /** Every open audit: a call that began before a reload still writes to the earlier one. */
  const audits = new Set([audit]);
  const limits: CallLimits = new CallLimits(() => fleet.config);
  let fleet: Fleet = openFleet(source, { library, consents, audit, limits, redactor, answerMemory });
  warn(fleet.config, log);
  const listeners: (() => void)[] = [];
  const revocationListeners: (() => void)[] = [];
  const calls = new RunningCalls();

  const retire = async (old: Audit) => {
    audits.delete(old);
    await old.close("its audit was closed an hour after a reload");
  };

  const revoke = (before: Config) => {
    const revoked = revocation(before, fleet.config);
    const ended = calls.cancel(revoked);
    if (ended > 0)
      log.info(`${ended} running calls ended: their caller or cluster is not in the configuration any more`);
    consents.revoke(({ caller, cluster }) => revoked(caller, [cluster]) !== undefined);
    for (const listener of revocationListeners) listener();
  };

  const readAgain = async (why: string) => {
    try {
      const next = await loadSource(flags, redactor);
      const nextAudit =
        next.config.auditLog === fleet.config.auditLog ? audit : await openAuditOf(next.config, redactor, stderr);
      const before = { ...fleet, audit };
      audits.add(nextAudit);
      fleet = openFleet(next, { library, consents, audit: nextAudit, limits, redactor, answerMemory }, before.clusters);
      audit = nextAudit;
      for (const name of rotatedClusters(before.config, next.config)) consents.endAfterRotation(name);
      warn(fleet.config, log);
      before.clusters.close();
      if (before.audit !== audit) setTimeout(() => void retire(before.audit), oldAuditMs).unref();
      seal.renew(next.config);
      lastReload = { at: performance.now() };
      revoke(before.config);
      log.info(`${why}: now with ${fleet.clusters.names.join(", ")} from ${next.config.source}`);
      if (shown(fleet.config) !== shown(before.config)) for (const listener of listeners) listener();
    } catch (error) {
      const reason = error instanceof ConfigError ? error.message : `By a fault of this server: ${error}`;
      lastReload = { at: performance.now(), error: reason };
      log.error(`${why}, but the new configuration cannot be used and the old one stays. ${reason}`);
    }
  };
  // One after the other, so that what was read last is what counts.
  let reloading: Promise<void> = Promise.resolve();
  const reload = (why: string) => {
    reloading = reloading.then(() => readAgain(why));
  };
  const { file } = fleet.config;
  const isPipe = file !== undefined && isInheritedPipe(file);
  const onHangup = () => {
    audit.reopen();
    if (isPipe) log.warn(`SIGHUP: the configuration came from a pipe and cannot be read again. The old one stays.`);
    else reload("SIGHUP");
  };
  process.on("SIGHUP", onHangup);
  const watched = file === undefined || isPipe ? [] : [file];
  const unwatch = onFileChange(watched, () => reload(`${file} changed`));

  return {
    config: fleet.config,
    createServer: serverFactory({ tools, guard: () => fleet.guard, limits, calls, version, log, redactor }),
    callers: () => fleet.config.callers,
    knows: (caller) => rightsOf(caller, fleet.config) !== undefined,
    calls,
    limits,
    seal,
    log,
    openControl(command, transport) {
      const status = (): ServerStatus => ({
        version,
        pid: process.pid,
        ...transport(),
        uptimeMs: performance.now(),
        clusters: fleet.config.clusters.map(({ name, policy }) => ({ name, access: policy.access })),
        openQuestions: consents.open().length,
        configuration: {
          source: fleet.config.source,
          ...(lastReload !== undefined && { reload: { ...lastReload, agoMs: performance.now() - lastReload.at } }),
        },
      });
      try {
        const { own } = loadRuntimeFolders({ flags, env: environment() }, process.cwd());
        control = openControl(own, command, { questions: () => consents.open(), status });
        log.debug(`control socket: ${control.path}`);
      } catch (error) {
        if (!(error instanceof ControlError)) throw error;
        log.warn(
          `No control socket, so \`proxmox-mcp consents\` and \`status\` cannot see this server. ${error.message}`,
        );
      }
      return control !== undefined;
    },
    redactor,
    onToolsChange: (listener) => listeners.push(listener),
    onRevocation: (listener) => revocationListeners.push(listener),
    async close() {
      unwatch();
      process.off("SIGHUP", onHangup);
      fleet.clusters.close();
      await Promise.all([...audits].map((each) => each.close(stopped)));
      await control?.close();
    },
  };
}

/** How long the audit of before stays open, in milliseconds: longer than any request may take. */
const oldAuditMs = 3_600_000;

/** @throws {ConfigError} when its file cannot be opened: found out now, and not at the first change that it should tell of. */
async function openAuditOf(config: Config, redactor: Redactor, stderr: LineQueue): Promise<Audit> {
  try {
    return await openAudit(loadAuditTarget(config, environment()).target, redactor, stderr);
  } catch (error) {
    if (!(error instanceof AuditError)) throw error;
    throw new ConfigError(`${config.source}: ${error.message}`);
  }
}

function warn(config: Config, log: Log): void {
  const { warnings } = loadAuditTarget(config, environment());
  for (const warning of [...config.warnings, ...idlePatterns(config), ...warnings]) log.warn(warning);
}

/** The clusters of both configurations whose token secret changed. */
function rotatedClusters(before: Config, after: Config): string[] {
  return after.clusters.flatMap(({ name, tokenSecret }) => {
    const old = before.clusters.find((cluster) => cluster.name === name)?.tokenSecret;
    return old === undefined || old.reveal() === tokenSecret.reveal() ? [] : [name];
  });
}

/** What of a configuration stands in tools/list. */
function shown({ clusters, callers }: Config): string {
  return JSON.stringify([clusters.map(({ name, policy }) => [name, policy.access]), callers]);
}
