import { createServer as createPlain, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecure } from "node:https";
import type { AddressInfo } from "node:net";
import type { DemoCluster } from "../../src/simulator/index.ts";

/** One request as it came over the wire; `path` is the URL's, without the query. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface DemoServer {
  readonly url: string;
  readonly port: number;
  /** Everything that came, in order. */
  readonly requests: readonly SeenRequest[];
  /** How many of them were neither GET nor HEAD. */
  writes(): number;
  stop(): Promise<void>;
}

interface Options {
  /** The node that the socket belongs to; default the first one that is online. */
  readonly node?: string;
  /** PEM texts; https when given. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Called when the head of a request has come. */
  readonly onRequest?: (request: SeenRequest) => void;
}

/**
 * Mounts a demo cluster on a real socket of 127.0.0.1. `Bun.serve` has no way to send a reason phrase, and Proxmox says
 * the most important things nowhere else; so this is `node:http`.
 */
export async function serveDemo(cluster: DemoCluster, options: Options = {}): Promise<DemoServer> {
  const requests: SeenRequest[] = [];
  const scheme = options.tls === undefined ? "http" : "https";
  const handle = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const { method = "GET", url = "/", headers } = incoming;
    const seen = { method, url, path: url.split("?")[0] ?? url, headers };
    requests.push(seen);
    options.onRequest?.(seen);
    const gone = new AbortController();
    outgoing.once("close", () => gone.abort());
    respond(cluster, incoming, outgoing, `${scheme}://127.0.0.1${url}`, gone.signal, options.node).catch(() => {
      outgoing.destroy();
    });
  };
  const server = options.tls === undefined ? createPlain(handle) : createSecure(options.tls, handle);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve());
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `${scheme}://127.0.0.1:${port}`,
    port,
    requests,
    writes: () => requests.filter(({ method }) => method !== "GET" && method !== "HEAD").length,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function respond(
  cluster: DemoCluster,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  url: string,
  signal: AbortSignal,
  node: string | undefined,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const { method = "GET", headers } = incoming;
  const body = Buffer.concat(chunks);
  const request = new Request(url, {
    method,
    headers: Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)] as [string, string]],
    ),
    signal,
    ...(body.length > 0 ? { body } : {}),
  });
  const response = await cluster.fetch(request, node);
  const answer = Buffer.from(await response.arrayBuffer());
  outgoing.writeHead(response.status, response.statusText, {
    ...Object.fromEntries(response.headers),
    "content-length": answer.length,
    // Proxmox closes the connection after every failure.
    ...(response.status >= 400 ? { connection: "close" } : {}),
  });
  outgoing.end(method === "HEAD" ? undefined : answer);
}
