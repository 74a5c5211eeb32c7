import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect } from "node:net";
import type { Listening } from "../../src/http/listen.ts";
import { tools } from "../../src/tools/catalog/index.ts";
import { sseClient } from "../support/clients.ts";
import { type KeptLog, listenToDemo, until } from "../support/listening.ts";

const maxSessions = 3;
const maxWaitingBytes = 32 * 1024;

let server: Listening & { readonly log: KeptLog };

beforeAll(() => {
  server = listenToDemo({ sse: { maxSessions, pingMs: 100, maxWaitingBytes, holdMs: 50 } });
});

afterAll(async () => {
  await server.close();
});

/** A raw reader of a stream: what came so far, and where to post. */
async function openStream() {
  const controller = new AbortController();
  const response = await fetch(`${server.url}/sse`, { signal: controller.signal });
  let text = "";
  void (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true });
  })().catch(() => undefined);
  return {
    response,
    text: () => text,
    async messages() {
      await until(() => text.includes("data: /messages"));
      return `${server.url}${/data: (\/messages\S+)/.exec(text)?.[1]}`;
    },
    close: () => controller.abort(),
  };
}

function post(url: string, body: unknown): Promise<Response> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: text });
}

const call = { jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "list_clusters", arguments: {} } };

function openCount(): number {
  return Number(/(\d+) open$/.exec(server.log.lines.findLast((line) => line.endsWith("open")) ?? "0 open")?.[1]);
}

test("the stream begins with where to post, is pinged at once and again, and is not buffered on its way", async () => {
  const stream = await openStream();
  expect(stream.response.headers.get("content-type")).toBe("text/event-stream");
  expect(stream.response.headers.get("x-accel-buffering")).toBe("no");
  await until(() => stream.text().split(": ping\n\n").length > 3);
  expect(stream.text()).toMatch(
    /^event: endpoint\ndata: \/messages\?sessionId=[0-9a-f-]{36}\nretry: 250\n\n: ping\n\n/,
  );
  stream.close();
  await until(() => openCount() === 0);
});

test("a call without initialize is answered: Gemini CLI sends one on the fresh stream after a restart", async () => {
  const stream = await openStream();
  const accepted = await post(await stream.messages(), call);
  expect(accepted.status).toBe(202);
  await until(() => stream.text().includes('"id":7'));
  expect(stream.text()).toContain("event: message\ndata: ");
  expect(stream.text()).toContain("alpha\\treachable");
  stream.close();
  await until(() => openCount() === 0);
});

test("a message for no stream gets 404, one that is no JSON-RPC 400, without harm to the stream", async () => {
  expect((await post(`${server.url}/messages?sessionId=none`, call)).status).toBe(404);
  expect((await post(`${server.url}/messages`, call)).status).toBe(404);
  const stream = await openStream();
  const messages = await stream.messages();
  for (const body of ["{", "[]", { jsonrpc: "1.0" }, [call]]) expect((await post(messages, body)).status).toBe(400);
  expect((await post(messages, call)).status).toBe(202);
  await until(() => stream.text().includes('"id":7'));
  stream.close();
  await until(() => openCount() === 0);
  expect((await post(messages, call)).status).toBe(404);
});

test("over the cap a stream is refused with 503, and served again once another closed", async () => {
  const streams = await Promise.all(Array.from({ length: maxSessions }, openStream));
  const refused = await fetch(`${server.url}/sse`);
  expect(refused.status).toBe(503);
  expect(refused.headers.get("retry-after")).toBe("10");
  streams[0]?.close();
  await until(() => openCount() === maxSessions - 1);
  await using client = await sseClient(server);
  expect(await client.listTools()).toHaveLength(tools.length);
  for (const stream of streams) stream.close();
  await client[Symbol.asyncDispose]();
  await until(() => openCount() === 0);
});

test("a client that does not read is cut off, and the others go on", async () => {
  const { port } = new URL(server.url);
  const socket = connect(Number(port), "127.0.0.1", () => socket.write("GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  let head = "";
  await new Promise<void>((resolve) => {
    socket.on("data", (data) => {
      head += data;
      if (head.includes("sessionId=")) resolve();
    });
  });
  socket.removeAllListeners("data");
  socket.pause();
  const messages = `${server.url}${/data: (\/messages\S+)/.exec(head)?.[1]}`;
  const large = { ...call, params: { name: "get_cluster_resources", arguments: {} } };
  for (let i = 0; i < 4000 && (await post(messages, large)).status === 202; i++);
  expect((await post(messages, large)).status).toBe(404);
  expect(server.log.lines.some((line) => line.includes("the client does not read"))).toBe(true);
  socket.destroy();
  await using client = await sseClient(server);
  expect((await client.call("list_clusters")).isError).toBe(false);
});
