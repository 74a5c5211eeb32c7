import { SchemaCache } from "../../src/apidoc/cache/schema-cache.ts";
import { ClusterManager } from "../../src/clusters.ts";
import { Secret } from "../../src/config/secret.ts";
import type { ClusterConfig } from "../../src/config/types.ts";
import { askInResult } from "../../src/mcp/elicitation.ts";
import { answer, failure } from "../../src/mcp/result.ts";
import { noAudit } from "../../src/policy/audit/audit.ts";
import { ConsentNeeded } from "../../src/policy/call.ts";
import { local } from "../../src/policy/callers/caller.ts";
import { CallLimits } from "../../src/policy/callers/limits.ts";
import { noCodeDisplay } from "../../src/policy/consent/code-display.ts";
import { Consents } from "../../src/policy/consent/consents.ts";
import { guard } from "../../src/policy/guard.ts";
import { Redactor } from "../../src/redact/redactor.ts";
import { createDemo, type DemoCluster, type DemoOptions } from "../../src/simulator/index.ts";
import { tools } from "../../src/tools/catalog/index.ts";
import { failureText } from "../../src/tools/failure.ts";
import type { ToolAnswer } from "./clients.ts";
import { configOf } from "./guarded.ts";

/** Every tool over the demo's clusters, in this process and without sockets, so that what a call costs can be measured. */
export interface InProcess {
  readonly clusters: readonly DemoCluster[];
  /** Calls a tool as the server does, from its arguments to the text that a client gets. */
  call(name: string, args?: Record<string, unknown>): Promise<ToolAnswer>;
}

interface Options extends DemoOptions {
  /** Sees every request to a cluster, and answers it. */
  readonly around?: (request: Request, answer: (request: Request) => Promise<Response>) => Promise<Response>;
  readonly policy?: Partial<ClusterConfig["policy"]>;
}

/** Tools that read what a client keeps for a second or two: each call has clients of its own, and reads it. */
const keptReads: ReadonlySet<string> = new Set(["list_clusters", "get_cluster_resources", "cluster_health"]);

/** Makes the tools over a fresh demo. Nothing that a call learns outlives it but what is known of the API. */
export function toolsInProcess({ around, policy = {}, ...options }: Options = {}): InProcess {
  const { clusters } = createDemo({ offlineDelayMs: 0, authDelayMs: 0, taskMs: 0, ...options });
  const redactor = new Redactor();
  const config = configOf(clusters.map((cluster) => configFor(cluster, policy)));
  redactor.add(config);
  const library = new SchemaCache();
  const limits = new CallLimits(() => config);
  const fetchOf = (name: string) => {
    const cluster = clusters.find((each) => each.name === name);
    if (cluster === undefined) throw new Error(`the demo has no cluster ${name}`);
    const direct = (request: Request) => cluster.fetch(request);
    return { redactor, fetch: around === undefined ? direct : (request: Request) => around(request, direct) };
  };
  const shared = new ClusterManager(config.clusters, fetchOf);
  return {
    clusters,
    async call(name, args = {}) {
      const tool = tools.find((each) => each.name === name);
      if (tool === undefined) throw new Error(`there is no tool ${name}`);
      const manager = keptReads.has(name) ? new ClusterManager(config.clusters, fetchOf) : shared;
      const consents = new Consents(noCodeDisplay);
      using proxmox = guard({ clusters: manager, config, library, consents, audit: noAudit, limits })({
        caller: local,
        client: "test",
        prompt: "form",
      });
      const { content, isError = false } = await tool
        .call(args, { proxmox, signal: new AbortController().signal })
        .then((text) => answer(text, redactor))
        .catch((error: unknown) => {
          // The form that a human is shown, as text.
          if (error instanceof ConsentNeeded) return answer(JSON.stringify(askInResult(error, redactor)), redactor);
          const text = failureText(error);
          if (text === undefined) throw error;
          return failure(text, redactor);
        });
      return { text: content.map((part) => (part.type === "text" ? part.text : "")).join("\n"), isError };
    },
  };
}

function configFor({ name, nodes, credentials }: DemoCluster, policy: Partial<ClusterConfig["policy"]>): ClusterConfig {
  return {
    name,
    endpoints: [`https://${nodes[0]}.demo.invalid:8006`],
    user: credentials.user,
    tokenId: credentials.tokenId,
    tokenSecret: new Secret(credentials.tokenSecret),
    tls: { mode: "verify" },
    timeoutMs: 30_000,
    policy: { access: "guarded", consentFallback: "code", allow: undefined, deny: [], protect: [], ...policy },
  };
}
