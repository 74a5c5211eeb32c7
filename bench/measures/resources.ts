import { SchemaCache } from "../../src/apidoc/cache/schema-cache.ts";
import { ClusterManager } from "../../src/clusters.ts";
import { Secret } from "../../src/config/secret.ts";
import type { ClusterConfig } from "../../src/config/types.ts";
import { noAudit } from "../../src/policy/audit/audit.ts";
import { local } from "../../src/policy/callers/caller.ts";
import { CallLimits } from "../../src/policy/callers/limits.ts";
import { noCodeDisplay } from "../../src/policy/consent/code-display.ts";
import { Consents } from "../../src/policy/consent/consents.ts";
import { guard } from "../../src/policy/guard.ts";
import { createDemo } from "../../src/simulator/index.ts";
import { getClusterResources } from "../../src/tools/catalog/get-cluster-resources.ts";
import type { Sample } from "../sample.ts";

/** 500 guests on two clusters through the tool with its usual fields: the answer's bytes. */
export async function fleetBytes(): Promise<Sample[]> {
  return [{ ours: (await askFleet()).bytes }];
}

/** The same: requests to each cluster. */
export async function fleetRequests(): Promise<Sample[]> {
  return [{ ours: (await askFleet()).requests / 2 }];
}

async function askFleet(): Promise<{ bytes: number; requests: number }> {
  const { clusters: demos } = createDemo({ guests: 250 });
  let requests = 0;
  const clusters = demos.map(
    ({ name, credentials: { user, tokenId, tokenSecret } }): ClusterConfig => ({
      name,
      endpoints: [`https://${name}.demo.invalid:8006`],
      user,
      tokenId,
      tokenSecret: new Secret(tokenSecret),
      tls: { mode: "verify" },
      timeoutMs: 30_000,
      policy: { access: "full", consentFallback: "code", allow: undefined, deny: [], protect: [] },
    }),
  );
  const config = { source: "the bench", clusters, callers: [], auditLog: undefined, warnings: [] };
  const manager = new ClusterManager(clusters, (name) => ({
    fetch: async (request) => {
      requests++;
      const demo = demos.find((one) => one.name === name);
      if (demo === undefined) throw new Error(name);
      return await demo.fetch(request);
    },
  }));
  const consents = new Consents(noCodeDisplay);
  const limits = new CallLimits(() => config);
  const open = guard({ clusters: manager, config, library: new SchemaCache(), consents, audit: noAudit, limits });
  const proxmox = open({ caller: local, client: "bench", prompt: "none" });
  const text = await getClusterResources.call(
    { type: "vm", limit: 500 },
    { proxmox, signal: new AbortController().signal },
  );
  return { bytes: Buffer.byteLength(text), requests };
}
