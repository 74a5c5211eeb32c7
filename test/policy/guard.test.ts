import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { sensitiveReads } from "../../src/policy/sensitive.ts";
import { httpClient, type McpClient } from "../support/clients.ts";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { type Product, runProduct, startProduct } from "../support/product.ts";
import { type RawServer, replyData, startRawServer } from "../support/raw-server.ts";

/** Clusters that set one of the policy's keys, and the setting that their refusals name. */
const limited: Record<string, [Record<string, unknown>, string]> = {
  reads: [{ access: "read-only" }, 'access "read-only"'],
  guarded: [{ access: "guarded" }, 'access "guarded"'],
  fallback: [{ consent_fallback: "deny" }, 'consent_fallback "deny"'],
  denied: [{ access: "full", deny: ["GET /access/**", "* /nodes/{node}/qemu/{vmid}/agent/*"] }, "deny"],
  allowed: [{ allow: ["* /nodes/**"] }, "allow"],
  protected: [{ protect: ["tag:prod"] }, "protect"],
};

let proxmox: RawServer;
let config: ConfigFile;
let product: Product;
let client: McpClient;

beforeAll(async () => {
  proxmox = await startRawServer(replyData([]));
  const cluster = { url: proxmox.url, user: "mcp@pve", token_id: "agent", token_secret: "s" };
  const clusters = Object.fromEntries(Object.entries(limited).map(([name, [keys]]) => [name, { ...cluster, ...keys }]));
  config = await configFile({ clusters: { ...clusters, full: { ...cluster, access: "full" }, unset: cluster } });
  product = await startProduct(["--config", config.path]);
  client = await httpClient(product);
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await product.stop();
  await proxmox[Symbol.asyncDispose]();
  await config[Symbol.asyncDispose]();
});

function call(cluster: string, method: string, path: string) {
  return client.call("proxmox_api_call", { cluster, method, path });
}

const writes = [
  ["POST", "/nodes/pve1/qemu/100/status/start"],
  ["PUT", "/nodes/pve1/qemu/100/config"],
  ["DELETE", "/nodes/pve1/qemu/100"],
] as const;

describe.each(Object.entries(limited))("%s", (cluster, [, setting]) => {
  test.each(writes)("refuses %s %s, says why and where, and sends nothing", async (method, path) => {
    const before = proxmox.requests.length;
    const { isError, text } = await call(cluster, method, path);
    expect(isError).toBe(true);
    expect(text).toContain(`${method} ${path} on ${cluster} was not sent`);
    expect(text).toContain(setting);
    expect(text).toContain(config.path);
    expect(proxmox.requests).toHaveLength(before);
  });

  test("answers plain reads, and list_clusters says that it answers no more", async () => {
    expect((await call(cluster, "GET", "/nodes/pve1/qemu")).isError).toBe(false);
    expect((await client.call("list_clusters")).text).toMatch(new RegExp(`^${cluster}\\t.*\\treads only\\t`, "m"));
  });

  test("refuses every read that is more than a look, and says why it is", async () => {
    const before = proxmox.requests.length;
    for (const { pattern, reason } of sensitiveReads) {
      const path = pattern
        .replace("GET ", "")
        .replaceAll(/\{\w+\}/g, "x1")
        .replaceAll("*", "a");
      const { isError, text } = await call(cluster, "GET", path);
      expect({ path, isError }).toEqual({ path, isError: true });
      expect(text).toContain(reason);
    }
    expect(proxmox.requests).toHaveLength(before);
  });
});

test.each(["full", "unset"])("a cluster with access %s takes writes", async (cluster) => {
  for (const [method, path] of writes) expect((await call(cluster, method, path)).isError).toBe(false);
});

test("deny holds for reads, too, over the real path and its template, however the path is written", async () => {
  for (const path of ["/access/users", "access", "/%61ccess/acl", "/nodes/pve1/qemu/100/agent/info"]) {
    const { isError, text } = await call("denied", "GET", path);
    expect({ path, isError }).toEqual({ path, isError: true });
    expect(text).toContain("deny");
  }
  expect((await call("denied", "GET", "/cluster/resources")).isError).toBe(false);
});

test("an allow list refuses all else", async () => {
  const { isError, text } = await call("allowed", "GET", "/cluster/resources");
  expect(isError).toBe(true);
  expect(text).toContain("allow does not list it");
});

test.each(["callers", "audit_log"])("%s, which nothing enforces yet, keeps it from starting", async (key) => {
  const cluster = { url: "pve1.example", user: "mcp@pve", token_id: "agent", token_secret: "s" };
  await using file = await configFile({ clusters: { one: cluster }, [key]: key === "callers" ? {} : "x" });
  const { code, stderr } = await runProduct(["serve", "--config", file.path, "--port", "0"]);
  expect(code).toBe(2);
  expect(stderr).toContain(key);
});
