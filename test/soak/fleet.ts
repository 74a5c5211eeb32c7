import { createDemo, type DemoCluster } from "../../src/simulator/index.ts";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { serveDemo } from "../support/demo-server.ts";
import { makeIdentity } from "../support/pki.ts";
import { type Product, startProduct } from "../support/product.ts";

/** The product over both clusters of the demo, one of them behind TLS with a pinned certificate, with named callers. */
export interface SoakFleet extends AsyncDisposable {
  readonly product: Product;
  /** Headers of a caller, as its clients send them. */
  headersOf(caller: keyof typeof tokens): Record<string, string>;
  /** Writes a configuration that differs from the last one, which the product reads by itself. */
  reload(turn: number): Promise<void>;
}

/** Callers and their tokens; `guest` comes and goes with the reloads. */
const tokens = {
  agent: "soak-token-of-the-agent-0123456789",
  reader: "soak-token-of-the-reader-0123456789",
  guest: "soak-token-of-the-guest-0123456789",
} as const;

/** Starts it. */
export async function startSoakFleet(): Promise<SoakFleet> {
  const [alpha, beta] = createDemo({ offlineDelayMs: 20, authDelayMs: 20, taskMs: 400 }).clusters;
  if (alpha === undefined || beta === undefined) throw new Error("the demo has no two clusters");
  const identity = await makeIdentity();
  const [first, second] = await Promise.all([serveDemo(alpha, { tls: identity }), serveDemo(beta)]);
  const clusterOf = ({ credentials: { user, tokenId, tokenSecret } }: DemoCluster, url: string) => {
    return { url, user, token_id: tokenId, token_secret: tokenSecret, access: "full" };
  };
  const contentOf = (turn: number) => ({
    clusters: {
      alpha: { ...clusterOf(alpha, first.url), fingerprint: identity.fingerprint },
      beta: clusterOf(beta, second.url),
      ...(turn % 2 === 1 && { gamma: clusterOf(beta, second.url) }),
    },
    callers: {
      agent: callerOf("agent"),
      reader: { ...callerOf("reader"), access: "read-only" },
      ...(turn % 3 !== 2 && { guest: callerOf("guest") }),
    },
  });
  const config: ConfigFile = await configFile(contentOf(0));
  const product = await startProduct(["--config", config.path]);
  return {
    product,
    headersOf: (caller) => ({ authorization: `Bearer ${tokens[caller]}` }),
    // Every fifth one is half a file, which leaves the last good configuration in force.
    reload: async (turn) => await config.write(turn % 5 === 4 ? '{"clusters":' : contentOf(turn)),
    async [Symbol.asyncDispose]() {
      await product.stop();
      await Promise.all([first.stop(), second.stop(), config[Symbol.asyncDispose]()]);
    },
  };
}

function callerOf(name: keyof typeof tokens) {
  const hash = new Bun.CryptoHasher("sha256").update(tokens[name]).digest("hex");
  return { token_sha256: hash, requests_per_minute: 1_000_000, parallel_calls: 100 };
}
