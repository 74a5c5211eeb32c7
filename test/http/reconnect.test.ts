import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Reopening } from "../../src/http/sse/reopening.ts";
import { anonymous } from "../../src/policy/callers/caller.ts";
import { httpClient, type McpClient, sseClient } from "../support/clients.ts";
import { type HeldCluster, heldCluster, write } from "../support/held-cluster.ts";
import { listenToDemo, until } from "../support/listening.ts";
import { type Product, startProduct } from "../support/product.ts";

const token = "the-token-of-one-caller-01234567";
const headers = { authorization: `Bearer ${token}` };

let cluster: HeldCluster;

beforeAll(async () => {
  cluster = await heldCluster();
  cluster.release();
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

function start(port = 0): Promise<Product> {
  return startProduct(["--config", cluster.config.path], { MCP_AUTH_TOKEN: token }, port);
}

type Connect = (target: { url: string; headers: Record<string, string> }) => Promise<McpClient>;

// The SDK's v1 client drops Last-Event-ID, so of its stream only the program is known.
const transports: [string, Connect, string][] = [
  ["SSE", sseClient, `Bun/${Bun.version}`],
  ["Streamable HTTP", httpClient, "proxmox-mcp-tests 1.0.0"],
];

describe.each(transports)("after kill -9 and a new start, over %s", (_, connect, named) => {
  test("the first call is answered, and the audit names the client as far as it says who it is", async () => {
    const first = await start();
    await using client = await connect({ url: first.url, headers });
    expect((await client.call(write(1).name, write(1).args)).isError).toBe(false);
    await first.stop("SIGKILL");
    await using _second = await start(Number(new URL(first.url).port));
    const before = (await cluster.audit()).length;
    expect((await client.call(write(2).name, write(2).args)).isError).toBe(false);
    const lines = (await cluster.audit()).slice(before);
    expect(lines.map(({ audit, client: name }) => [audit, name])).toEqual([
      ["sent", named],
      ["ended", named],
    ]);
  }, 30_000);
});

/** A stream read by hand. */
async function openStream(url: string, lastEventId?: string) {
  const controller = new AbortController();
  const more = lastEventId === undefined ? {} : { headers: { "last-event-id": lastEventId } };
  const response = await fetch(`${url}/sse`, { signal: controller.signal, ...more });
  let text = "";
  void (async () => {
    for await (const chunk of response.body ?? []) text += new TextDecoder().decode(chunk);
  })().catch(() => undefined);
  await until(() => text.includes("data: /messages"));
  return { text: () => text, path: /data: (\/messages\S+)/.exec(text)?.[1] ?? "", close: () => controller.abort() };
}

const initialize = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "by-hand", version: "1" } },
};

function post(url: string, body: unknown): Promise<Response> {
  const text = JSON.stringify(body);
  return fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: text });
}

test("a message for a stream that is not open waits until its client reopens it, and reaches it", async () => {
  const server = listenToDemo({ sse: { holdMs: 60_000 } });
  const first = await openStream(server.url);
  await post(`${server.url}${first.path}`, initialize);
  await until(() => first.text().includes("\nid: "));
  const eventId = /^id: (.+)$/m.exec(first.text())?.[1];
  first.close();
  await until(() => server.sessions().sse === 0);
  const posted = post(`${server.url}${first.path}`, { jsonrpc: "2.0", id: 2, method: "tools/list" });
  const second = await openStream(server.url, eventId);
  expect(second.path).toBe(first.path);
  expect((await posted).status).toBe(202);
  await until(() => second.text().includes('"id":2'));
  second.close();
  await server.close();
});

test("while the stream is still open a second one of its client gets another id", async () => {
  const server = listenToDemo({});
  const first = await openStream(server.url);
  await post(`${server.url}${first.path}`, initialize);
  await until(() => first.text().includes("\nid: "));
  const second = await openStream(server.url, /^id: (.+)$/m.exec(first.text())?.[1]);
  expect(second.path).not.toBe(first.path);
  expect((await post(`${server.url}${second.path}`, { jsonrpc: "2.0", id: 2, method: "tools/list" })).status).toBe(202);
  await until(() => second.text().includes('"id":2'));
  expect(first.text()).not.toContain('"id":2');
  for (const stream of [first, second]) stream.close();
  await server.close();
});

test("a message for a stream that is not reopened gets 404, at once if its id is not a UUID", async () => {
  const server = listenToDemo({ sse: { holdMs: 20 } });
  const unknown = `${server.url}/messages?sessionId=${crypto.randomUUID()}`;
  expect((await post(unknown, initialize)).status).toBe(404);
  await server.close();
  const patient = listenToDemo({ sse: { holdMs: 3_600_000 } });
  for (const id of ["", "none", "x".repeat(36)]) {
    expect((await post(`${patient.url}/messages?sessionId=${id}`, initialize)).status).toBe(404);
  }
  await patient.close();
});

test("no more than 256 messages wait", async () => {
  const reopening = new Reopening(3_600_000, () => true);
  const cancel = new AbortController();
  const wait = () => reopening.wait(crypto.randomUUID(), "peer", anonymous, cancel.signal);
  const waiting = Array.from({ length: 256 }, wait);
  expect(await wait()).toBeUndefined();
  cancel.abort();
  expect(new Set(await Promise.all(waiting))).toEqual(new Set([undefined]));
});

test("where a peer has several streams or several old ids, no message is given to the wrong one", async () => {
  const [one, other] = [crypto.randomUUID(), crypto.randomUUID()];
  const { signal } = new AbortController();
  const twoStreams = new Reopening(1000, () => true);
  const waiting = twoStreams.wait(one, "peer", anonymous, signal);
  twoStreams.openedBy("peer", "new-1");
  twoStreams.openedBy("peer", "new-2");
  expect(await waiting).toBeUndefined();
  const twoClients = new Reopening(1000, () => true);
  const both = [twoClients.wait(one, "peer", anonymous, signal), twoClients.wait(other, "peer", anonymous, signal)];
  twoClients.openedBy("peer", "new");
  expect(await Promise.all(both)).toEqual([undefined, undefined]);
  const newcomer = new Reopening(1000, () => false);
  const early = newcomer.wait(one, "peer", anonymous, signal);
  newcomer.openedBy("peer", "new");
  expect(await early).toBeUndefined();
  const stranger = new Reopening(1000, () => true);
  const unheard = stranger.wait(one, "peer", anonymous, signal);
  stranger.openedBy("another peer", "new");
  expect(await unheard).toBeUndefined();
});

test("streams of sessions tell when to reconnect, too", async () => {
  const server = listenToDemo({});
  const accept = "application/json, text/event-stream";
  const json = { "content-type": "application/json", accept };
  const begun = await fetch(`${server.url}/mcp`, { method: "POST", headers: json, body: JSON.stringify(initialize) });
  await begun.text();
  const id = begun.headers.get("mcp-session-id") ?? "";
  const stream = await fetch(`${server.url}/mcp`, { headers: { accept, "mcp-session-id": id } });
  const reader = (stream.body as ReadableStream<Uint8Array>).getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toStartWith("retry: 250\n");
  await reader.cancel();
  await server.close();
});
