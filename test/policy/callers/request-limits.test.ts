import { describe, expect, test } from "bun:test";
import { createDemo, type DemoCluster } from "../../../src/simulator/index.ts";
import { agreeable, type Human, httpClient, modernClient, sseClient } from "../../support/clients.ts";
import { configFile } from "../../support/config-file.ts";
import { serveDemo } from "../../support/demo-server.ts";
import { type Product, startProduct } from "../../support/product.ts";

const token = "the-token-of-the-busy-caller";
const sha256 = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");
const headers = { authorization: `Bearer ${token}` };

/** The product over a demo cluster, with one caller who may make so many requests in a minute. */
async function startLimited(
  limit: number,
  { access = "full", taskMs = 1 }: { readonly access?: string; readonly taskMs?: number } = {},
) {
  const stack = new AsyncDisposableStack();
  const [alpha] = createDemo({ authDelayMs: 0, offlineDelayMs: 0, taskMs }).clusters as readonly [DemoCluster];
  const demo = await serveDemo(alpha);
  stack.defer(() => demo.stop());
  const { user, tokenId, tokenSecret } = alpha.credentials;
  const entry = { url: demo.url, user, token_id: tokenId, token_secret: tokenSecret, access };
  const config = stack.use(
    await configFile({
      clusters: { alpha: entry },
      callers: { busy: { token_sha256: sha256(token), requests_per_minute: limit } },
    }),
  );
  const product: Product = stack.use(await startProduct(["--config", config.path]));
  return {
    url: product.url,
    /** What was sent to Proxmox on behalf of callers: the API schema and what belongs to it is the server's own. */
    sent: () =>
      demo.requests
        .filter(({ path }) => !path.startsWith("/pve-docs/") && path !== "/api2/json/version")
        .map(({ method, path }) => `${method} ${path.replace("/api2/json", "")}`),
    /** Starts a task that runs as long as tasks do, in nobody's name here: its handle. */
    async longTask() {
      const authorization = `PVEAPIToken=${user}!${tokenId}=${tokenSecret}`;
      const body = new URLSearchParams({ vmid: "201", storage: "backups" });
      const url = "http://demo/api2/json/nodes/pve1/vzdump";
      const response = await alpha.fetch(new Request(url, { method: "POST", headers: { authorization }, body }));
      return `alpha/${((await response.json()) as { data: string }).data}`;
    },
    /** POSTs JSON-RPC messages as a script does, without a session. */
    async post(body: unknown) {
      const response = await fetch(`${product.url}/mcp`, {
        method: "POST",
        headers: { ...headers, "content-type": "application/json", accept: "application/json, text/event-stream" },
        body: JSON.stringify(body),
      });
      return { status: response.status, after: response.headers.get("retry-after"), text: await response.text() };
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function toolCall(name: string, args: Record<string, unknown> = {}, id = 1) {
  return { jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: args } };
}

/** Twenty reads of which no two are equal. */
const twenty = ["hour", "day", "week", "month", "year"].flatMap((timeframe) =>
  ["pve1", "pve2"].flatMap((node) =>
    ["AVERAGE", "MAX"].map((cf) => ({ path: `/nodes/${node}/rrddata`, data: { timeframe, cf } })),
  ),
);

const why = (limit: number) =>
  `busy has used up its requests of this minute (requests_per_minute: ${limit}; each message, tool call and request to Proxmox counts)`;

describe.each([
  ["2026-07-28 over HTTP", modernClient],
  ["2025 over HTTP", httpClient],
  ["2025 over SSE", sseClient],
] as const)("%s", (_, connect) => {
  test("a call that would exceed the limit gives the answers it has, and says of every other part why it was not sent", async () => {
    await using limited = await startLimited(15);
    await using client = await connect({ url: limited.url, headers });
    const { text, isError } = await client.call("proxmox_api_read", { requests: twenty });
    const sent = limited.sent().length;
    // The rest are the messages of the handshake and the call itself.
    expect(sent).toBeWithin(10, 15);
    expect(isError).toBe(false);
    expect(text).toStartWith(`${sent} of 20 answered; not answered: `);
    expect(text.split(`it was not sent: ${why(15)}\nRetry in `)).toHaveLength(20 - sent + 1);
  });
});

test("a message counts as one, and each request to Proxmox that it causes as another", async () => {
  await using limited = await startLimited(8);
  const { text } = await limited.post(toolCall("proxmox_api_read", { requests: twenty }));
  expect(text).toContain("7 of 20 answered");
  expect(limited.sent()).toHaveLength(7);
  const { status, after, text: refused } = await limited.post({ jsonrpc: "2.0", id: 2, method: "tools/list" });
  expect(status).toBe(429);
  expect(Number(after)).toBeWithin(1, 61);
  expect(refused).toContain(`${why(8)}. Retry in ${after} s, or send fewer requests.`);
});

test("answers that are shared or kept cause no request and do not count", async () => {
  await using limited = await startLimited(5);
  const same = Array.from({ length: 20 }, () => ({ path: "/nodes/pve1/status" }));
  expect((await limited.post(toolCall("proxmox_api_read", { requests: same }))).text).toContain("20 of 20 answered.");
  expect((await limited.post(toolCall("get_cluster_resources"))).text).toContain("guests on");
  expect((await limited.post(toolCall("get_cluster_resources"))).text).toContain("guests on");
  expect(limited.sent()).toEqual(["GET /nodes/pve1/status", "GET /cluster/resources"]);
  expect((await limited.post({ jsonrpc: "2.0", id: 2, method: "ping" })).status).toBe(429);
});

describe.each([
  ["tool calls", (id: number) => toolCall("search_api", { query: "start vm" }, id)],
  ["protocol messages", (id: number) => ({ jsonrpc: "2.0", id, method: "tools/list" })],
] as const)("a batch of %s", (_, message) => {
  const batch = (count: number) => Array.from({ length: count }, (_, index) => message(index + 1));

  test("counts each of them", async () => {
    await using limited = await startLimited(10);
    const { status, text } = await limited.post(batch(9));
    expect(status).toBe(200);
    expect(text.split('"result"')).toHaveLength(9 + 1);
    expect((await limited.post(message(1))).status).toBe(200);
    expect((await limited.post(message(1))).status).toBe(429);
  });

  test("that would exceed the limit is refused whole, and leaves what smaller ones may use", async () => {
    await using limited = await startLimited(10);
    const { status, after, text } = await limited.post(batch(11));
    expect(status).toBe(429);
    expect(text).toContain(`${why(10)}. Retry in ${after} s, or send fewer requests.`);
    expect((await limited.post(batch(9))).status).toBe(200);
    expect((await limited.post(message(1))).status).toBe(429);
  });
});

test("a write that would exceed the limit is not sent", async () => {
  await using limited = await startLimited(4);
  await limited.post(toolCall("proxmox_api_read", { requests: twenty.slice(0, 2) }));
  const put = { method: "PUT", path: "/nodes/pve1/qemu/104/config", data: { description: "late" } };
  const { text } = await limited.post(toolCall("proxmox_api_call", put));
  expect(text).toContain(`PUT /nodes/pve1/qemu/104/config on alpha: it was not sent: ${why(4)}`);
  expect(limited.sent().filter((line) => line.startsWith("PUT"))).toEqual([]);
});

test("list_clusters tells a cluster that was not asked from one that does not answer", async () => {
  await using limited = await startLimited(2);
  const { text } = await limited.post(toolCall("list_clusters"));
  expect(text).toContain("alpha\\tnot asked\\t");
  expect(text).toContain(why(2));
});

test("waiting for a task that a call started is never refused, counts, and so its handle is not lost", async () => {
  await using limited = await startLimited(2);
  const { text } = await limited.post(
    toolCall("proxmox_api_call", { method: "POST", path: "/nodes/pve1/qemu/104/status/start" }),
  );
  expect(text).toMatch(/qmstart of 104 on pve1 \(alpha\) ended OK.*Task: alpha\/UPID:pve1:/);
  const [write, ...polls] = limited.sent();
  expect(write).toBe("POST /nodes/pve1/qemu/104/status/start");
  expect(polls.length).toBeGreaterThan(0);
  expect((await limited.post(toolCall("list_nodes"))).status).toBe(429);
});

test("wait_for_task looks at its task until its time is over", async () => {
  await using limited = await startLimited(2, { taskMs: 300_000 });
  const { text } = await limited.post(toolCall("wait_for_task", { task: await limited.longTask(), timeout: 1 }));
  expect(text).toMatch(/vzdump.* on pve1 \(alpha\) is still running.*Task: alpha\/UPID:pve1:/);
  expect(limited.sent().length).toBeGreaterThan(2);
  expect((await limited.post(toolCall("list_nodes"))).status).toBe(429);
});

test.each([
  ["2025 over HTTP", httpClient],
  ["2025 over SSE", sseClient],
] as const)("%s: once a human is asked, nothing keeps the answer from being carried out", async (_, connect) => {
  const remove = { method: "DELETE", path: "/nodes/pve1/qemu/104" };
  const run = async (limit: number) => {
    await using limited = await startLimited(limit, { access: "guarded" });
    const asked: number[] = [];
    const human: Human = (question) => {
      asked.push(limited.sent().length);
      return agreeable(question);
    };
    await using client = await connect({ url: limited.url, headers, human });
    const { text } = await client.call("proxmox_api_call", remove);
    return { text, asked, deleted: limited.sent().filter((line) => line.startsWith("DELETE")).length };
  };
  const [readsBefore = 0] = (await run(1000)).asked;
  expect(readsBefore).toBeGreaterThan(0);
  // Two messages of the handshake, the call, and what is read for the question.
  const tight = await run(3 + readsBefore);
  expect(tight).toMatchObject({ asked: [readsBefore], deleted: 1 });
  expect(tight.text).toContain("ended OK");
  expect(await run(2 + readsBefore)).toMatchObject({ asked: [], deleted: 0 });
});

test("above the limit a cancellation is still taken, and nothing that comes with it", async () => {
  await using limited = await startLimited(2, { taskMs: 300_000 });
  await limited.post({ jsonrpc: "2.0", id: 1, method: "ping" });
  await limited.post({ jsonrpc: "2.0", id: 1, method: "ping" });
  const cancelled = { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 7 } };
  expect((await limited.post(cancelled)).status).toBe(202);
  expect((await limited.post({ jsonrpc: "2.0", method: "notifications/initialized" })).status).toBe(429);
  expect((await limited.post([cancelled, { jsonrpc: "2.0", id: 2, method: "ping" }])).status).toBe(429);
  expect((await limited.post([cancelled, cancelled])).status).toBe(202);
});
