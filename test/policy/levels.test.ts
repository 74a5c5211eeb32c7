import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { classify } from "../../src/policy/endpoint-classes/classify.ts";
import { rows } from "../../src/policy/endpoint-classes/index.ts";
import { parsePath } from "../../src/proxmox/path.ts";
import { httpClient, type McpClient, modernClient, sseClient, stdioClient } from "../support/clients.ts";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { type Product, startProduct } from "../support/product.ts";
import { type RawRequest, type RawServer, replyData, startRawServer } from "../support/raw-server.ts";

/** What Proxmox would say of guest 100; every path of the table is asked for with values of this one. */
const guest = { vmid: 100, name: "web-01", node: "pve1", type: "qemu", status: "running" };
const values: Readonly<Record<string, string>> = { node: "pve1", vmid: "100" };

/** Whether a request is one of the policy's own looks, for a plan: a plain read, which changes and exposes nothing. */
function isLook({ method, target }: RawRequest): boolean {
  const path = target.replace(/\?.*/, "");
  if (path === "/pve-docs/api-viewer/apidoc.js") return true;
  return method === "GET" && classify({ method, path: parsePath(path) }).class === "read";
}

let proxmox: RawServer;
let config: ConfigFile;
let product: Product;
let clients: Readonly<Record<string, McpClient>>;

beforeAll(async () => {
  proxmox = await startRawServer((socket, request) => {
    const isList = request.target.startsWith("/api2/json/cluster/resources");
    replyData(isList ? [guest] : {})(socket, request);
  });
  const cluster = { url: proxmox.url, user: "mcp@pve", token_id: "agent", token_secret: "s" };
  config = await configFile({
    clusters: { reads: { ...cluster, access: "read-only" }, guarded: cluster },
    audit_log: "audit.jsonl",
  });
  product = await startProduct(["--config", config.path]);
  clients = {
    "2026-07-28 over HTTP": await modernClient(product),
    "2025 over Streamable HTTP": await httpClient(product),
    "2025 over SSE": await sseClient(product),
    "2025 over stdio": await stdioClient(["--config", config.path]),
  };
});

afterAll(async () => {
  await Promise.all(Object.values(clients).map((client) => client[Symbol.asyncDispose]()));
  await product.stop();
  await Promise.all([proxmox[Symbol.asyncDispose](), config[Symbol.asyncDispose]()]);
});

function written(endpoint: string) {
  const [method = "", template = ""] = endpoint.split(" ");
  return { method, path: template.replaceAll(/\{([\w-]+)\}/g, (_, name: string) => values[name] ?? "x1") };
}

describe.each(["2026-07-28 over HTTP", "2025 over Streamable HTTP", "2025 over SSE", "2025 over stdio"])(
  "%s",
  (name) => {
    /** Calls every endpoint of some classes on a cluster, and gives what was sent for them beside the policy's own looks. */
    async function callAll(cluster: string, which: (row: (typeof rows)[number]) => boolean) {
      const client = clients[name];
      if (client === undefined) throw new Error(name);
      const before = proxmox.requests.length;
      const chosen = rows.filter(which);
      const passed: string[] = [];
      for (const { endpoint } of chosen) {
        const { isError, text } = await client.call("proxmox_api_call", { cluster, ...written(endpoint) });
        if (!isError && !text.startsWith("NOT EXECUTED: ")) passed.push(endpoint);
      }
      const sent = proxmox.requests.slice(before).filter((request) => !isLook(request));
      return { asked: chosen.length, passed, sent: sent.map(({ method, target }) => `${method} ${target}`) };
    }

    test("read-only refuses every endpoint of the table that is more than a read", async () => {
      const { asked, passed, sent } = await callAll("reads", (row) => row.class !== "read");
      expect({ passed, sent }).toEqual({ passed: [], sent: [] });
      expect(asked).toBeGreaterThan(300);
    });

    test("guarded lets nothing destructive or sensitive through without consent", async () => {
      const asks = ["destructive", "sensitive", "refused"];
      const { asked, passed, sent } = await callAll("guarded", (row) => asks.includes(row.class));
      expect({ passed, sent }).toEqual({ passed: [], sent: [] });
      expect(asked).toBeGreaterThan(150);
    });

    test("guarded lets changes through", async () => {
      const { asked, sent } = await callAll("guarded", (row) => row.class === "change");
      expect(sent).toHaveLength(asked);
    });
  },
);

test("whoever has only read-only clusters is not shown what changes things, and cannot call it", async () => {
  const cluster = { url: proxmox.url, user: "mcp@pve", token_id: "agent", token_secret: "s", access: "read-only" };
  await using file = await configFile({ clusters: { only: cluster } });
  await using other = await startProduct(["--config", file.path]);
  await using client = await httpClient(other);
  const names = await client.listTools();
  expect(names).toContain("proxmox_api_read");
  expect(names).not.toContain("proxmox_api_call");
  const { isError, text } = await client.call("proxmox_api_call", { method: "DELETE", path: "/nodes/pve1/qemu/100" });
  expect(isError).toBe(true);
  expect(text).toContain('access "read-only"');
});
