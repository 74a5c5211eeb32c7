import { expect, test } from "bun:test";
import { sseClient } from "../support/clients.ts";
import { configFile } from "../support/config-file.ts";
import { cleanEnvironment, productCommand, runProduct, startProduct } from "../support/product.ts";
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

test("a switch that is turned off is off, and a value that is neither is refused", async () => {
  const open = ["serve", "--demo", "--host", "0.0.0.0", "--port", "0"];
  for (const value of ["0", "no", "false"]) {
    const { code, stderr } = await runProduct([...open, `--allow-unauthenticated=${value}`]);
    expect({ value, code }).toEqual({ value, code: 2 });
    expect(stderr).toContain("needs a bearer token");
  }
  const { code, stderr } = await runProduct([...open, "--allow-unauthenticated=maybe"]);
  expect(code).toBe(2);
  expect(stderr).toContain("--allow-unauthenticated: must be true or false");
});

test("flags before the command are refused: they would be dropped, a token file among them", async () => {
  for (const args of [
    ["--auth-token-file", "token", "serve", "--demo"],
    ["--demo", "stdio"],
    ["--port", "1", "serve"],
  ]) {
    const { code, stderr } = await runProduct(args);
    expect({ args, code }).toEqual({ args, code: 2 });
    expect(stderr).toContain("Write the command first");
  }
});

test("what stands behind an unknown flag is not repeated, and a flag counts once", async () => {
  for (const args of [
    ["--auth-token", "canary-secret"],
    ["serve", "--auth-token", "canary-secret"],
  ]) {
    const { code, stdout, stderr } = await runProduct(args);
    expect({ args, code }).toEqual({ args, code: 2 });
    expect(stdout + stderr).not.toContain("canary");
    expect(stderr).toContain("--auth-token-file");
  }
  const { code, stderr } = await runProduct(["serve", "--demo", "--port", "1", "--port=2"]);
  expect(code).toBe(2);
  expect(stderr).toContain("--port: is given 2 times");
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

test("a configuration from a pipe is read, and SIGHUP does not wait for another", async () => {
  await using folder = await configFile({});
  const pipe = `${folder.folder}/pipe`;
  await Bun.$`mkfifo ${pipe}`;
  const content = { clusters: { piped: { url: "pve1.invalid", user: "a@pve", token_id: "t", token_secret: "s" } } };
  // Opening a pipe waits for its reader, so another process writes.
  Bun.spawn(["sh", "-c", 'printf %s "$1" > "$2"', "sh", JSON.stringify(content), pipe]);
  await using product = await startProduct(["--config", pipe]);
  expect(product.stderr()).toContain("with piped from");
  process.kill(product.pid, "SIGHUP");
  while (!product.stderr().includes("came from a pipe")) await Bun.sleep(20);
  expect((await fetch(`${product.url}/healthz`)).status).toBe(200);
});

test("a message on stdin that is too large ends stdio with an error, not a busy loop", async () => {
  const child = Bun.spawn([...productCommand(), "stdio", "--demo"], {
    env: cleanEnvironment(),
    stdin: "pipe",
    stdout: "ignore",
    stderr: "pipe",
  });
  // It may end before it has read everything.
  await Promise.resolve(child.stdin.write("a".repeat(11_000_000))).catch(() => undefined);
  const code = await child.exited;
  expect(code).toBe(1);
  expect(await child.stderr.text()).toContain("stdin");
});

test("what it says of itself can be connected to", async () => {
  await using product = await startProduct(
    ["--demo", "--host", "0.0.0.0", "--allowed-hosts", "nas.example:*,pve.example"],
    {
      MCP_AUTH_TOKEN: "0123456789abcdef0123",
    },
  );
  expect(new URL(product.url).hostname).toBe("pve.example");
});
