import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Listening } from "../../src/http/listen.ts";
import { httpClient } from "../support/clients.ts";
import { type KeptLog, listenToDemo, until } from "../support/listening.ts";

const maxSessions = 3;
const idleMs = 300;

let server: Listening & { readonly log: KeptLog };

beforeAll(() => {
  server = listenToDemo({ sessions: { maxSessions, idleMs } });
});

afterAll(async () => {
  await server.close();
});

const accept = "application/json, text/event-stream";
/** The demo takes two seconds to find out that pve3 is offline. */
const offline = { cluster: "alpha", path: "/nodes/pve3/status" };
const list = { jsonrpc: "2.0", id: 2, method: "tools/list" };

function send(method: string, sessionId: string | undefined, body?: unknown, signal?: AbortSignal): Promise<Response> {
  return fetch(`${server.url}/mcp`, {
    method,
    headers: {
      "content-type": "application/json",
      accept,
      ...(sessionId !== undefined && { "mcp-session-id": sessionId }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal !== undefined && { signal }),
  });
}

async function initialize(protocolVersion = "2025-06-18"): Promise<{ id: string; version: string; status: number }> {
  const clientInfo = { name: "tests", version: "1" };
  const params = { protocolVersion, capabilities: {}, clientInfo };
  const response = await send("POST", undefined, { jsonrpc: "2.0", id: 1, method: "initialize", params });
  const text = await response.text();
  const version = /"protocolVersion":"([^"]+)"/.exec(text)?.[1] ?? "";
  return { id: response.headers.get("mcp-session-id") ?? "", version, status: response.status };
}

test.each(["2025-03-26", "2025-06-18", "2025-11-25"])(
  "echoes the version %s that the client offered",
  async (version) => {
    expect((await initialize(version)).version).toBe(version);
  },
);

test("a session serves POST, a GET stream and DELETE; after that it is gone", async () => {
  const { id } = await initialize();
  expect(await (await send("POST", id, list)).text()).toContain("list_nodes");
  const stop = new AbortController();
  const stream = await send("GET", id, undefined, stop.signal);
  expect(stream.headers.get("content-type")).toBe("text/event-stream");
  stop.abort();
  expect((await send("DELETE", id)).status).toBe(200);
  expect((await send("POST", id, list)).status).toBe(404);
  expect((await send("GET", id)).status).toBe(404);
});

test("an unknown session gets 404, so that clients initialize anew", async () => {
  const response = await send("POST", crypto.randomUUID(), list);
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({ error: { code: -32001 } });
});

test("a single request without a session is served, GET and DELETE without one are not", async () => {
  expect(await (await send("POST", undefined, list)).text()).toContain("list_nodes");
  expect((await send("GET", undefined)).status).toBe(400);
  expect((await send("DELETE", undefined)).status).toBe(400);
  expect((await send("PUT", undefined, list)).status).toBe(405);
});

/** How often something was said of a session. */
function said(id: string, what: string): number {
  return server.log.lines.filter((line) => line.startsWith(`session ${id.slice(-8)} ${what}`)).length;
}

test("an idle session is freed, one with an open stream is not, and the freed one is rebuilt when it is used", async () => {
  const [idle, open] = [await initialize(), await initialize()];
  const stop = new AbortController();
  const stream = await send("GET", open.id, undefined, stop.signal);
  await until(() => said(idle.id, "freed (idle)") === 1);
  expect(said(open.id, "freed")).toBe(0);
  expect(await (await send("POST", idle.id, list)).text()).toContain("list_nodes");
  expect(said(idle.id, "rebuilt")).toBe(1);
  expect(stream.bodyUsed).toBe(false);
  stop.abort();
  await until(() => said(open.id, "freed (idle)") === 1);
});

test("over the cap the longest unused session makes room, and is rebuilt when it is used again", async () => {
  const [oldest] = [await initialize(), await initialize(), await initialize(), await initialize()];
  expect(said(oldest?.id ?? "", "freed (room for another)")).toBe(1);
  expect((await send("POST", oldest?.id, list)).status).toBe(200);
  expect(said(oldest?.id ?? "", "rebuilt")).toBe(1);
});

test("rebuilt sessions count to the cap: when all in memory hold streams, neither a new nor an old one is served", async () => {
  const outside = await initialize();
  const inside = [await initialize(), await initialize(), await initialize()];
  const stop = new AbortController();
  // Held: a response that nobody refers to is collected, and its stream with it.
  const streams = await Promise.all(inside.map(({ id }) => send("GET", id, undefined, stop.signal)));
  expect(streams.map(({ status }) => status)).toEqual([200, 200, 200]);
  expect((await initialize()).status).toBe(503);
  expect((await send("POST", outside.id, list)).status).toBe(503);
  expect(streams.every(({ bodyUsed }) => !bodyUsed)).toBe(true);
  stop.abort();
  await until(() => inside.every(({ id }) => said(id, "freed (idle)") === 1));
  expect((await send("POST", outside.id, list)).status).toBe(200);
});

test("a session with a call under way is neither reaped nor makes room, though its client asks nothing else", async () => {
  const [busy] = [await initialize()];
  const call = {
    jsonrpc: "2.0",
    id: 3,
    method: "tools/call",
    params: { name: "proxmox_api_call", arguments: offline },
  };
  const answer = send("POST", busy?.id, call).then((response) => response.text());
  await Bun.sleep(2 * idleMs);
  for (let i = 0; i < maxSessions + 1; i++) await initialize();
  expect(said(busy?.id ?? "", "freed")).toBe(0);
  expect(await answer).toContain("pve3 cannot be reached");
});

test("requests that come at once for a session that is not in memory rebuild it once", async () => {
  const { id } = await initialize();
  await until(() => said(id, "freed (idle)") === 1);
  const answers = await Promise.all(Array.from({ length: 20 }, () => send("POST", id, list)));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  expect(said(id, "rebuilt")).toBe(1);
});

test("two clients do not see each other's session", async () => {
  await using first = await httpClient(server);
  await using second = await httpClient(server);
  const [one, two] = await Promise.all([first.call("list_nodes"), second.call("list_clusters")]);
  expect(one.text).toContain("pve1\tonline");
  expect(two.text).toContain("reachable");
});
