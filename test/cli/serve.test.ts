import { expect, test } from "bun:test";
import { sseClient } from "../support/clients.ts";
import { configFile } from "../support/config-file.ts";
import { runProduct, startProduct } from "../support/product.ts";
import { startRawServer } from "../support/raw-server.ts";

test("a flag that there is not ends it with 2 and the one that was meant", async () => {
  for (const args of [
    ["serve", "--demo", "--allowed-host", "x"],
    ["--demo", "--allowed-host", "x"],
    ["--prot", "1"],
  ]) {
    const { code, stderr, stdout } = await runProduct(args);
    expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: "" });
    expect(stderr).toContain(args.includes("--prot") ? "--port" : "--allowed-hosts");
  }
});

test("--demo and a configuration together are refused", async () => {
  const { code, stderr } = await runProduct(["serve", "--demo", "--config", "clusters.json"]);
  expect(code).toBe(2);
  expect(stderr).toContain("--demo and --config");
});

test("a port that is taken ends it with 2 and says what to do", async () => {
  await using product = await startProduct(["--demo"]);
  const { port } = new URL(product.url);
  const { code, stderr } = await runProduct(["serve", "--demo", "--port", port]);
  expect(code).toBe(2);
  expect(stderr).toContain(`Cannot listen on 127.0.0.1, port ${port}`);
  expect(stderr).toContain("--port");
});

test("with MCP_LOG_FORMAT=json every line on stderr is an object", async () => {
  const { stderr } = await runProduct(["stdio", "--demo"], { MCP_LOG_FORMAT: "json", MCP_LOG_LEVEL: "debug" });
  await using product = await startProduct(["--demo", "--log-format", "text"]);
  expect(product.stderr()).toContain("[info] proxmox-mcp");
  await using json = await startProduct(["--demo"], { MCP_LOG_FORMAT: "json", MCP_LOG_LEVEL: "debug" });
  await using client = await sseClient(json);
  await client.listTools();
  const lines = `${stderr}${json.stderr()}`.trim().split("\n");
  expect(lines.length).toBeGreaterThan(1);
  for (const line of lines)
    expect(JSON.parse(line)).toMatchObject({ time: expect.any(String), level: expect.any(String) });
});

test.each(["SIGINT", "SIGTERM"] as const)("%s ends it soon, with streams open and a call under way", async (signal) => {
  const reached = Promise.withResolvers<void>();
  await using proxmox = await startRawServer(() => reached.resolve());
  const cluster = { url: proxmox.url, user: "mcp@pve", token_id: "t", token_secret: "s" };
  await using file = await configFile({ clusters: { slow: cluster } });
  const product = await startProduct(["--config", file.path]);
  const client = await sseClient(product);
  client.call("proxmox_api_call", { path: "/slow" }).catch(() => undefined);
  await reached.promise;
  const began = Date.now();
  expect(await product.stop(signal)).toBe(0);
  expect(Date.now() - began).toBeLessThan(3000);
  await client[Symbol.asyncDispose]();
});
