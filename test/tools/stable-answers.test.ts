import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createDemo } from "../../src/simulator/index.ts";
import { httpClient, type McpClient } from "../support/clients.ts";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { type DemoServer, serveDemo } from "../support/demo-server.ts";
import { type Product, runProduct, startProduct } from "../support/product.ts";

let demo: DemoServer;
let config: ConfigFile;
let product: Product;
let client: McpClient;

beforeAll(async () => {
  const [alpha] = createDemo({ authDelayMs: 0, offlineDelayMs: 0, taskMs: 0 }).clusters;
  if (alpha === undefined) throw new Error("the demo has no cluster");
  demo = await serveDemo(alpha);
  const { user, tokenId, tokenSecret } = alpha.credentials;
  config = await configFile({
    clusters: { alpha: { url: demo.url, user, token_id: tokenId, token_secret: tokenSecret } },
  });
  product = await startProduct(["--config", config.path]);
  client = await httpClient(product);
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await product.stop();
  await Promise.all([demo.stop(), config[Symbol.asyncDispose]()]);
});

/** Answers without live figures, that Proxmox writes in another order each time. */
const paths = ["/access/acl", "/access/roles", "/access/groups", "/storage", "/nodes/pve1/network", "/cluster/options"];
const guestPaths = ["/nodes/pve1/qemu/101/config", "/nodes/pve1/qemu/101/pending", "/nodes/pve1/qemu/101/snapshot"];

/** The distinct texts of several readings. */
async function texts(read: () => Promise<string>, count = 8): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let round = 0; round < count; round++) seen.add(await read());
  return seen;
}

describe.each([...paths, ...guestPaths])("%s", (path) => {
  test("is one text in every answer of proxmox_api_call", async () => {
    const call = async () => (await client.call("proxmox_api_call", { method: "GET", path })).text;
    expect((await texts(call)).size).toBe(1);
  });

  test("is one text in every answer of proxmox_api_read, also of its first rows", async () => {
    const read = async () => (await client.call("proxmox_api_read", { requests: [{ path }], limit: 2 })).text;
    expect((await texts(read)).size).toBe(1);
  });
});

test("guests are listed by VMID, and firewall rules in the order in which they count", async () => {
  const rows = async (path: string, field: string): Promise<string[]> => {
    const { text } = await client.call("proxmox_api_read", { requests: [{ path }], fields: [field] });
    return text.split("\n").slice(3);
  };
  expect(await rows("/nodes/pve1/qemu", "vmid")).toEqual(["100", "101", "102", "103", "104", "9000"]);
  for (const comment of ["first", "second", "third"]) {
    await fetch(`${demo.url}/api2/json/cluster/firewall/rules`, {
      method: "POST",
      headers: { authorization: "PVEAPIToken=mcp@pve!tok=00000000-0000-4000-8000-00000000ad01" },
      body: new URLSearchParams({ type: "in", action: "DROP", comment }),
    });
  }
  expect(await rows("/cluster/firewall/rules", "comment")).toEqual(["third", "second", "first"]);
});

test("a storage's content is shown in one order by get_cluster_resources", async () => {
  const ask = async () => {
    const { text } = await client.call("get_cluster_resources", { type: "storage", fields: ["name", "content"] });
    return text;
  };
  const seen = await texts(ask);
  expect(seen.size).toBe(1);
  expect([...seen][0]).toContain("backup,import,iso,snippets,vztmpl");
});

test("the command line prints one text, as a table and as JSON", async () => {
  for (const format of ["--table", "--json"]) {
    const call = async () => {
      const words = ["call", "get", "/storage", "--cluster", "alpha", "--config", config.path, format];
      const { code, stdout } = await runProduct(words);
      expect(code).toBe(0);
      return stdout;
    };
    expect((await texts(call, 3)).size).toBe(1);
  }
});
