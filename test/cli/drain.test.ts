import { describe, expect, test } from "bun:test";
import { drain } from "../../src/cli/shutdown.ts";
import { settings } from "../../src/config/server/settings.ts";
import { RunningCalls } from "../../src/mcp/running-calls.ts";
import { local } from "../../src/policy/callers/caller.ts";
import { httpClient, type McpClient, modernClient, sseClient, type Target } from "../support/clients.ts";
import { endsOf, type HeldCluster, heldCluster, write } from "../support/held-cluster.ts";
import { until } from "../support/listening.ts";
import { type Product, runProduct, startProduct } from "../support/product.ts";
import { stdioProcess } from "../support/stdio-process.ts";

/** Below the 20 requests that one endpoint takes at a time, so that the waits get their turn. */
const writes = 12;
const waits = 38;

const httpTransports: Record<string, (target: Target) => Promise<McpClient>> = {
  "2026-07-28 over HTTP": modernClient,
  "2025 over Streamable HTTP": httpClient,
  "2025 over SSE": sseClient,
};

function start(cluster: HeldCluster, env: Record<string, string> = {}): Promise<Product> {
  return startProduct(["--config", cluster.config.path], env);
}

function untilStopping(product: Pick<Product, "stderr">): Promise<void> {
  return until(() => product.stderr().includes("stopping; "), 20_000);
}

const rawCall = {
  method: "POST",
  headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
  body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
};

describe.each(Object.entries(httpTransports))("SIGTERM under 50 calls of %s", (_, connect) => {
  test("lets writes finish, ends waits with their handle, refuses new ones with 503, and exits 0", async () => {
    await using cluster = await heldCluster();
    const product = await start(cluster);
    const client = await connect(product);
    const task = await cluster.longTask();
    const changes = Array.from({ length: writes }, (_each, index) => {
      const { name, args } = write(index);
      return client.call(name, args);
    });
    const watches = Array.from({ length: waits }, () => client.call("wait_for_task", { task }));
    await cluster.untilHeld(writes);
    await until(() => cluster.looks(task) > 2, 20_000);
    process.kill(product.pid, "SIGTERM");
    await untilStopping(product);
    for (const { text, isError } of await Promise.all(watches)) {
      expect({ isError, handle: text.split("\n").at(-1) }).toEqual({ isError: false, handle: `Task: ${task}` });
      expect(text).toContain("the wait for it ended early, because the server is stopping");
    }
    const refused = await fetch(`${product.url}/mcp`, rawCall);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
    expect((await fetch(`${product.url}/sse`)).status).toBe(503);
    expect((await fetch(`${product.url}/readyz`)).status).toBe(503);
    expect((await fetch(`${product.url}/healthz`)).status).toBe(200);
    cluster.release();
    for (const { text, isError } of await Promise.all(changes))
      expect({ text, isError }).toMatchObject({ isError: false });
    expect(await product.stop("SIGCONT")).toBe(0);
    const ends = endsOf(await cluster.audit());
    expect(ends.map(({ outcome }) => outcome)).toEqual(Array(writes).fill("done"));
    await client[Symbol.asyncDispose]();
  }, 60_000);
});

describe.each(["2025", "2026"] as const)("SIGTERM under 50 calls of %s over stdio", (era) => {
  test("lets writes finish, ends waits with their handle, and exits 0", async () => {
    await using cluster = await heldCluster();
    await using server = await stdioProcess(era, ["--config", cluster.config.path]);
    const task = await cluster.longTask();
    for (let id = 1; id <= writes; id++) server.call(id, write(id).name, write(id).args);
    for (let id = writes + 1; id <= writes + waits; id++) server.call(id, "wait_for_task", { task });
    await cluster.untilHeld(writes);
    await until(() => cluster.looks(task) > 2, 20_000);
    server.kill("SIGTERM");
    await untilStopping(server);
    server.call(99, "list_clusters", {});
    await until(() => server.answer(99) !== undefined, 20_000);
    expect(server.answer(99)).toContain("not executed. The server is stopping");
    cluster.release();
    expect(await server.exited).toBe(0);
    for (let id = 1; id <= writes; id++) expect(server.answer(id)).toContain("null");
    for (let id = writes + 1; id <= writes + waits; id++) expect(server.answer(id)).toEndWith(`Task: ${task}`);
    expect(endsOf(await cluster.audit()).map(({ outcome }) => outcome)).toEqual(Array(writes).fill("done"));
  }, 60_000);
});

describe.each(["2025", "2026"] as const)("stdin closed under 5 calls of %s", (era) => {
  test("answers all, exits 0 long before a client kills it, and gives its own stop as the reason", async () => {
    await using cluster = await heldCluster();
    await using server = await stdioProcess(era, ["--config", cluster.config.path]);
    const task = await cluster.longTask();
    for (let id = 1; id <= 3; id++) server.call(id, write(id).name, write(id).args);
    for (let id = 4; id <= 5; id++) server.call(id, "wait_for_task", { task });
    await cluster.untilHeld(3);
    await until(() => cluster.looks(task) > 1, 20_000);
    const began = performance.now();
    server.closeStdin();
    expect(await server.exited).toBe(0);
    // Over HTTP the time to finish is 30 s; a busy machine may take longer than the 1.5 s of an idle one.
    expect(performance.now() - began).toBeLessThan(20_000);
    for (let id = 1; id <= 3; id++) expect(server.answer(id)).toContain("the server stopped before the answer came");
    for (let id = 4; id <= 5; id++) expect(server.answer(id)).toEndWith(`Task: ${task}`);
    for (const { outcome, reason } of endsOf(await cluster.audit())) {
      expect({ outcome, reason }).toEqual({ outcome: "unknown", reason: "the server stopped before the answer came" });
    }
  }, 60_000);

  test("answers calls that came right before the end", async () => {
    await using cluster = await heldCluster();
    await using server = await stdioProcess(era, ["--config", cluster.config.path]);
    cluster.release();
    for (let id = 1; id <= 5; id++) server.call(id, write(id).name, write(id).args);
    server.closeStdin();
    expect(await server.exited).toBe(0);
    for (let id = 1; id <= 5; id++) expect(server.answer(id)).toContain("null");
    expect(endsOf(await cluster.audit()).map(({ outcome }) => outcome)).toEqual(Array(5).fill("done"));
  }, 60_000);
});

test("a write whose task has begun, but whose answer is still out, ends with the task's handle", async () => {
  await using cluster = await heldCluster("answer");
  const product = await start(cluster, { MCP_DRAIN_SECONDS: "0" });
  const client = await httpClient(product);
  const path = "/nodes/pve1/qemu/104/status/start";
  const call = client.call("proxmox_api_call", { method: "POST", path });
  await cluster.untilHeld(1);
  expect(await product.stop("SIGTERM")).toBe(0);
  const { text } = await call;
  const [end] = endsOf(await cluster.audit());
  expect(end?.outcome).toBe("done");
  expect(end?.upid).toContain(":qmstart:104:");
  expect(text).toContain(`alpha/${end?.upid}`);
  await client[Symbol.asyncDispose]();
}, 60_000);

test("what does not finish in time is answered and audited as unknown: the server stopped, and the exit code is 0", async () => {
  await using cluster = await heldCluster();
  const product = await start(cluster, { MCP_DRAIN_SECONDS: "0" });
  const clients = await Promise.all(Object.values(httpTransports).map((connect) => connect(product)));
  const calls = clients.map((client, index) => client.call(write(index).name, write(index).args));
  await cluster.untilHeld(3);
  expect(await product.stop("SIGTERM")).toBe(0);
  for (const { text, isError } of await Promise.all(calls)) {
    expect(isError).toBe(true);
    expect(text).toContain("the server stopped before the answer came\nUnknown: it may have been carried out.");
  }
  for (const { outcome, reason } of endsOf(await cluster.audit())) {
    expect({ outcome, reason }).toEqual({ outcome: "unknown", reason: "the server stopped before the answer came" });
  }
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
}, 60_000);

test("a second signal ends it at once, and what is open is audited as unknown", async () => {
  await using cluster = await heldCluster();
  const product = await start(cluster, { MCP_DRAIN_SECONDS: "3600" });
  const client = await sseClient(product);
  client.call(write(1).name, write(1).args).catch(() => undefined);
  await cluster.untilHeld(1);
  process.kill(product.pid, "SIGTERM");
  await untilStopping(product);
  expect(await product.stop("SIGTERM")).toBe(143);
  expect(endsOf(await cluster.audit())).toMatchObject([
    { outcome: "unknown", reason: expect.stringContaining("the server stopped") },
  ]);
  await client[Symbol.asyncDispose]();
}, 60_000);

test("a second signal also ends the wait for calls that were ended and do not answer", async () => {
  const calls = new RunningCalls();
  const ended = Promise.withResolvers<void>();
  void calls.run(local, new AbortController().signal, async ({ signal }) => {
    signal.addEventListener("abort", () => ended.resolve());
    await new Promise<never>(() => undefined);
  });
  const hurry = Promise.withResolvers<NodeJS.Signals>();
  const code = drain(calls, { finishMs: 0, endMs: 3_600_000 }, hurry.promise);
  await ended.promise;
  hurry.resolve("SIGINT");
  expect(await code).toBe(130);
});

test("a client can cancel a call while the server stops", async () => {
  await using cluster = await heldCluster();
  const product = await start(cluster);
  const clients = await Promise.all([sseClient(product), httpClient(product)]);
  const cancel = new AbortController();
  const calls = clients.map((client) => client.call(write(1).name, write(1).args, { signal: cancel.signal }));
  for (const call of calls) call.catch(() => undefined);
  await cluster.untilHeld(2);
  process.kill(product.pid, "SIGTERM");
  await untilStopping(product);
  cancel.abort("enough");
  // Nothing runs any more, so the server ends long before its 30 s are over.
  expect(await product.stop("SIGCONT")).toBe(0);
  const reasons = endsOf(await cluster.audit()).map(({ reason }) => reason);
  expect(reasons).toEqual(Array(2).fill("given up by the caller before the answer came"));
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
}, 60_000);

test("a call that waits for its human ends with the server, not executed", async () => {
  await using cluster = await heldCluster();
  await cluster.config.write({
    clusters: { alpha: { ...cluster.entry, access: "guarded" } },
    audit_log: "audit.jsonl",
  });
  const product = await start(cluster);
  const asked = Promise.withResolvers<void>();
  const never = new Promise<never>(() => undefined);
  const human = () => {
    asked.resolve();
    return never;
  };
  const client = await httpClient({ url: product.url, human });
  const call = client.call("proxmox_api_call", { method: "DELETE", path: "/nodes/pve1/qemu/104" });
  await asked.promise;
  expect(await product.stop("SIGTERM")).toBe(0);
  expect((await call).text).toBe(
    "proxmox_api_call: not executed, because the server is stopping. Its question to the human is void.",
  );
  expect(cluster.held()).toBe(0);
  await client[Symbol.asyncDispose]();
}, 60_000);

test("a client whose stream breaks while the server stops gets a retry time, not an error", async () => {
  await using cluster = await heldCluster();
  await using product = await start(cluster);
  await using client = await httpClient(product);
  client.call(write(1).name, write(1).args).catch(() => undefined);
  await cluster.untilHeld(1);
  process.kill(product.pid, "SIGTERM");
  await untilStopping(product);
  const response = await fetch(`${product.url}/sse`, { headers: { "last-event-id": "any" } });
  expect([response.status, await response.text()]).toEqual([200, "retry: 1000\n\n"]);
}, 60_000);

test("a time to drain that is no number of seconds is refused", async () => {
  await using cluster = await heldCluster();
  for (const value of ["-1", "soon", "3601", "1.5"]) {
    const { code, stderr } = await runProduct(["serve", "--config", cluster.config.path], { MCP_DRAIN_SECONDS: value });
    expect(code).toBe(2);
    expect(stderr).toContain("MCP_DRAIN_SECONDS: must be a whole number of seconds, from 0 to 3600.");
  }
}, 60_000);

test("the unit and the compose file wait longer than the server does by default", async () => {
  const fallback = Number(settings.find(({ variable }) => variable === "MCP_DRAIN_SECONDS")?.default);
  const read = async (file: string) => await Bun.file(new URL(`../../deploy/${file}`, import.meta.url)).text();
  const unit = Number(/^TimeoutStopSec=(\d+)$/m.exec(await read("proxmox-mcp.service"))?.[1]);
  const compose = Number(/^ +stop_grace_period: (\d+)s$/m.exec(await read("compose.yaml"))?.[1]);
  expect([unit, compose]).toEqual([fallback + 10, fallback + 10]);
});
