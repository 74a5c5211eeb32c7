import { SchemaCache } from "../../src/apidoc/cache/schema-cache.ts";
import { ClusterManager } from "../../src/clusters.ts";
import type { ClusterConfig, Config } from "../../src/config/types.ts";
import { type Audit, noAudit } from "../../src/policy/audit/audit.ts";
import type { Call } from "../../src/policy/call.ts";
import { local } from "../../src/policy/callers/caller.ts";
import { CallLimits } from "../../src/policy/callers/limits.ts";
import { noCodeDisplay } from "../../src/policy/consent/code-display.ts";
import { Consents } from "../../src/policy/consent/consents.ts";
import { guard } from "../../src/policy/guard.ts";
import type { Proxmox } from "../../src/policy/guarded-request.ts";
import type { ProxmoxClientOptions } from "../../src/proxmox/client.ts";

/** A configuration of these clusters and nothing else. */
export function configOf(clusters: readonly ClusterConfig[], more: Partial<Config> = {}): Config {
  return { source: "the test", clusters, callers: [], auditLog: undefined, warnings: [], ...more };
}

/** A configuration without a cluster: for what only needs its key. */
export const emptyConfig: Config = configOf([]);

/** Clusters behind the policy, for the local caller with a client without elicitation. */
export function guarded(
  clusters: readonly ClusterConfig[],
  {
    library = new SchemaCache(),
    audit = noAudit,
    call = { caller: local, client: "test", prompt: "none" },
    optionsOf,
  }: {
    readonly library?: SchemaCache;
    readonly audit?: Audit;
    readonly call?: Call;
    readonly optionsOf?: (cluster: string) => ProxmoxClientOptions;
  } = {},
): Proxmox {
  const config = configOf(clusters);
  const consents = new Consents(noCodeDisplay);
  const limits = new CallLimits(() => config);
  return guard({ clusters: new ClusterManager(clusters, optionsOf), config, library, consents, audit, limits })(call);
}
