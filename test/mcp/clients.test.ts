import { afterAll, beforeAll, expect, test } from "bun:test";
import { tools } from "../../src/tools/catalog/index.ts";
import { httpClient, inspect, type McpClient, modernClient, sseClient, stdioClient } from "../support/clients.ts";
import { cleanEnvironment, type Product, productCommand, startProduct } from "../support/product.ts";

const names = tools.map(({ name }) => name);

let product: Product;

beforeAll(async () => {
  product = await startProduct(["--demo"]);
});

afterAll(async () => {
  await product.stop();
});

/** What an operator would ask first, and what must stand in the answers over the demo. */
async function useAllTools(client: McpClient): Promise<void> {
  expect(await client.listTools()).toEqual(names);

  const clusters = await client.call("list_clusters");
  expect(clusters).toMatchObject({ isError: false });
  expect(clusters.text).toContain("alpha\treachable\t9.2.11\tyes\t2 of 3");
  expect(clusters.text).toContain("beta\treachable\t8.4.21\tyes\t1 of 1");

  const nodes = await client.call("list_nodes");
  expect(nodes.text).toContain("alpha\tpve1\tonline\t9.2.11");
  expect(nodes.text).toContain("alpha\tpve3\toffline");
  expect(nodes.text).toContain("beta\tbpve\tonline\t8.4.21");

  const resources = await client.call("get_cluster_resources", { type: "vm", search: "web" });
  expect(resources.text).toContain("web-01");
  expect(resources.text).not.toContain("db-01");

  const read = await client.call("proxmox_api_call", { cluster: "beta", method: "GET", path: "/nodes/bpve/version" });
  expect(JSON.parse(read.text)).toMatchObject({ cluster: "beta", data: { version: "8.4.21" } });

  const write = await client.call("proxmox_api_call", {
    cluster: "alpha",
    method: "PUT",
    path: "nodes/pve1/qemu/100/config",
    data: { onboot: true, tags: ["prod", "web"] },
  });
  expect(write).toEqual({ isError: false, text: '{"cluster":"alpha","data":null}' });

  const wrong = await client.call("proxmox_api_call", { cluster: "gamma", method: "GET", path: "/version" });
  expect(wrong.isError).toBe(true);
  expect(wrong.text).toContain('"alpha", "beta"');
}

const kinds: [string, () => Promise<McpClient>][] = [
  ["the v1 client over SSE", () => sseClient(product)],
  ["the v1 client over Streamable HTTP", () => httpClient(product)],
  ["the v1 client over stdio", () => stdioClient(["--demo"])],
  ["the v2 client over Streamable HTTP in 2026-07-28", () => modernClient(product)],
];

test.each(kinds)("two of %s list the tools and call several at once", async (_, connect) => {
  await using first = await connect();
  await using second = await connect();
  await Promise.all([useAllTools(first), useAllTools(second)]);
});

test.each(["sse", "http"] as const)(
  "two of the Inspector's CLI over %s list the tools and call several",
  async (transport) => {
    const endpoint = `${product.url}/${transport === "sse" ? "sse" : "mcp"}`;
    const callTool = async (name: string, ...args: string[]) => {
      const pairs = args.flatMap((arg) => ["--tool-arg", arg]);
      return await inspect(endpoint, transport, "tools/call", "--tool-name", name, ...pairs);
    };
    const [listed, clusters, nodes, resources, api] = await Promise.all([
      inspect(endpoint, transport, "tools/list", "--strict"),
      callTool("list_clusters"),
      callTool("list_nodes", "cluster=alpha"),
      callTool("get_cluster_resources", "type=storage"),
      callTool("proxmox_api_call", "cluster=beta", "method=GET", "path=/version"),
    ]);
    expect(listed).toMatchObject({ code: 0, json: { tools: names.map((name) => ({ name })) } });
    expect(JSON.stringify(clusters.json)).toContain("alpha\\treachable");
    expect(JSON.stringify(nodes.json)).toContain("pve3\\toffline");
    expect(JSON.stringify(resources.json)).toContain("local-lvm");
    expect(JSON.stringify(api.json)).toContain("8.4.21");
  },
  60_000,
);

test("stdio writes nothing but the protocol to stdout, and ends when stdin does", async () => {
  const child = Bun.spawn([...productCommand(), "stdio", "--demo"], {
    env: cleanEnvironment({ MCP_LOG_LEVEL: "debug" }),
    stdin: "pipe",
    stdout: "pipe",
    stderr: "ignore",
  });
  const initialize = {
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "t", version: "1" } },
  };
  child.stdin.write(`${JSON.stringify(initialize)}\n`);
  const reader = child.stdout.getReader();
  const { value: first } = await reader.read();
  expect(JSON.parse(new TextDecoder().decode(first))).toMatchObject({
    id: 1,
    result: { protocolVersion: "2025-06-18" },
  });
  await child.stdin.end();
  expect(await reader.read()).toEqual({ done: true, value: undefined });
  expect(await child.exited).toBe(0);
});
