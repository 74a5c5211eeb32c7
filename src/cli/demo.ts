import { Secret } from "../config/secret.ts";
import type { Config } from "../config/types.ts";
import { createDemo } from "../simulator/index.ts";

/** Clusters that live in this process: no sockets, no TLS, and gone when it ends. */
export function embeddedDemo(): { config: Config; fetchOf(cluster: string): (request: Request) => Promise<Response> } {
  const { clusters } = createDemo();
  return {
    config: {
      source: "the demo",
      warnings: [],
      callers: [],
      auditLog: undefined,
      clusters: clusters.map(({ name, nodes, credentials }) => ({
        name,
        endpoints: [`https://${nodes[0]}.demo.invalid:8006`],
        user: credentials.user,
        tokenId: credentials.tokenId,
        tokenSecret: new Secret(credentials.tokenSecret),
        tls: { mode: "verify" },
        timeoutMs: 30_000,
        policy: { access: "guarded", consentFallback: "code", allow: undefined, deny: [], protect: [] },
      })),
    },
    fetchOf: (name) => {
      const cluster = clusters.find((candidate) => candidate.name === name);
      if (cluster === undefined) throw new Error(`the demo has no cluster ${name}`);
      return (request) => cluster.fetch(request);
    },
  };
}
