import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { httpClient, type McpClient, modernClient, sseClient, stdioClient } from "../support/clients.ts";
import { type Fleet, startFleet } from "../support/fleet.ts";
import { until } from "../support/listening.ts";

/** One whose tasks take a second or two, and one whose tasks outlast every wait. */
let quick: Fleet;
let slow: Fleet;

beforeAll(async () => {
  [quick, slow] = await Promise.all([startFleet({ taskMs: 1500 }), startFleet({ taskMs: 300_000 })]);
});

afterAll(async () => {
  await Promise.all([quick[Symbol.asyncDispose](), slow[Symbol.asyncDispose]()]);
});

type Connect = (fleet: Fleet) => Promise<McpClient>;

const overSse: Connect = ({ product }) => sseClient(product);
const overHttp: Connect = ({ product }) => httpClient(product);
const overStdio: Connect = ({ config }) => stdioClient(["--config", config.path]);
const modern: Connect = ({ product }) => modernClient(product);

const kinds: [string, Connect][] = [
  ["the v1 client over SSE", overSse],
  ["the v1 client over Streamable HTTP", overHttp],
  ["the v1 client over stdio", overStdio],
  ["the v2 client in 2026-07-28", modern],
];

/** A task that runs for long, and how often somebody asked for it. */
async function longTask(fleet: Fleet) {
  const upid = String(await fleet.send("POST", "/nodes/pve1/vzdump", { vmid: "201", storage: "backups" }));
  const status = `/nodes/pve1/tasks/${encodeURIComponent(upid)}/status`;
  return {
    handle: `alpha/${upid}`,
    looks: () => fleet.alpha.requests.filter(({ path }) => path.endsWith(status)).length,
    isRunning: async () => ((await fleet.send("GET", status)) as { status: string }).status === "running",
    end: () => fleet.send("DELETE", status.replace("/status", "")),
  };
}

/** Nobody looks after the task any more: no look in longer than a wait pauses in its first seconds. */
async function expectNoLooks(looks: () => number): Promise<void> {
  await Bun.sleep(200);
  const before = looks();
  await Bun.sleep(1100);
  expect(looks()).toBe(before);
}

describe.each(kinds)("%s", (_, connect) => {
  test("sees a task's log pass by while it waits, and then how it ended", async () => {
    await using client = await connect(quick);
    const upid = String(await quick.send("POST", "/nodes/pve1/vzdump", { vmid: "200", storage: "backups" }));
    const told: { progress: number; message?: string | undefined }[] = [];
    const onprogress = (progress: (typeof told)[number]) => told.push(progress);
    const { text, isError } = await client.call("wait_for_task", { task: `alpha/${upid}` }, { onprogress });
    expect(isError).toBe(false);
    expect(text).toStartWith("vzdump of 200 on pve1 (alpha) ended OK");
    expect(text).toContain("INFO: Backup job finished successfully");
    expect(text).toEndWith(`Task: alpha/${upid}`);
    // Which of the log's lines are the last one when it is looked at depends on how busy the machine is.
    expect(told.length).toBeGreaterThan(0);
    for (const { message } of told) expect(message).toMatch(/^INFO: |^vzdump of 200 on pve1 \(alpha\) is running$/);
    const counts = told.map(({ progress }) => progress);
    expect(counts).toEqual(counts.map((_, index) => index + 1));
  });

  test("that cancels ends the waiting, and not the task", async () => {
    await using client = await connect(slow);
    const task = await longTask(slow);
    const cancel = new AbortController();
    const call = client.call("wait_for_task", { task: task.handle }, { signal: cancel.signal });
    call.catch(() => undefined);
    await until(() => task.looks() > 1);
    cancel.abort("enough");
    await expect(call).rejects.toThrow();
    await expectNoLooks(task.looks);
    expect(await task.isRunning()).toBe(true);
    expect((await client.call("list_clusters")).isError).toBe(false);
    await task.end();
  });
});

test.each([
  ["the v1 client over SSE", overSse],
  ["the v1 client over stdio", overStdio],
  ["the v2 client in 2026-07-28", modern],
])("%s that disconnects ends the waiting, and not the task", async (_, connect) => {
  const client = await connect(slow);
  const task = await longTask(slow);
  client.call("wait_for_task", { task: task.handle }).catch(() => undefined);
  await until(() => task.looks() > 1);
  await client[Symbol.asyncDispose]();
  await expectNoLooks(task.looks);
  expect(await task.isRunning()).toBe(true);
  await task.end();
});

test("a 2025-era session whose client disconnects waits to its end, which harms nobody", async () => {
  const client = await overHttp(slow);
  const task = await longTask(slow);
  client.call("wait_for_task", { task: task.handle, timeout: 2 }).catch(() => undefined);
  await until(() => task.looks() > 1);
  await client[Symbol.asyncDispose]();
  await Bun.sleep(2200);
  await expectNoLooks(task.looks);
  await using other = await overHttp(slow);
  expect((await other.call("list_clusters")).isError).toBe(false);
  expect(await task.isRunning()).toBe(true);
  await task.end();
});

test("a wait that nobody hears of for longer than quiet connections live is answered on every transport", async () => {
  const task = await longTask(slow);
  const clients = await Promise.all(kinds.map(([, connect]) => connect(slow)));
  const answers = await Promise.all(
    clients.map((client) => client.call("wait_for_task", { task: task.handle, timeout: 12 })),
  );
  for (const { text, isError } of answers) {
    expect(isError).toBe(false);
    expect(text).toContain("vzdump of 201 on pve1 (alpha) is still running");
    expect(text).toContain("wait_for_task waits for its end");
    expect(text).toEndWith(`Task: ${task.handle}`);
  }
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  await task.end();
}, 30_000);

test("a server that stops ends all waits at once, with the handle", async () => {
  const fleet = await startFleet({ taskMs: 300_000 });
  const task = await longTask(fleet);
  const clients = await Promise.all([overSse(fleet), overHttp(fleet), modern(fleet)]);
  const ended = clients.map((client) => client.call("wait_for_task", { task: task.handle }, { timeout: 4000 }));
  await until(() => task.looks() >= 6);
  const began = performance.now();
  expect(await fleet.product.stop("SIGTERM")).toBe(0);
  expect(performance.now() - began).toBeLessThan(2000);
  await expectNoLooks(task.looks);
  expect(await task.isRunning()).toBe(true);
  for (const { text } of await Promise.all(ended)) expect(text).toEndWith(`Task: ${task.handle}`);
  await Promise.allSettled(clients.map((client) => client[Symbol.asyncDispose]()));
  await fleet[Symbol.asyncDispose]();
}, 15_000);
