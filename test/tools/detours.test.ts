import { afterAll, beforeAll, expect, test } from "bun:test";
import { createDemo, type DemoCluster } from "../../src/simulator/index.ts";
import { httpClient, type McpClient } from "../support/clients.ts";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { type DemoServer, serveDemo } from "../support/demo-server.ts";
import { type Product, startProduct } from "../support/product.ts";

let alpha: DemoCluster;
let servers: readonly DemoServer[];
let config: ConfigFile;
let product: Product;
let client: McpClient;

beforeAll(async () => {
  const [first] = createDemo({ offlineDelayMs: 0 }).clusters;
  if (first === undefined) throw new Error("the demo has no cluster");
  alpha = first;
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

test("an answer that came by a detour says so in a line, or in the JSON that it is", async () => {
  const path = "/nodes/pve2/status";
  const note = "[by a detour: pve1 did not reach pve2, which was then asked itself]";
  const read = await client.call("proxmox_api_read", { requests: [{ path }, { path: "/version" }] });
  expect(read.text).toContain(`2 of 2 answered.\n${note}\n`);
  const rows = await client.call("proxmox_api_call", { path: "/nodes/pve2/qemu" });
  expect(rows.text).toEndWith(`\n${note}`);
  const one = await client.call("proxmox_api_call", { path });
  expect(JSON.parse(one.text)).toMatchObject({ note: note.slice(1, -1) });
});

test.each<[tool: string, args: Record<string, unknown>]>([
  ["list_nodes", {}],
  ["list_tasks", { guest: "110" }],
  ["cluster_health", {}],
  ["guest_power", { guest: "110", action: "start" }],
])("%s says once by which detour its answer came", async (tool, args) => {
  expect(detoursOf((await client.call(tool, args)).text)).toEqual([line]);
});

test("wait_for_task says once by which detour its answer came", async () => {
  const { user, tokenId, tokenSecret } = alpha.credentials;
  const headers = { authorization: `PVEAPIToken=${user}!${tokenId}=${tokenSecret}` };
  const body = new URLSearchParams({ vmid: "110", storage: "backups" });
  const request = new Request("http://demo/api2/json/nodes/pve2/vzdump", { method: "POST", headers, body });
  const { data } = (await (await alpha.fetch(request)).json()) as { data: string };
  const { text } = await client.call("wait_for_task", { task: `alpha/${data}`, timeout: 0 });
  expect(detoursOf(text)).toEqual([line]);
});

test("a refusal that rests on such an answer says so, too", async () => {
  const { text, isError } = await client.call("guest_power", { guest: "210", action: "reset" });
  expect(isError).toBe(true);
  expect(text).toContain("Containers have no reset.");
  expect(detoursOf(text)).toEqual([line]);
});

const line = "[alpha by a detour: pve1 did not reach pve2, which was then asked itself]";

function detoursOf(text: string): string[] {
  return text.split("\n").filter((each) => each.includes("by a detour"));
}
