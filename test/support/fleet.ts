import { createDemo, type DemoCluster, type DemoOptions } from "../../src/simulator/index.ts";
import { type ConfigFile, configFile } from "./config-file.ts";
import { type DemoServer, serveDemo } from "./demo-server.ts";
import { type Product, startProduct } from "./product.ts";

/** The product over both clusters of the demo, each behind its own socket. */
export interface Fleet extends AsyncDisposable {
  readonly product: Product;
  readonly config: ConfigFile;
  readonly alpha: DemoServer;
  readonly beta: DemoServer;
  /** Sends a request to alpha past the product, and gives the answer's data. */
  send(method: string, path: string, form?: Record<string, string>): Promise<unknown>;
}

/** What a test puts between a cluster and its socket. */
export type Around = (request: Request, answer: (request: Request) => Promise<Response>) => Promise<Response>;

interface FleetOptions extends DemoOptions {
  readonly around?: Around;
  /** Further clusters of the configuration. */
  readonly others?: Readonly<Record<string, unknown>>;
}

/** Starts the product over a demo whose failures take no time; `around` sees all requests to alpha. */
export async function startFleet({ around, others = {}, ...options }: FleetOptions = {}): Promise<Fleet> {
  const [alpha, beta] = createDemo({ offlineDelayMs: 0, authDelayMs: 0, ...options }).clusters;
  if (alpha === undefined || beta === undefined) throw new Error("the demo has no two clusters");
  const [first, second] = await Promise.all([serveDemo(wrapped(alpha, around)), serveDemo(beta)]);
  const config = await configFile({ clusters: { alpha: entry(first, alpha), beta: entry(second, beta), ...others } });
  const product = await startProduct(["--config", config.path]);
  return {
    product,
    config,
    alpha: first,
    beta: second,
    async send(method, path, form) {
      const { user, tokenId, tokenSecret } = alpha.credentials;
      const headers = { authorization: `PVEAPIToken=${user}!${tokenId}=${tokenSecret}` };
      const body = form === undefined ? {} : { body: new URLSearchParams(form) };
      const response = await alpha.fetch(new Request(`http://demo/api2/json${path}`, { method, headers, ...body }));
      if (response.status !== 200) throw new Error(`${method} ${path}: ${response.status} ${response.statusText}`);
      return ((await response.json()) as { data: unknown }).data;
    },
    async [Symbol.asyncDispose]() {
      await product.stop();
      await Promise.all([first.stop(), second.stop(), config[Symbol.asyncDispose]()]);
    },
  };
}

function wrapped(cluster: DemoCluster, around: Around | undefined): DemoCluster {
  if (around === undefined) return cluster;
  return { ...cluster, fetch: (request, node) => around(request, (passed) => cluster.fetch(passed, node)) };
}

function entry({ url }: DemoServer, { credentials: { user, tokenId, tokenSecret } }: DemoCluster) {
  return { url, user, token_id: tokenId, token_secret: tokenSecret, access: "full" };
}
