import { expect, test } from "bun:test";
import type { Socket } from "node:net";
import { ProxmoxClient } from "../../../src/proxmox/client.ts";
import type { ProxmoxRequest } from "../../../src/proxmox/request.ts";
import { until } from "../../support/listening.ts";
import { type Behaviour, type RawServer, replyData, startRawServer } from "../../support/raw-server.ts";
import { clusterAt, failureOf } from "../clusters.ts";

const nodes = { method: "GET", path: ["nodes"] } as const satisfies ProxmoxRequest;
const resources = { method: "GET", path: ["cluster", "resources"] } as const satisfies ProxmoxRequest;
const write = { method: "PUT", path: ["nodes", "pve1", "qemu", "100", "config"], params: { name: "x" } } as const;

function release(held: (() => void)[]): void {
  for (const answer of held.splice(0)) answer();
}

/** Counts its answers, and gives them when the test says so. */
async function startCounting(): Promise<RawServer & { readonly answerAll: () => void }> {
  const waiting: (() => void)[] = [];
  let answers = 0;
  const behaviour: Behaviour = (socket: Socket, request) => {
    answers += 1;
    const data = answers;
    waiting.push(() => replyData(data)(socket, request));
  };
  const server = await startRawServer(behaviour);
  return { ...server, answerAll: () => release(waiting) };
}

/** A server that answers at once, each time with a higher number. */
async function startQuick(): Promise<RawServer> {
  let answers = 0;
  return await startRawServer((socket, request) => replyData(++answers)(socket, request));
}

test("identical reads at a time are one request, and all get its answer", async () => {
  await using server = await startCounting();
  const client = new ProxmoxClient(clusterAt([server.url]));
  const asked = Promise.all(Array.from({ length: 50 }, () => client.request(nodes)));
  await until(() => server.requests.length > 0);
  server.answerAll();
  expect(new Set((await asked).map(({ data }) => data))).toEqual(new Set([1]));
  expect(server.requests).toHaveLength(1);
  const later = client.request(nodes);
  await until(() => server.requests.length > 1);
  server.answerAll();
  expect((await later).data).toBe(2);
});

test("reads that differ in path, parameters, requester or time are requests of their own", async () => {
  await using server = await startQuick();
  const client = new ProxmoxClient(clusterAt([server.url]));
  const requests: [ProxmoxRequest, requester?: { name: string }][] = [
    [nodes],
    [{ ...nodes, path: ["version"] }],
    [{ ...nodes, params: { type: "vm" } }],
    [nodes, { name: "ada" }],
    [nodes, { name: "bob" }],
    [{ ...nodes, timeoutMs: 4_000 }],
  ];
  const answers = await Promise.all([...requests, ...requests].map((request) => client.request(...request)));
  expect(new Set(answers.map(({ data }) => data)).size).toBe(requests.length);
  expect(server.requests).toHaveLength(requests.length);
});

test("one asker's abort ends its own waiting, and the last one's ends the request", async () => {
  let closed = 0;
  await using server = await startRawServer(() => undefined, {
    onConnection: (socket) => socket.on("close", () => (closed += 1)),
  });
  const client = new ProxmoxClient(clusterAt([server.url]));
  const [one, two] = [new AbortController(), new AbortController()];
  const first = failureOf(client, { ...nodes, signal: one.signal });
  const second = failureOf(client, { ...nodes, signal: two.signal });
  await until(() => server.requests.length === 1);
  one.abort();
  expect(await first).toMatchObject({ kind: "aborted", sent: "maybe" });
  expect(closed).toBe(0);
  two.abort();
  expect(await second).toMatchObject({ kind: "aborted", sent: "maybe" });
  await until(() => closed === 1);
  expect(server.requests).toHaveLength(1);
});

test("whoever asks after the last one gave up gets a request of its own", async () => {
  await using server = await startCounting();
  const client = new ProxmoxClient(clusterAt([server.url]));
  const given = new AbortController();
  const first = failureOf(client, { ...nodes, signal: given.signal });
  await until(() => server.requests.length === 1);
  given.abort();
  const second = client.request(nodes);
  expect((await first).kind).toBe("aborted");
  await until(() => server.requests.length === 2);
  server.answerAll();
  expect((await second).data).toBe(2);
});

test("an error is everybody's who waits, and nobody's who asks later", async () => {
  let broken = true;
  await using server = await startRawServer((socket, request) =>
    broken ? socket.destroy() : replyData("mended")(socket, request),
  );
  const client = new ProxmoxClient(clusterAt([server.url]));
  const errors = await Promise.all([failureOf(client, resources), failureOf(client, resources)]);
  expect(errors.map(({ kind }) => kind)).toEqual(["unreachable", "unreachable"]);
  broken = false;
  expect((await client.request(resources)).data).toBe("mended");
});

test("the list of resources serves for a second, unless it is to decide something", async () => {
  await using server = await startQuick();
  const client = new ProxmoxClient(clusterAt([server.url]));
  const ask = async (more: Partial<ProxmoxRequest> = {}, requester?: { name: string }) =>
    (await client.request({ ...resources, ...more }, requester)).data;
  expect([await ask(), await ask(), await ask({ fresh: true }), await ask({}, { name: "ada" })]).toEqual([1, 1, 2, 3]);
  await Bun.sleep(1_100);
  expect(await ask()).toBe(4);
});

test("a write empties what is kept when it is sent and when it is answered, whatever comes of it", async () => {
  const held: (() => void)[] = [];
  let reads = 0;
  let die = false;
  await using server = await startRawServer((socket, request) => {
    if (request.method === "GET") replyData(++reads)(socket, request);
    else held.push(() => (die ? socket.destroy() : replyData(null)(socket, request)));
  });
  const client = new ProxmoxClient(clusterAt([server.url]));
  const ask = async () => (await client.request(resources)).data;
  for (const ending of [false, true]) {
    die = ending;
    const before = await ask();
    expect(await ask()).toBe(before);
    const change = client.request({ ...write, path: ["x"] }).catch(() => undefined);
    await until(() => held.length > 0);
    const during = await ask();
    expect(during).not.toBe(before);
    expect(await ask()).toBe(during);
    release(held);
    await change;
    expect(await ask()).not.toBe(during);
  }
});

test("a read that was under way when a write was answered serves nobody who asks after it", async () => {
  await using server = await startCounting();
  const client = new ProxmoxClient(clusterAt([server.url]));
  const change = client.request({ ...write, path: ["x"] });
  await until(() => server.requests.length === 1);
  const during = client.request(resources);
  await until(() => server.requests.length === 2);
  server.answerAll();
  await change;
  const after = client.request(resources);
  await until(() => server.requests.length === 3);
  server.answerAll();
  expect([(await during).data, (await after).data]).toEqual([2, 3]);
});

test("a task that is seen to have ended empties what is kept", async () => {
  let reads = 0;
  await using server = await startRawServer((socket, request) =>
    replyData(request.target.includes("/tasks/") ? { status: "stopped", exitstatus: "OK" } : ++reads)(socket, request),
  );
  const client = new ProxmoxClient(clusterAt([server.url]));
  expect((await client.request(resources)).data).toBe(1);
  const upid = "UPID:pve1:000001CC:0006EAA0:6B02C95E:qmstart:100:mcp@pve!agent:";
  await client.request({ method: "GET", path: ["nodes", "pve1", "tasks", upid, "status"] });
  expect((await client.request(resources)).data).toBe(2);
});
