import { afterAll, beforeAll, expect, test } from "bun:test";
import { createDemo } from "../../src/demo/index.ts";
import { httpClient, type McpClient } from "../support/clients.ts";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { type DemoServer, serveDemo } from "../support/demo-server.ts";
import { type Product, startProduct } from "../support/product.ts";

let servers: readonly DemoServer[];
let config: ConfigFile;
let product: Product;
let client: McpClient;

beforeAll(async () => {
  const [alpha] = createDemo({ offlineDelayMs: 0 }).clusters;
  if (alpha === undefined) throw new Error("the demo has no cluster");
  const { user, tokenId, tokenSecret } = alpha.credentials;
  // Between the two nodes lies a broken cable.
  const cut = async (request: Request, node?: string) =>
    request.url.includes("/nodes/pve2/")
      ? new Response(null, { status: 595, statusText: "No route to host" })
      : await alpha.fetch(request, node);
  servers = await Promise.all([
    serveDemo({ ...alpha, fetch: cut }, { node: "pve1" }),
    serveDemo(alpha, { node: "pve2" }),
  ]);
  const more = { user, token_id: tokenId, token_secret: tokenSecret, access: "full" };
  config = await configFile({ clusters: { alpha: { url: servers.map(({ url }) => url), ...more } } });
  product = await startProduct(["--config", config.path]);
  client = await httpClient(product);
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await product.stop();
  await Promise.all([...servers.map((server) => server.stop()), config[Symbol.asyncDispose]()]);
});

test("an answer that came by a detour says so in a line, whatever tool asked", async () => {
  const path = "/nodes/pve2/status";
  const note = "[by a detour: pve1 did not reach pve2, which was then asked itself]";
  const read = await client.call("proxmox_api_read", { requests: [{ path }, { path: "/version" }] });
  expect(read.text).toContain(`2 of 2 answered.\n${note}\n`);
  const rows = await client.call("proxmox_api_call", { path: "/nodes/pve2/qemu" });
  expect(rows.text).toEndWith(`\n${note}`);
  const one = await client.call("proxmox_api_call", { path });
  expect(JSON.parse(one.text)).toMatchObject({ note: note.slice(1, -1) });
});
