import { SchemaCache } from "../../src/apidoc/cache/schema-cache.ts";
import { embeddedDemo } from "../../src/cli/demo.ts";
import { ClusterManager } from "../../src/clusters.ts";
import type { Proxmox } from "../../src/policy/guarded-request.ts";
import { ownRequests } from "../../src/proxmox/requester.ts";
import { tools } from "../../src/tools/catalog/index.ts";
import type { ToolContext } from "../../src/tools/tool.ts";
import { version } from "../../src/version.ts";
import { serveAnnounced } from "./serve.ts";

// "Bare": the product's tools over the demo, answered with the product's bytes on all three transports, but without the
// MCP SDK, the gates and the policy. What the product is slower than this is what those cost. Its demo is also a
// Proxmox on a socket, under /api2/json.

const { config, fetchOf } = embeddedDemo();
const clusters = new ClusterManager(config.clusters, (name) => ({ fetch: fetchOf(name) }));
const library = new SchemaCache();
const unguarded: Proxmox = {
  names: clusters.names,
  writes: true,
  detours: [],
  state: (cluster, signal) => clusters.state(cluster, ownRequests, signal),
  access: () => "full",
  schema: async (cluster, signal) => await library.schema(clusters.pick(cluster).client, signal),
  resolve: (_, path) => Promise.resolve(path),
  async request(name, request) {
    const { client, name: cluster } = clusters.pick(name);
    return { ...(await client.request(request)), cluster };
  },
};
const context: ToolContext = { proxmox: unguarded, signal: new AbortController().signal };
const byName = new Map(tools.map((tool) => [tool.name, tool]));
const proxmoxOnSocket = fetchOf(config.clusters[0]?.name ?? "");

interface Message {
  readonly id?: number;
  readonly method: string;
  readonly params: { readonly name: string; readonly arguments: unknown };
}

/** The answer of a message: a call's result, or an empty one for what only begins a conversation. */
async function answer({ id, method, params }: Message, more: object = {}): Promise<string> {
  const text = method === "tools/call" ? await byName.get(params.name)?.call(params.arguments, context) : undefined;
  const result = text === undefined ? {} : { content: [{ type: "text", text }], ...more };
  return JSON.stringify({ result, jsonrpc: "2.0", id });
}

/** What the product says in every answer of 2026-07-28. */
const modern = {
  resultType: "complete",
  _meta: { "io.modelcontextprotocol/serverInfo": { name: "proxmox-mcp", title: "Proxmox VE", version } },
};

const eventStream = { "Content-Type": "text/event-stream", "Cache-Control": "no-cache, no-transform" };

async function streamable(request: Request): Promise<Response> {
  const message = (await request.json()) as Message;
  if (request.headers.get("mcp-protocol-version") === "2026-07-28") {
    return new Response(await answer(message, modern), { headers: { "Content-Type": "application/json" } });
  }
  if (message.id === undefined) return new Response(null, { status: 202 });
  const session = request.headers.get("mcp-session-id") ?? crypto.randomUUID();
  const headers = { ...eventStream, "mcp-session-id": session };
  return new Response(`event: message\ndata: ${await answer(message)}\n\n`, { headers });
}

const encoder = new TextEncoder();
const streams = new Map<string, ReadableStreamDefaultController<Uint8Array>>();

function openStream(): Response {
  const id = crypto.randomUUID();
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      streams.set(id, controller);
      controller.enqueue(encoder.encode(`event: endpoint\ndata: /messages?sessionId=${id}\n\n`));
    },
    cancel: () => void streams.delete(id),
  });
  return new Response(stream, { headers: eventStream });
}

async function post(request: Request, url: URL): Promise<Response> {
  const stream = streams.get(url.searchParams.get("sessionId") ?? "");
  const message = (await request.json()) as Message;
  if (message.id !== undefined) {
    void answer(message).then((text) => stream?.enqueue(encoder.encode(`event: message\ndata: ${text}\n\n`)));
  }
  return new Response("Accepted", { status: 202 });
}

await serveAnnounced(async (request, server) => {
  const url = new URL(request.url);
  if (url.pathname === "/mcp") return await streamable(request);
  if (url.pathname === "/messages") return await post(request, url);
  if (url.pathname.startsWith("/api2/json/")) return (await proxmoxOnSocket?.(request)) ?? new Response();
  if (url.pathname !== "/sse") return new Response("ok\n");
  server.timeout(request, 0);
  return openStream();
});
