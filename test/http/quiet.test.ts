import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { httpClient, modernClient, sseClient, stdioClient } from "../support/clients.ts";
import { type Product, startProduct } from "../support/product.ts";

/** Longer than Bun's 10 s for quiet connections, than the 60 s after which clients give up silent answers. */
const slowMs = 65_000;

let folder: string;
let config: string;
let slow: Bun.Server<undefined>;
let product: Product;

beforeAll(async () => {
  slow = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      if (new URL(request.url).pathname.endsWith("/slow")) await Bun.sleep(slowMs);
      return Response.json({ data: { answered: true } });
    },
  });
  folder = await mkdtemp(join(tmpdir(), "proxmox-mcp-"));
  config = join(folder, "clusters.json");
  const cluster = {
    url: slow.url.origin,
    user: "mcp@pve",
    token_id: "t",
    token_secret: "s",
    access: "full",
    timeout_ms: 2 * slowMs,
  };
  await writeFile(config, JSON.stringify({ clusters: { slow: cluster } }), { mode: 0o600 });
  product = await startProduct(["--config", config]);
});

afterAll(async () => {
  await product.stop();
  await slow.stop(true);
  await rm(folder, { recursive: true });
});

const slowCall = { name: "proxmox_api_call", arguments: { path: "/slow" } };

/** A session's GET stream, on which nothing is ever sent but comments. */
async function openStream() {
  const headers = { "content-type": "application/json", accept: "application/json, text/event-stream" };
  const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "tests", version: "1" } };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params });
  const begun = await fetch(`${product.url}/mcp`, { method: "POST", headers, body });
  await begun.text();
  const id = begun.headers.get("mcp-session-id") ?? "";
  const stream = await fetch(`${product.url}/mcp`, { headers: { ...headers, "mcp-session-id": id } });
  let text = "";
  let ended = false;
  void (async () => {
    for await (const chunk of stream.body ?? []) text += new TextDecoder().decode(chunk);
    ended = true;
  })().catch(() => {
    ended = true;
  });
  return { text: () => text, ended: () => ended };
}

test(
  "a call of 65 s is answered on every transport, and so is one on a stream that was quiet as long",
  async () => {
    const clients = await Promise.all([
      sseClient(product),
      httpClient(product),
      modernClient(product),
      stdioClient(["--config", config]),
      sseClient(product),
      httpClient(product),
    ]);
    const quiet = clients.slice(4);
    const single = fetch(`${product.url}/mcp`, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: slowCall }),
    });
    const version = "2026-07-28";
    const meta = {
      "io.modelcontextprotocol/protocolVersion": version,
      "io.modelcontextprotocol/clientInfo": { name: "tests", version: "1" },
      "io.modelcontextprotocol/clientCapabilities": {},
    };
    const modern = fetch(`${product.url}/mcp`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": version,
        "mcp-method": "tools/call",
        "mcp-name": slowCall.name,
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { ...slowCall, _meta: meta } }),
    });
    const began = Date.now();
    const headAfter = Promise.all([single, modern]).then(() => Date.now() - began);
    const stream = await openStream();
    const slowAnswers = await Promise.all(
      clients
        .slice(0, 4)
        .map(async (client) => await client.call("proxmox_api_call", { path: "/slow" }, { timeout: 2 * slowMs })),
    );
    expect(await headAfter).toBeLessThan(15_000);
    expect(await (await single).text()).toContain("answered");
    expect(await (await modern).text()).toContain("answered");
    expect(stream.ended()).toBe(false);
    expect(stream.text().length).toBeGreaterThan(100);
    for (const answer of slowAnswers) expect(answer.text).toContain('"answered":true');
    for (const client of quiet)
      expect((await client.call("proxmox_api_call", { path: "/version" })).isError).toBe(false);
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  },
  2 * slowMs,
);
