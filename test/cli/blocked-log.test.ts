import { expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { httpClient } from "../support/clients.ts";
import { endsOf, heldCluster, write } from "../support/held-cluster.ts";
import { cleanEnvironment, productCommand } from "../support/product.ts";

/** A `serve` whose stderr is not read: the pipe behind it holds 64 KiB. */
function serveUnread(config: string, port: number) {
  const [command = "", ...args] = productCommand();
  const child = spawn(command, [...args, "serve", "--config", config, "--port", String(port)], {
    env: cleanEnvironment({ MCP_LOG_LEVEL: "debug" }),
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = Promise.withResolvers<number | null>();
  child.once("exit", (code) => exited.resolve(code));
  return { child, exited: exited.promise };
}

async function freePort(): Promise<number> {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
  const { port = 0 } = server;
  await server.stop(true);
  return port;
}

async function untilHealthy(url: string): Promise<void> {
  for (let i = 0; i < 500; i++) {
    const isHealthy = await fetch(`${url}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isHealthy) return;
    await Bun.sleep(20);
  }
  throw new Error("the server did not come up");
}

test("a stderr that is not read blocks neither calls nor /healthz nor SIGTERM, and dropped lines are reported", async () => {
  await using cluster = await heldCluster();
  cluster.release();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  // The audit goes to stderr, too.
  await cluster.config.write({ clusters: { alpha: cluster.entry } });
  const { child, exited } = serveUnread(cluster.config.path, port);
  child.stderr.pause();
  await untilHealthy(url);
  await using client = await httpClient({ url });
  for (let i = 0; i < 3; i++) {
    const long = { method: "PUT", path: "/nodes/pve1/qemu/104/config", data: { description: "x".repeat(5000) } };
    const calls = Array.from({ length: 100 }, () => client.call("proxmox_api_call", long));
    for (const { isError } of await Promise.all(calls)) expect(isError).toBe(false);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  }
  // 300 calls write 3 MB: one MB waits, one is on its way, the rest was dropped.
  let text = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  child.stderr.resume();
  await client.call(write(1).name, write(1).args);
  while (!/\[warn\] \d+ lines were dropped here: stderr could not be written/.test(text)) await Bun.sleep(20);
  child.kill("SIGTERM");
  expect(await exited).toBe(0);
}, 60_000);

test("SIGTERM ends a server whose stderr is full and stays so", async () => {
  await using cluster = await heldCluster();
  cluster.release();
  const port = await freePort();
  const { child, exited } = serveUnread(cluster.config.path, port);
  child.stderr.pause();
  const url = `http://127.0.0.1:${port}`;
  await untilHealthy(url);
  for (let i = 0; i < 400; i++) {
    await fetch(`${url}/sse`).then(async ({ body }) => await body?.cancel());
  }
  await using client = await httpClient({ url });
  for (let i = 0; i < 50; i++) expect((await client.call(write(i).name, write(i).args)).isError).toBe(false);
  child.kill("SIGTERM");
  expect(await exited).toBe(0);
  expect(endsOf(await cluster.audit())).toHaveLength(50);
}, 60_000);
