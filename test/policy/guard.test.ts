import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { httpClient, type McpClient } from "../support/clients.ts";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { type Product, startProduct } from "../support/product.ts";
import { type RawServer, replyData, startRawServer } from "../support/raw-server.ts";

let proxmox: RawServer;
let config: ConfigFile;
let product: Product;
let client: McpClient;

beforeAll(async () => {
  proxmox = await startRawServer(replyData([]));
  const cluster = { url: proxmox.url, user: "mcp@pve", token_id: "agent", token_secret: "s" };
  const full = { ...cluster, access: "full" };
  config = await configFile({
    clusters: {
      unset: cluster,
      reads: { ...cluster, access: "read-only" },
      full,
      denied: { ...full, deny: ["GET /access/**", "* /nodes/{node}/qemu/{vmid}/agent/*", "DELETE /**"] },
      allowed: { ...full, allow: ["* /nodes/**"] },
      both: { ...full, allow: ["* /nodes/**"], deny: ["* /nodes/*/qemu/100/**"] },
      narrow: { ...cluster, access: "read-only", allow: ["POST /**"] },
    },
  });
  product = await startProduct(["--config", config.path]);
  client = await httpClient(product);
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await product.stop();
  await proxmox[Symbol.asyncDispose]();
  await config[Symbol.asyncDispose]();
});

function call(cluster: string, method: string, path: string, data: Record<string, unknown> = {}) {
  return client.call("proxmox_api_call", { cluster, method, path, data });
}

/** Calls that must be refused with these words, and of which nothing may reach Proxmox. */
async function refuses(cluster: string, method: string, path: string, ...words: string[]) {
  const before = proxmox.requests.length;
  const { isError, text } = await call(cluster, method, path);
  expect({ path, isError }).toEqual({ path, isError: true });
  expect(text).toContain(`${method} ${path} on ${cluster} was not sent: `);
  for (const word of words) expect(text).toContain(word);
  expect(proxmox.requests).toHaveLength(before);
}

test("without access a cluster is guarded: changes pass, damage asks", async () => {
  expect((await call("unset", "POST", "/nodes/pve1/qemu/100/status/start")).isError).toBe(false);
  const { isError, text } = await call("unset", "POST", "/nodes/pve1/qemu/100/status/stop");
  // A plan that waits for consent is an answer.
  expect(isError).toBe(false);
  expect(text).toMatch(/^NOT EXECUTED: .*\nSTOP VM 100 on unset: unsaved data is lost\n/);
  expect((await client.call("list_clusters")).text).toMatch(/^unset\t.*\tguarded\t/m);
});

describe("read-only", () => {
  test.each([
    ["POST", "/nodes/pve1/qemu/100/status/start"],
    ["PUT", "/nodes/pve1/qemu/100/config"],
    ["DELETE", "/nodes/pve1/qemu/100"],
    ["GET", "/nodes/pve1/qemu/100/agent/file-read"],
  ])("refuses %s %s, and names the setting and its file", async (method, path) => {
    await refuses("reads", method, path, 'access "read-only"', `${config.path}, under reads`);
  });

  test("answers plain reads", async () => {
    expect((await call("reads", "GET", "/nodes/pve1/qemu")).isError).toBe(false);
  });

  test("is not widened by an allow list", async () => {
    await refuses("narrow", "POST", "/nodes/pve1/qemu/100/status/start", 'access "read-only"');
  });
});

test("full asks nothing", async () => {
  const before = proxmox.requests.length;
  expect((await call("full", "DELETE", "/nodes/pve1/qemu/100")).isError).toBe(false);
  expect((await call("full", "GET", "/nodes/pve1/qemu/100/agent/file-read")).isError).toBe(false);
  const sent = proxmox.requests.slice(before).map(({ method, target }) => `${method} ${target}`);
  expect(sent).toContain("DELETE /api2/json/nodes/pve1/qemu/100");
});

test.each([
  ["POST", "/nodes/pve1/qemu/100/monitor"],
  ["POST", "/nodes/pve1/execute"],
])("%s %s is sent on no cluster", async (method, path) => {
  await refuses("full", method, path, "never sends it");
});

test("deny beats full, over the real path and its template, however the path is written", async () => {
  await refuses(
    "denied",
    "DELETE",
    "/nodes/pve1/qemu/100",
    'deny contains "DELETE /**"',
    `${config.path}, under denied`,
  );
  await refuses("denied", "GET", "/nodes/pve1/qemu/100/agent/info", "deny contains");
  for (const path of ["/access/users", "access", "/%61ccess/acl"]) {
    const { isError, text } = await call("denied", "GET", path);
    expect({ path, isError }).toEqual({ path, isError: true });
    expect(text).toContain("deny");
  }
  expect((await call("denied", "GET", "/cluster/resources")).isError).toBe(false);
});

test("an allow list refuses all else, and deny goes before it", async () => {
  await refuses("allowed", "GET", "/cluster/resources", "allow does not list it");
  expect((await call("allowed", "POST", "/nodes/pve1/qemu/100/status/stop")).isError).toBe(false);
  await refuses("both", "POST", "/nodes/pve1/qemu/100/status/stop", "deny contains");
  expect((await call("both", "POST", "/nodes/pve1/qemu/101/status/stop")).isError).toBe(false);
});

test("a pattern that matches no endpoint is warned about at start", async () => {
  const cluster = { url: proxmox.url, user: "mcp@pve", token_id: "agent", token_secret: "s" };
  const deny = ["DELETE /nodes/*/vm/*", "DELETE /nodes/pve1/qemu/100", "* /access/**"];
  await using file = await configFile({ clusters: { one: { ...cluster, deny } } });
  await using other = await startProduct(["--config", file.path]);
  expect(other.stderr()).toContain('one, deny: "DELETE /nodes/*/vm/*" matches no known');
  expect(other.stderr().match(/matches no known/g)).toHaveLength(1);
});
