import { describe, expect, test } from "bun:test";
import { Client as ModernClient, StreamableHTTPClientTransport as ModernHttp } from "@modelcontextprotocol/client";
import { askServers } from "../../src/control/ask.ts";
import { controlPaths, serverConsents } from "../../src/control/protocol.ts";
import {
  type CallOptions,
  httpClient,
  type McpClient,
  modernClient,
  sseClient,
  type Target,
} from "../support/clients.ts";
import { endsOf, type HeldCluster, heldCluster, write } from "../support/held-cluster.ts";
import { until } from "../support/listening.ts";
import { type Product, startProduct } from "../support/product.ts";
import { stdioProcess } from "../support/stdio-process.ts";

const tokens = { ann: "the-token-of-ann-000000001", bob: "the-token-of-bob-000000002" };
const sha256 = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");
const headers = { authorization: `Bearer ${tokens.ann}` };
const callers = {
  ann: { token_sha256: sha256(tokens.ann) },
  bob: { token_sha256: sha256(tokens.bob) },
};

type Keys = Record<string, unknown>;

/** A server for two callers over a cluster that holds its writes. */
async function serve(more: Keys = {}) {
  const cluster = await heldCluster();
  const keys: Keys = { clusters: { alpha: cluster.entry, spare: cluster.entry }, callers, audit_log: "audit.jsonl" };
  await cluster.config.write({ ...keys, ...more });
  const product = await startProduct(["--config", cluster.config.path]);
  return {
    cluster,
    product,
    reload: (now: Keys) => reload(cluster, product, { ...keys, ...more, ...now }),
    async [Symbol.asyncDispose]() {
      await product.stop("SIGKILL");
      await cluster[Symbol.asyncDispose]();
    },
  };
}

/** Reads a new configuration, and waits until the server says so. */
async function reload({ config }: HeldCluster, { pid, stderr }: Pick<Product, "pid" | "stderr">, now: Keys) {
  const count = () => stderr().split("SIGHUP: now with").length;
  const before = count();
  await config.write(now);
  process.kill(pid, "SIGHUP");
  await until(() => count() > before, 10_000);
}

/** A write on alpha, which the cluster holds. */
function change(client: McpClient, index: number, options: CallOptions = {}) {
  const { name, args } = write(index);
  return client.call(name, { ...args, cluster: "alpha" }, options);
}

const kinds: Record<string, (target: Target) => Promise<McpClient>> = {
  "2026-07-28 over HTTP": modernClient,
  "2025 over Streamable HTTP": httpClient,
  "2025 over SSE": sseClient,
};

describe.each(Object.entries(kinds))("a caller that is removed, %s", (_, connect) => {
  test("has its waits and writes ended with the reason, hears no more of a task, and is not let in again", async () => {
    await using server = await serve();
    const { cluster, product } = server;
    const client = await connect({ url: product.url, headers });
    await using other = await httpClient({ url: product.url, headers: { authorization: `Bearer ${tokens.bob}` } });
    const task = await cluster.longTask();
    let heard = 0;
    const onprogress = () => {
      heard += 1;
    };
    const wait = client.call("wait_for_task", { task }, { onprogress });
    const changed = change(client, 1);
    const kept = change(other, 2);
    await cluster.untilHeld(2);
    await until(() => heard > 0, 10_000);
    await server.reload({ callers: { bob: callers.bob } });
    const reason = "the caller ann was removed from the configuration, or changed its name or token";
    expect((await wait).text).toContain(reason);
    expect((await changed).text).toContain(`${reason} before the answer came`);
    const looks = cluster.looks(task);
    const progress = heard;
    await expect(client.call("list_clusters", {}, { timeout: 1000 })).rejects.toThrow();
    expect([cluster.looks(task), heard]).toEqual([looks, progress]);
    cluster.release();
    expect((await kept).isError).toBe(false);
    const ends = endsOf(await cluster.audit()).map(({ caller, outcome, reason: why }) => [caller, outcome, why]);
    expect(ends.toSorted()).toEqual([
      ["ann", "unknown", `${reason} before the answer came`],
      ["bob", "done", undefined],
    ]);
    await Promise.allSettled([client[Symbol.asyncDispose]()]);
  }, 60_000);
});

/** The names of the callers of SSE streams that are open, by raw streams. */
async function rawStream(url: string, path: string, more: Record<string, string>, init: RequestInit = {}) {
  const response = await fetch(`${url}${path}`, { headers: { ...headers, ...more }, ...init });
  let isOver = false;
  void (async () => {
    for await (const _chunk of response.body ?? []);
  })()
    .catch(() => undefined)
    .finally(() => {
      isOver = true;
    });
  return { status: response.status, isOver: () => isOver };
}

async function newSession(url: string): Promise<string> {
  const json = { "content-type": "application/json", accept: "application/json, text/event-stream" };
  const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "tests", version: "1" } };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params });
  const response = await fetch(`${url}/mcp`, { method: "POST", headers: { ...json, ...headers }, body });
  await response.text();
  return response.headers.get("mcp-session-id") ?? "";
}

test("the streams of a removed caller end: SSE, of a session, and a subscription; those of another stay", async () => {
  await using server = await serve();
  const { url } = server.product;
  const accept = "application/json, text/event-stream";
  const sse = await rawStream(url, "/sse", {});
  const session = await rawStream(url, "/mcp", { accept, "mcp-session-id": await newSession(url) });
  const others = await rawStream(url, "/sse", { authorization: `Bearer ${tokens.bob}` });
  const modern = new ModernClient(
    { name: "tests", version: "1" },
    {
      versionNegotiation: { mode: { pin: "2026-07-28" } },
      listChanged: { tools: { autoRefresh: false, onChanged: () => undefined } },
    },
  );
  const ended = Promise.withResolvers<void>();
  const watched = async (input: string | URL | Request, init?: RequestInit) => {
    const response = await fetch(input, init);
    if (!String(init?.body).includes("subscriptions/listen") || response.body === null) return response;
    const [own, theirs] = response.body.tee();
    void (async () => {
      for await (const _chunk of own);
    })()
      .catch(() => undefined)
      .finally(ended.resolve);
    return new Response(theirs, response);
  };
  await modern.connect(new ModernHttp(new URL("/mcp", url), { requestInit: { headers }, fetch: watched }));
  expect([sse.status, session.status, others.status]).toEqual([200, 200, 200]);
  await server.reload({ callers: { bob: callers.bob } });
  await until(() => sse.isOver() && session.isOver(), 10_000);
  await ended.promise;
  expect(others.isOver()).toBe(false);
  await modern.close();
}, 60_000);

describe.each(Object.entries(kinds))("a caller that is renamed, %s", (_, connect) => {
  test("goes on under its new name, without a new handshake", async () => {
    await using server = await serve();
    await using client = await connect({ url: server.product.url, headers });
    server.cluster.release();
    expect((await change(client, 1)).isError).toBe(false);
    await server.reload({ callers: { anna: callers.ann, bob: callers.bob } });
    // Its stream has ended, or ends right now, and an EventSource reconnects after 250 ms.
    let isAnswered = false;
    for (let i = 0; i < 50 && !isAnswered; i++) {
      isAnswered = await change(client, 2, { timeout: 5000 }).then(
        ({ isError }) => !isError,
        () => false,
      );
    }
    expect(await client.listTools()).toContain("list_clusters");
    const names = endsOf(await server.cluster.audit()).map(({ caller }) => caller);
    expect([names[0], names.at(-1)]).toEqual(["ann", "anna"]);
  }, 60_000);
});

describe("a cluster that is removed, taken from its caller, or moved to other servers", () => {
  const reasons: [string, (cluster: HeldCluster) => Keys, string][] = [
    [
      "removed",
      ({ entry }) => ({ clusters: { spare: entry } }),
      "the cluster alpha was removed from the configuration",
    ],
    [
      "taken",
      () => ({ callers: { ...callers, ann: { ...callers.ann, clusters: ["spare"] } } }),
      "the cluster alpha was taken from the caller ann",
    ],
    [
      "moved",
      ({ entry }) => ({ clusters: { alpha: { ...entry, url: "http://127.0.0.1:1" }, spare: entry } }),
      "the cluster alpha was removed from the configuration",
    ],
  ];
  test.each(reasons)(
    "ends what runs on it, and nothing else (%s)",
    async (_, now, reason) => {
      await using server = await serve();
      const { cluster } = server;
      await using client = await sseClient({ url: server.product.url, headers });
      const task = await cluster.longTask();
      const call = (name: string, { method, path, data }: Record<string, unknown>) =>
        client.call("proxmox_api_call", { cluster: name, method, path, data });
      const wait = client.call("wait_for_task", { task });
      const changed = call("alpha", write(1).args);
      const kept = call("spare", write(2).args);
      await cluster.untilHeld(2);
      await until(() => cluster.looks(task) > 1, 10_000);
      await server.reload(now(cluster));
      expect((await wait).text).toContain(reason);
      expect((await changed).text).toContain(`${reason} before the answer came`);
      cluster.release();
      expect((await kept).isError).toBe(false);
    },
    60_000,
  );
});

test("over stdio a removed cluster ends what runs on it, too", async () => {
  await using cluster = await heldCluster();
  const keys = { clusters: { alpha: cluster.entry, spare: cluster.entry }, audit_log: "audit.jsonl" };
  await cluster.config.write(keys);
  await using server = await stdioProcess("2025", ["--config", cluster.config.path]);
  server.call(1, "wait_for_task", { task: await cluster.longTask() });
  server.call(2, write(1).name, { ...write(1).args, cluster: "alpha" });
  await cluster.untilHeld(1);
  await reload(cluster, server, { ...keys, clusters: { spare: cluster.entry } });
  await until(() => server.answer(1) !== undefined && server.answer(2) !== undefined, 10_000);
  for (const id of [1, 2]) expect(server.answer(id)).toContain("the cluster alpha was removed from the configuration");
}, 60_000);

test("a reload that takes nothing away ends nothing: another endpoint, a new caller, a new cluster", async () => {
  await using server = await serve();
  const { cluster } = server;
  await using client = await httpClient({ url: server.product.url, headers });
  const changed = change(client, 1);
  await cluster.untilHeld(1);
  const { entry } = cluster;
  await server.reload({
    clusters: { alpha: { ...entry, url: [entry["url"], "http://127.0.0.1:1"] }, spare: entry, more: entry },
    callers: { ...callers, cid: { token_sha256: sha256("the-token-of-cid-000000003") } },
  });
  cluster.release();
  expect((await changed).isError).toBe(false);
  expect(endsOf(await cluster.audit())).toMatchObject([{ outcome: "done" }]);
}, 60_000);

test("open questions of a removed caller or cluster end, and do not come back with it", async () => {
  await using server = await serve();
  const { cluster, product } = server;
  const guarded = { ...cluster.entry, access: "guarded", consent_fallback: "two-step" };
  await server.reload({ clusters: { alpha: guarded, spare: guarded } });
  const open = async () => {
    const { answers } = await askServers([product.runtime], controlPaths.consents, serverConsents);
    return answers.flatMap(({ questions }) => questions).map(({ caller, cluster: name }) => `${caller} ${name}`);
  };
  const deletion = { method: "POST", path: "/nodes/pve1/qemu/100/status/stop" };
  await using ann = await httpClient({ url: product.url, headers });
  await using bob = await httpClient({ url: product.url, headers: { authorization: `Bearer ${tokens.bob}` } });
  const asked = await ann.call("proxmox_api_call", { ...deletion, cluster: "alpha" });
  for (const name of ["alpha", "spare"]) await bob.call("proxmox_api_call", { ...deletion, cluster: name });
  expect((await open()).toSorted()).toEqual(["ann alpha", "bob alpha", "bob spare"]);
  await server.reload({ clusters: { alpha: guarded, spare: guarded }, callers: { bob: callers.bob } });
  expect((await open()).toSorted()).toEqual(["bob alpha", "bob spare"]);
  await server.reload({ clusters: { spare: guarded } });
  expect(await open()).toEqual(["bob spare"]);
  await server.reload({ clusters: { alpha: guarded, spare: guarded } });
  const consent = /consent: "([^"]+)"/.exec(asked.text)?.[1];
  await using again = await httpClient({ url: product.url, headers });
  const { text } = await again.call("proxmox_api_call", { ...deletion, cluster: "alpha", consent });
  expect(text).toContain("its caller or its cluster was removed from the configuration meanwhile");
  expect(cluster.held()).toBe(0);
}, 60_000);
