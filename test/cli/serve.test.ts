import { expect, test } from "bun:test";
import { sseClient } from "../support/clients.ts";
import { configFile } from "../support/config-file.ts";
import { until } from "../support/listening.ts";
import { privateFolder } from "../support/private-folder.ts";
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
  expect(stderr).toContain(`Cannot listen on 127.0.0.1, port ${port}: another program listens there (EADDRINUSE)`);
  expect(stderr).toContain("--port");
});

test("a host name that does not resolve is not reported as an error of a device", async () => {
  const { code, stderr } = await runProduct(["serve", "--demo", "--host=host.invalid", "--allow-unauthenticated"]);
  expect(code).toBe(2);
  expect(stderr).toContain("the name host.invalid does not resolve to an address");
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

const piped = { clusters: { piped: { url: "pve1.invalid", user: "a@pve", token_id: "t", token_secret: "s" } } };

test.skipIf(Bun.which("bash") === null)(
  "a configuration from a shell's pipe is read, and SIGHUP does not wait for another",
  async () => {
    await using runtime = await privateFolder();
    const line = `exec "$@" --config <(printf %s '${JSON.stringify(piped)}')`;
    const child = Bun.spawn(["bash", "-c", line, "bash", ...productCommand(), "serve", "--port", "0"], {
      env: cleanEnvironment({ MCP_RUNTIME_DIR: runtime.path }),
      stderr: "pipe",
    });
    let stderr = "";
    const reading = (async () => {
      for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) stderr += chunk;
    })();
    await until(() => stderr.includes("with piped from"));
    child.kill("SIGHUP");
    await until(() => stderr.includes("came from a pipe"));
    child.kill();
    expect(await child.exited).toBe(0);
    await reading;
  },
);

test("a named pipe or a device is refused wherever a file is read, and nothing waits for its writer", async () => {
  await using folder = await configFile(piped);
  const pipe = `${folder.folder}/pipe`;
  await Bun.$`mkfifo ${pipe}`;
  const { stderr, code } = await runProduct(["serve", "--config", pipe]);
  expect({ stderr, code }).toEqual({
    code: 2,
    stderr: `--config: cannot read ${pipe}: it is a pipe (FIFO), which may keep its reader waiting for ever.\n`,
  });
  const value = await runProduct(["call", "set", "/x", `a=@${pipe}`, "--config", folder.path]);
  expect(value).toMatchObject({ code: 2, stderr: expect.stringContaining("it is a pipe (FIFO)") });
  const device = await runProduct(["call", "set", "/x", "a=@/dev/zero", "--config", folder.path]);
  expect(device).toMatchObject({ code: 2, stderr: expect.stringContaining("it is a device") });
  const token = await runProduct(["serve", "--config", folder.path], { MCP_AUTH_TOKEN_FILE: pipe });
  expect(token).toMatchObject({ code: 2, stderr: expect.stringContaining("it is a pipe (FIFO)") });
});

test("a secret file that becomes a pipe does not hold up a reload; the old configuration stays", async () => {
  const cluster = { url: "pve1.invalid", user: "a@pve", token_id: "t", token_secret_file: "secret" };
  await using file = await configFile({ clusters: { one: cluster } }, { secret: "s3cr3t" });
  await using product = await startProduct(["--config", file.path]);
  await Bun.$`rm ${file.folder}/secret && mkfifo ${file.folder}/secret`;
  process.kill(product.pid, "SIGHUP");
  await until(() => product.stderr().includes("the old one stays"));
  expect(product.stderr()).toContain("it is a pipe (FIFO)");
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
