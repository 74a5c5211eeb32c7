import { describe, expect, test } from "bun:test";
import { type InitializeRequest, Server } from "@modelcontextprotocol/server";
import type { CallerConfig } from "../../src/config/types.ts";
import { SessionIds } from "../../src/http/sessions/session-id.ts";
import { sessionEndpoint } from "../../src/http/sessions/sessions.ts";
import { Subscriptions } from "../../src/http/sessions/subscriptions.ts";
import { Reopening } from "../../src/http/sse/reopening.ts";
import { anonymous, type Caller } from "../../src/policy/callers/caller.ts";
import { Signer } from "../../src/signer.ts";
import { modernClient, sseClient } from "../support/clients.ts";
import { configFile } from "../support/config-file.ts";
import { emptyConfig } from "../support/guarded.ts";
import { type KeptListening, keptLog, listenToDemo, until } from "../support/listening.ts";
import { startProduct } from "../support/product.ts";

const tokenOf = (name: string) => `the-token-of-${name}-0123456789`;
const headersOf = (name: string) => ({ authorization: `Bearer ${tokenOf(name)}` });

function callers(...names: readonly string[]): readonly CallerConfig[] {
  return names.map((name) => ({
    name,
    tokenSha256: new Bun.CryptoHasher("sha256").update(tokenOf(name)).digest("hex"),
    access: "full",
    clusters: undefined,
    requestsPerMinute: 10_000,
    parallelCalls: 20,
  }));
}

const accept = "application/json, text/event-stream";
const list = { jsonrpc: "2.0", id: 2, method: "tools/list" };
const initialize = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "tests", version: "1" } },
};
const listen = {
  jsonrpc: "2.0",
  id: 3,
  method: "subscriptions/listen",
  params: {
    notifications: { toolsListChanged: true },
    _meta: {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientInfo": { name: "tests", version: "1" },
      "io.modelcontextprotocol/clientCapabilities": {},
    },
  },
};

/** Requests of one caller, whose streams it holds until it closes them. */
function caller(url: string, name: string | undefined) {
  const authorization = name === undefined ? {} : headersOf(name);
  const stops: AbortController[] = [];
  const open = async (path: string, init: RequestInit) => {
    const stop = new AbortController();
    const response = await fetch(`${url}${path}`, { ...init, signal: stop.signal });
    if (response.ok) stops.push(stop);
    // Held: a response that nobody refers to is collected, and its stream with it.
    return Object.assign(response, { stop });
  };
  const send = (method: string, more: Record<string, string>, body?: unknown) => ({
    method,
    headers: { "content-type": "application/json", accept, ...authorization, ...more },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return {
    openSse: () => open("/sse", { headers: authorization }),
    openStream: (id: string) => open("/mcp", send("GET", { "mcp-session-id": id })),
    subscribe: () =>
      open("/mcp", send("POST", { "mcp-protocol-version": "2026-07-28", "mcp-method": listen.method }, listen)),
    async begin() {
      const response = await fetch(`${url}/mcp`, send("POST", {}, initialize));
      const text = await response.text();
      return { status: response.status, text, id: response.headers.get("mcp-session-id") ?? "" };
    },
    list: async (id: string) => {
      const response = await fetch(`${url}/mcp`, send("POST", { "mcp-session-id": id }, list));
      return { status: response.status, text: await response.text() };
    },
    closeOne: () => stops.pop()?.abort(),
    closeAll: () => {
      for (const stop of stops.splice(0)) stop.abort();
    },
  };
}

async function times<T>(count: number, work: () => Promise<T>): Promise<T[]> {
  return await Promise.all(Array.from({ length: count }, work));
}

/** Repeats a request until it is served: the server learns a moment later that a client left. */
async function served(request: () => Promise<{ status: number }>): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if ((await request()).status === 200) return;
    await Bun.sleep(10);
  }
  throw new Error("it is refused still");
}

/** A refusal: its status, when to come back, and its sentence. */
async function refusalOf(response: Response) {
  if (response.ok) return [response.status];
  const { error } = (await response.json()) as { error: { message: string } };
  return [response.status, response.headers.get("retry-after"), error.message];
}

type Kind = "openSse" | "subscribe";
const kinds: [Kind, string][] = [
  ["openSse", "SSE streams open"],
  ["subscribe", "subscriptions open"],
];

describe.each(kinds)("%s", (kind, things) => {
  test("one of several callers gets a quarter of 256 and is told so, and others get in", async () => {
    const server = listenToDemo({}, callers("ci", "ann"));
    const [ci, ann] = [caller(server.url, "ci"), caller(server.url, "ann")];
    const streams = await times(64, ci[kind]);
    expect(new Set(streams.map(({ status }) => status))).toEqual(new Set([200]));
    const sentence = `The caller ci has 64 of its 64 ${things}. Close one, or retry later.`;
    expect(await refusalOf(await ci[kind]())).toEqual([429, "10", sentence]);
    const others = await times(3, ann[kind]);
    expect(others.map(({ status }) => status)).toEqual([200, 200, 200]);
    ci.closeOne();
    await served(ci[kind]);
    ann.closeAll();
    ci.closeAll();
    await server.close();
  }, 20_000);

  test("a caller that is the only one may take them all, and then it is the server that has no more", async () => {
    const server = listenToDemo({ sse: { maxSessions: 8 }, sessions: { maxSubscriptions: 8 } });
    const only = caller(server.url, undefined);
    const streams = await times(8, only[kind]);
    expect(new Set(streams.map(({ status }) => status))).toEqual(new Set([200]));
    const sentence = `This server has 8 of its 8 ${things}. Close one, or retry later.`;
    expect(await refusalOf(await only[kind]())).toEqual([503, "10", sentence]);
    only.closeAll();
    await server.close();
  });

  test("requests that come at once do not exceed the share", async () => {
    const server = listenToDemo({ sse: { maxSessions: 12 }, sessions: { maxSubscriptions: 12 } }, callers("ci", "ann"));
    const ci = caller(server.url, "ci");
    const statuses = (await times(20, ci[kind])).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(3);
    ci.closeAll();
    await server.close();
  });
});

test("real clients of another caller are served while one caller has its share of everything", async () => {
  const server = listenToDemo({ sse: { maxSessions: 8 }, sessions: { maxSubscriptions: 8 } }, callers("ci", "ann"));
  const ci = caller(server.url, "ci");
  const held = [...(await times(8, ci.openSse)), ...(await times(8, ci.subscribe))];
  expect(held.filter(({ status }) => status === 200)).toHaveLength(4);
  await using sse = await sseClient({ url: server.url, headers: headersOf("ann") });
  expect((await sse.call("list_clusters")).isError).toBe(false);
  await using modern = await modernClient({ url: server.url, headers: headersOf("ann") });
  expect((await modern.call("list_clusters")).isError).toBe(false);
  ci.closeAll();
  await Promise.all([sse[Symbol.asyncDispose](), modern[Symbol.asyncDispose]()]);
  await server.close();
});

test("a subscription whose client leaves gives its place back", async () => {
  const server = listenToDemo({ sessions: { maxSubscriptions: 1 } });
  const only = caller(server.url, undefined);
  for (let i = 0; i < 3; i++) {
    await served(only.subscribe);
    only.closeAll();
  }
  await server.close();
});

test.each([
  ["before it is served", true],
  ["before its stream is read", false],
])("a subscription whose client leaves %s gives its place back", async (_, isEarly) => {
  const subscriptions = new Subscriptions(1);
  const serve = async (leave: AbortController) => {
    const request = new Request("http://localhost/mcp", { method: "POST", signal: leave.signal });
    const stream = () => new Response(new ReadableStream(), { headers: { "content-type": "text/event-stream" } });
    return await subscriptions.serve(request, anonymous, async () => stream());
  };
  const leave = new AbortController();
  if (isEarly) leave.abort();
  expect((await serve(leave)).status).toBe(200);
  leave.abort();
  expect((await serve(new AbortController())).status).toBe(200);
  expect((await serve(new AbortController())).status).toBe(503);
});

test("the owner of MCP_AUTH_TOKEN is a caller beside the named ones", async () => {
  const entry = { token_sha256: callers("ci")[0]?.tokenSha256 };
  const clusters = { alpha: { url: "127.0.0.1:1", user: "mcp@pve", token_id: "t", token_secret: "s".repeat(36) } };
  await using config = await configFile({ clusters, callers: { ci: entry } });
  await using product = await startProduct(["--config", config.path], { MCP_AUTH_TOKEN: tokenOf("owner") });
  const [owner, ci] = [caller(product.url, "owner"), caller(product.url, "ci")];
  const streams = await times(64, owner.openSse);
  expect(new Set(streams.map(({ status }) => status))).toEqual(new Set([200]));
  expect((await refusalOf(await owner.openSse()))[2]).toStartWith(
    "The caller default has 64 of its 64 SSE streams open.",
  );
  expect((await ci.openSse()).status).toBe(200);
  owner.closeAll();
  ci.closeAll();
}, 30_000);

/** How often something was said of a session. */
function said({ log }: KeptListening, id: string, what: string): number {
  return log.lines.filter((line) => line.startsWith(`session ${id.slice(-8)} ${what}`)).length;
}

const freed = "freed (room for another)";

describe("sessions of Streamable HTTP", () => {
  test("over its share a caller's own longest unused session makes room, though another's is older", async () => {
    const server = listenToDemo({ sessions: { maxSessions: 8 } }, callers("ann", "ci"));
    const [ann, ci] = [caller(server.url, "ann"), caller(server.url, "ci")];
    const other = await ann.begin();
    const own = [await ci.begin(), await ci.begin(), await ci.begin()];
    expect([other, ...own].map(({ id }) => said(server, id, freed))).toEqual([0, 1, 0, 0]);
    expect(server.sessions().streamable).toBe(3);
    await server.close();
  });

  test("when all places are taken a caller's own session goes first, and only then the longest unused of others", async () => {
    const names = ["a", "b", "c", "d", "e", "f"];
    const server = listenToDemo({ sessions: { maxSessions: 8 } }, callers(...names));
    const begin = (name: string) => caller(server.url, name).begin();
    const ids: string[] = [];
    for (const name of ["a", "a", "b", "b", "c", "c", "d", "e"]) ids.push((await begin(name)).id);
    const gone = () => ids.map((id) => said(server, id, freed));
    expect(gone()).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    await begin("d");
    expect(gone()).toEqual([0, 0, 0, 0, 0, 0, 1, 0]);
    expect(server.sessions().streamable).toBe(8);
    expect((await begin("f")).status).toBe(200);
    expect(gone()).toEqual([1, 0, 0, 0, 0, 0, 1, 0]);
    await server.close();
  });

  test("with its share in use a caller gets neither a new session nor an old one, and others lose none", async () => {
    const server = listenToDemo({ sessions: { maxSessions: 8 } }, callers("ann", "ci"));
    const [ann, ci] = [caller(server.url, "ann"), caller(server.url, "ci")];
    const other = await ann.begin();
    const earlier = await ci.begin();
    const used = [await ci.begin(), await ci.begin()];
    expect(said(server, earlier.id, freed)).toBe(1);
    const streams = await Promise.all(used.map(({ id }) => ci.openStream(id)));
    expect(streams.map(({ status }) => status)).toEqual([200, 200]);
    const sentence = "The caller ci has 2 of its 2 sessions in use. Close one, or retry later.";
    const refused = [await ci.begin(), await ci.list(earlier.id)];
    expect(refused.map(({ status }) => status)).toEqual([429, 429]);
    for (const { text } of refused) expect(text).toContain(sentence);
    expect(said(server, other.id, "freed")).toBe(0);
    expect((await ann.begin()).status).toBe(200);
    ci.closeAll();
    await until(() => server.sessions().streamable === 4);
    await served(async () => await ci.list(earlier.id));
    await server.close();
  });

  test("when all are in use by others a caller without any is told that the server is full", async () => {
    const names = ["a", "b", "c", "d", "e"];
    const server = listenToDemo({ sessions: { maxSessions: 4 } }, callers(...names));
    const [last, ...others] = names.map((name) => caller(server.url, name)).toReversed();
    for (const one of others) expect((await one.openStream((await one.begin()).id)).status).toBe(200);
    const answer = await last?.begin();
    expect(answer?.status).toBe(503);
    expect(answer?.text).toContain("This server has 4 of its 4 sessions in use.");
    for (const one of others) one.closeAll();
    await server.close();
  });

  test("a caller that begins many at once has no more than its share", async () => {
    const server = listenToDemo({ sessions: { maxSessions: 12 } }, callers("ann", "ci"));
    const ci = caller(server.url, "ci");
    await times(30, ci.begin);
    expect(server.sessions().streamable).toBe(3);
    await server.close();
  });

  test("a client that leaves before its GET stream is open does not keep its session in use", async () => {
    const createServer = () => new Server({ name: "fixture", version: "1" }, { capabilities: { tools: {} } });
    const ids = new SessionIds(new Signer(emptyConfig));
    const sessions = sessionEndpoint(createServer, keptLog(), ids, { maxSessions: 1 });
    const begin = async () => {
      const request = new Request("http://localhost/mcp", { method: "POST", headers: { accept } });
      request.headers.set("content-type", "application/json");
      return await sessions.begin(request, initialize as InitializeRequest, anonymous);
    };
    const begun = await begin();
    await begun.text();
    const headers = { accept, "mcp-session-id": begun.headers.get("mcp-session-id") ?? "" };
    const gone = new Request("http://localhost/mcp", { headers, signal: AbortSignal.abort() });
    expect((await sessions.serve(headers["mcp-session-id"], gone, anonymous)).status).toBe(200);
    expect((await begin()).status).toBe(200);
    await sessions.close();
  });

  test("a second GET stream of a session is refused", async () => {
    const server = listenToDemo({});
    const only = caller(server.url, undefined);
    const { id } = await only.begin();
    expect((await only.openStream(id)).status).toBe(200);
    expect((await only.openStream(id)).status).toBe(409);
    only.closeAll();
    await server.close();
  });
});

const [ann, bob]: readonly [Caller, Caller] = [
  { name: "ann", id: "a" },
  { name: "bob", id: "b" },
];

test("the messages that wait for one caller's streams leave room for those of others", async () => {
  const reopening = new Reopening(
    3_600_000,
    () => true,
    () => 64,
  );
  const cancel = new AbortController();
  const wait = (by: Caller) => reopening.wait(crypto.randomUUID(), by.name, by, cancel.signal);
  const waiting = Array.from({ length: 64 }, () => wait(ann));
  expect(await wait(ann)).toBeUndefined();
  const other = wait(bob);
  const isWaiting = await Promise.race([other.then(() => false), Promise.resolve(true)]);
  expect(isWaiting).toBe(true);
  cancel.abort();
  await Promise.all([...waiting, other]);
});

test("a caller that ends many sessions makes the server forget its own ends, not those of others", () => {
  const ids = new SessionIds(new Signer(emptyConfig), Date.now, 3);
  const said = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "tests", version: "1" } };
  const other = ids.mint(said, bob);
  ids.end(other, bob);
  const own = Array.from({ length: 4 }, () => ids.mint(said, ann));
  for (const id of own) ids.end(id, ann);
  expect(ids.read(other, bob)).toBeUndefined();
  expect(own.map((id) => ids.read(id, ann) === undefined)).toEqual([false, false, true, true]);
});
