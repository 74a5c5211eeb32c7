import { expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { Client as ModernClient, StreamableHTTPClientTransport as ModernHttp } from "@modelcontextprotocol/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";
import { setStage } from "../policy/stage.ts";
import { httpClient, type McpClient } from "../support/clients.ts";
import { configFile } from "../support/config-file.ts";
import { until } from "../support/listening.ts";
import { cleanEnvironment, productCommand, startProduct } from "../support/product.ts";
import { replyData, startRawServer } from "../support/raw-server.ts";

const credentials = { user: "mcp@pve", token_id: "agent", token_secret: "s" };

/** Asks until the answer has the text, for as long as a file is looked at plus some. */
async function eventually(client: McpClient, wanted: string): Promise<string> {
  let text = "";
  for (let i = 0; i < 60 && !text.includes(wanted); i++) {
    ({ text } = await client.call("list_clusters"));
    if (!text.includes(wanted)) await Bun.sleep(100);
  }
  return text;
}

test("a changed clusters.json is read again; a bad one is reported, and the old one stays; SIGHUP reads at once", async () => {
  await using proxmox = await startRawServer(replyData([]));
  const cluster = { url: proxmox.url, ...credentials };
  await using file = await configFile({ clusters: { first: cluster } });
  await using product = await startProduct(["--config", file.path]);
  await using client = await httpClient(product);
  expect((await client.call("list_clusters")).text).toContain("first");

  await file.write({ clusters: { first: cluster, second: cluster } });
  expect(await eventually(client, "second")).toContain("first");

  await file.write('{"clusters": {"third": {');
  process.kill(product.pid, "SIGHUP");
  while (!product.stderr().includes("the old one stays")) await Bun.sleep(50);
  expect((await client.call("list_clusters")).text).toContain("second");

  await file.write({ clusters: { third: cluster } });
  process.kill(product.pid, "SIGHUP");
  expect(await eventually(client, "third")).not.toContain("second");
}, 20_000);

test.skipIf(process.platform === "win32")(
  "a file that was refused for its mode is read again when the mode is repaired",
  async () => {
    const cluster = { url: "pve1.invalid", ...credentials };
    await using file = await configFile({ clusters: { first: cluster } });
    await using product = await startProduct(["--config", file.path]);
    await using client = await httpClient(product);

    await chmod(file.path, 0o666);
    await file.write({ clusters: { second: cluster } });
    await until(() => product.stderr().includes("Run: chmod"));
    expect((await client.call("list_clusters")).text).toContain("first");

    await chmod(file.path, 0o600);
    expect(await eventually(client, "second")).not.toContain("first");
  },
  20_000,
);

test("clients on all transports are told when other clusters are offered", async () => {
  const cluster = { url: "pve1.invalid", ...credentials };
  await using file = await configFile({ clusters: { first: cluster } });
  await using product = await startProduct(["--config", file.path]);
  const [command = "", ...args] = productCommand();
  const stdio = new StdioClientTransport({
    command,
    args: [...args, "stdio", "--config", file.path],
    env: cleanEnvironment(),
    stderr: "ignore",
  });
  const transports = {
    sse: new SSEClientTransport(new URL("/sse", product.url)),
    http: new StreamableHTTPClientTransport(new URL("/mcp", product.url)) as Transport,
    stdio,
  };
  const told: string[] = [];
  const identity = { name: "tests", version: "1" };
  const clients = await Promise.all(
    Object.entries(transports).map(async ([name, transport]) => {
      const client = new Client(identity);
      client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
        told.push(name);
      });
      await client.connect(transport);
      await client.listTools();
      return client;
    }),
  );
  const modern = new ModernClient(identity, {
    versionNegotiation: { mode: { pin: "2026-07-28" } },
    listChanged: { tools: { autoRefresh: false, onChanged: () => told.push("modern") } },
  });
  await modern.connect(new ModernHttp(new URL("/mcp", product.url)));
  await Bun.sleep(300);
  await file.write({ clusters: { first: cluster, second: cluster } });
  process.kill(product.pid, "SIGHUP");
  process.kill(stdio.pid ?? 0, "SIGHUP");
  await until(() => told.length >= 4);
  expect(told.toSorted()).toEqual(["http", "modern", "sse", "stdio"]);
  await Promise.all([...clients, modern].map((client) => client.close()));
});

test("a token secret that is replaced ends the open questions of its cluster; a reload without that does not", async () => {
  await using stage = await setStage();
  await using client = await httpClient(stage.product);
  const path = `/nodes/pve1/qemu/${await stage.makeGuest("doomed")}`;
  const { text } = await client.call("proxmox_api_call", { method: "DELETE", path });
  expect(text).toContain("NOT EXECUTED");
  const reload = async (cluster: object, count: number) => {
    await stage.config.write({ clusters: { alpha: cluster } });
    process.kill(stage.product.pid, "SIGHUP");
    await until(() => (stage.product.stderr().match(/SIGHUP: now with/g)?.length ?? 0) === count);
    return (await stage.consents()).length;
  };
  expect(await reload({ ...stage.cluster, timeout_ms: 9000 }, 1)).toBe(1);
  expect(await reload({ ...stage.cluster, token_secret: "another" }, 2)).toBe(0);
});
