import { afterAll, beforeAll, describe, expect, setSystemTime, test } from "bun:test";
import { type InitializeRequest, Server } from "@modelcontextprotocol/server";
import { Secret } from "../../src/config/secret.ts";
import { listen } from "../../src/http/listen.ts";
import { type Introduction, SessionIds } from "../../src/http/sessions/session-id.ts";
import { sessionEndpoint } from "../../src/http/sessions/sessions.ts";
import { sseEndpoint } from "../../src/http/sse/sse.ts";
import type { Caller } from "../../src/policy/callers/caller.ts";
import { type SealPurpose, Signer } from "../../src/signer.ts";
import { createDemo } from "../../src/simulator/index.ts";
import { httpClient, modernClient, sseClient } from "../support/clients.ts";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { type DemoServer, serveDemo } from "../support/demo-server.ts";
import { runGemini } from "../support/gemini.ts";
import { emptyConfig } from "../support/guarded.ts";
import { keptLog, listenToDemo, loopback, unlimited } from "../support/listening.ts";
import { type Product, startProduct } from "../support/product.ts";

const token = "the-token-of-one-caller-01234567";

let proxmox: DemoServer;
let config: ConfigFile;

beforeAll(async () => {
  const [alpha] = createDemo({ offlineDelayMs: 0 }).clusters;
  if (alpha === undefined) throw new Error("the demo has no cluster");
  proxmox = await serveDemo(alpha);
  const { user, tokenId, tokenSecret } = alpha.credentials;
  config = await configFile({
    clusters: { alpha: { url: proxmox.url, user, token_id: tokenId, token_secret: tokenSecret } },
  });
});

afterAll(async () => {
  await proxmox.stop();
  await config[Symbol.asyncDispose]();
});

function start(port = 0, bearer = token): Promise<Product> {
  return startProduct(["--config", config.path], { MCP_AUTH_TOKEN: bearer }, port);
}

/** Kills a server with no time to say goodbye, and starts another in its place. */
async function restart(product: Product): Promise<Product> {
  const { port } = new URL(product.url);
  await product.stop("SIGKILL");
  return await start(Number(port));
}

const headers = { authorization: `Bearer ${token}` };
const accept = "application/json, text/event-stream";
const list = { jsonrpc: "2.0", id: 2, method: "tools/list" };
const initialize = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: {
    protocolVersion: "2025-06-18",
    capabilities: { elicitation: {} },
    clientInfo: { name: "tests", version: "1" },
  },
};

function send(
  url: string,
  method: string,
  sessionId: string | undefined,
  body?: unknown,
  bearer = token,
): Promise<Response> {
  return fetch(`${url}/mcp`, {
    method,
    headers: {
      "content-type": "application/json",
      accept,
      authorization: `Bearer ${bearer}`,
      ...(sessionId !== undefined && { "mcp-session-id": sessionId }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

async function newSession(url: string, bearer = token): Promise<string> {
  const response = await send(url, "POST", undefined, initialize, bearer);
  await response.text();
  return response.headers.get("mcp-session-id") ?? "";
}

describe("after kill -9 and a new start", () => {
  test("an HTTP client that keeps its session id goes on, with calls and with its GET stream", async () => {
    const first = await start();
    await using client = await httpClient({ url: first.url, headers });
    expect((await client.call("list_nodes")).text).toContain("pve1\tonline");
    const id = await newSession(first.url);
    await using second = await restart(first);
    expect((await client.call("list_nodes")).text).toContain("pve1\tonline");
    const stream = await send(second.url, "GET", id);
    expect(stream.headers.get("content-type")).toBe("text/event-stream");
    await stream.body?.cancel();
  });

  test("an SSE client that reconnects, but does not initialize, goes on", async () => {
    const first = await start();
    await using client = await sseClient({ url: first.url, headers });
    expect((await client.call("list_nodes")).text).toContain("pve1\tonline");
    await using _second = await restart(first);
    let answer: { text: string } | undefined;
    for (let i = 0; i < 50 && answer === undefined; i++) {
      answer = await client.call("list_nodes", {}, { timeout: 1000 }).catch(() => undefined);
      if (answer === undefined) await Bun.sleep(200);
    }
    expect(answer?.text).toContain("pve1\tonline");
  }, 20_000);

  test("a 2026 client goes on", async () => {
    const first = await start();
    await using client = await modernClient({ url: first.url, headers });
    expect((await client.call("list_nodes")).text).toContain("pve1\tonline");
    await using _second = await restart(first);
    expect((await client.call("list_nodes")).text).toContain("pve1\tonline");
  });

  test("another caller's id does not, nor does one that is forged or from another configuration", async () => {
    const first = await start();
    const id = await newSession(first.url);
    const { port } = new URL(first.url);
    await first.stop("SIGKILL");
    const another = "the-token-of-another-0123456789";
    await using second = await start(Number(port), another);
    expect((await send(second.url, "POST", id, list, another)).status).toBe(404);
    const own = await newSession(second.url, another);
    expect((await send(second.url, "POST", own, list, another)).status).toBe(200);
    const [body = "", signature = ""] = own.split(".");
    const changed = Buffer.from(Buffer.from(body, "base64url").toString().replace("2025-06-18", "2025-03-26"));
    const forged = [
      `${changed.toString("base64url")}.${signature}`,
      `${body}.${signature.slice(0, -2)}AA`,
      `${body}.`,
      body,
      `${own}.x`,
      crypto.randomUUID(),
      new Signer(emptyConfig).close("session", {}, ""),
    ];
    for (const wrong of forged) expect((await send(second.url, "POST", wrong, list, another)).status).toBe(404);
  });

  test("the real Gemini CLI, which never initializes again, makes its second call", async () => {
    for (const entry of [
      (url: string) => ({ url: `${url}/sse`, type: "sse", headers }),
      (url: string) => ({ httpUrl: `${url}/mcp`, headers }),
    ]) {
      let product = await start();
      const { url } = product;
      const { exchanges } = await runGemini(entry(url), [
        { tool: "list_nodes", args: {} },
        {
          tool: "list_clusters",
          args: {},
          before: async () => {
            product = await restart(product);
          },
        },
      ]);
      await product.stop("SIGKILL");
      expect(exchanges).toHaveLength(2);
      expect(exchanges[0]?.result).toContain("alpha\tpve1\tonline");
      expect(exchanges[1]?.result).toContain("alpha\treachable");
    }
  }, 240_000);
});

test("a session that its client deleted is gone, in this process", async () => {
  await using product = await start();
  const id = await newSession(product.url);
  expect((await send(product.url, "POST", id, list)).status).toBe(200);
  expect((await send(product.url, "DELETE", id)).status).toBe(200);
  expect((await send(product.url, "POST", id, list)).status).toBe(404);
  expect((await send(product.url, "DELETE", id)).status).toBe(404);
});

test("an SSE client's reconnect says what it may be asked, by the event id of its handshake", async () => {
  const servers: Server[] = [];
  const createServer = () => {
    const server = new Server({ name: "fixture", version: "1" }, { capabilities: {} });
    servers.push(server);
    return server;
  };
  const seal = new Signer(emptyConfig);
  const listening = listen(loopback, { ...unlimited, createServer, seal, log: keptLog() });
  const before = await fetch(`${listening.url}/sse`);
  const reader = (before.body as ReadableStream<Uint8Array>).getReader();
  let text = "";
  const readUntil = async (pattern: RegExp) => {
    while (!pattern.test(text)) text += new TextDecoder().decode((await reader.read()).value);
    return pattern.exec(text)?.[1] ?? "";
  };
  const messages = await readUntil(/data: (\/messages\S+)/);
  const post = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(initialize) };
  await fetch(listening.url + messages, post);
  const eventId = await readUntil(/id: (\S+)\ndata: .*"protocolVersion":"2025-06-18"/);
  await reader.cancel();
  for (const id of [eventId, `${eventId}x`]) {
    await (await fetch(`${listening.url}/sse`, { headers: { "last-event-id": id } })).body?.cancel();
  }
  const [, reconnected, stranger] = servers.map((server) => server.getClientCapabilities());
  expect(reconnected).toEqual({ elicitation: { form: {} } });
  expect(stranger).toBeUndefined();
  await listening.close();
});

test("an id is good for seven days, for its caller, and carries what the client may be asked", () => {
  const seal = new Signer({ ...emptyConfig, sealKey: new Secret("k".repeat(32)) });
  let now = Date.now();
  const ids = new SessionIds(seal, () => now);
  const [one, other] = [
    { name: "default", id: "1" },
    { name: "default", id: "2" },
  ];
  const capabilities = { elicitation: { form: {} }, experimental: { large: { text: "x".repeat(9000) } } };
  const clientInfo = { name: "tests", version: "1.2.3" };
  const id = ids.mint({ protocolVersion: "2025-11-25", capabilities, clientInfo }, one);
  expect(id.length).toBeLessThan(1000);
  expect(ids.read(id, one)).toMatchObject({
    protocolVersion: "2025-11-25",
    capabilities: { elicitation: { form: {} } },
    clientInfo,
  });
  expect(ids.read(id, other)).toBeUndefined();
  now += 7 * 24 * 3600_000 - 1;
  expect(ids.read(id, one)).toBeDefined();
  now += 2;
  expect(ids.read(id, one)).toBeUndefined();
});

test("an id stays short, whatever a client says of itself", () => {
  const ids = new SessionIds(new Signer(emptyConfig));
  const long = "x".repeat(900_000);
  const clientInfo = { name: "\u{1f600}".repeat(1000), version: `"${long}` };
  const said = [
    { protocolVersion: long, capabilities: {}, clientInfo },
    { protocolVersion: "2025-06-18", capabilities: { elicitation: { form: { x: long } } }, clientInfo },
    { protocolVersion: "2025-06-18", capabilities: { roots: { x: long }, sampling: { x: long } }, clientInfo },
  ] as unknown as Introduction[];
  for (const introduction of said) expect(ids.mint(introduction, { name: "default", id: "" }).length).toBeLessThan(600);
});

test("no other spelling of an id is an id, of a deleted one least of all", async () => {
  await using product = await start();
  const id = await newSession(product.url);
  const other = await newSession(product.url);
  const last = id.at(-1) ?? "";
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const spellings = (text: string) => [
    ...["=", "==", "~", "!!!!", "A"].map((tail) => text + tail),
    text.replace(".", ".~"),
    ...[1, 2, 3].map((bit) => text.slice(0, -1) + alphabet[alphabet.indexOf(last) ^ bit]),
    text.replace(/\.(.)/, ".~$1"),
    `~${text}`,
  ];
  for (const spelling of spellings(id)) expect((await send(product.url, "POST", spelling, list)).status).toBe(404);
  expect((await send(product.url, "DELETE", id)).status).toBe(200);
  for (const spelling of [id, ...spellings(id)]) {
    expect((await send(product.url, "POST", spelling, list)).status).toBe(404);
    expect((await send(product.url, "DELETE", spelling)).status).toBe(404);
  }
  expect((await send(product.url, "POST", other, list)).status).toBe(200);
});

describe("of two callers of one server", () => {
  const [one, two] = [
    { name: "one", id: "1" },
    { name: "two", id: "2" },
  ];
  const ids = new SessionIds(new Signer(emptyConfig));
  const createServer = () => new Server({ name: "fixture", version: "1" }, { capabilities: { tools: {} } });
  const post = (body: unknown, path = "/mcp") =>
    new Request(`http://localhost${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", accept },
      body: JSON.stringify(body),
    });

  test("neither uses the other's session, in memory or not, nor ends it", async () => {
    const sessions = sessionEndpoint(createServer, keptLog(), ids);
    const begun = await sessions.begin(post(initialize), initialize as InitializeRequest, one);
    const id = begun.headers.get("mcp-session-id") ?? "";
    await begun.text();
    const ask = async (caller: Caller, method = "POST") => {
      const headers = { "content-type": "application/json", accept, "mcp-session-id": id };
      const response = await sessions.serve(id, new Request("http://localhost/mcp", { method, headers }), caller, list);
      await response.text();
      return response.status;
    };
    expect(await ask(two)).toBe(404);
    expect(await ask(two, "DELETE")).toBe(404);
    expect(await ask(one)).toBe(200);
    await sessions.close();
    expect(await ask(two)).toBe(404);
    expect(await ask(one)).toBe(200);
    await sessions.close();
  });

  test("neither posts to the other's SSE stream", async () => {
    const sse = sseEndpoint(createServer, keptLog(), ids, "/messages");
    const stream = await sse.open(new Request("http://localhost/sse"), one);
    const reader = (stream.body as ReadableStream<Uint8Array>).getReader();
    const path = /data: (\S+)/.exec(new TextDecoder().decode((await reader.read()).value))?.[1] ?? "";
    expect((await sse.post(post(list, path), two)).status).toBe(404);
    expect((await sse.post(post(list, path), one)).status).toBe(202);
    await sse.close();
  });

  test("an id whose time is over is no session's, though the session is in memory", async () => {
    let now = Date.now();
    const aging = new SessionIds(new Signer(emptyConfig), () => now);
    const sessions = sessionEndpoint(createServer, keptLog(), aging);
    const begun = await sessions.begin(post(initialize), initialize as InitializeRequest, one);
    const id = begun.headers.get("mcp-session-id") ?? "";
    await begun.text();
    now += 8 * 24 * 3600_000;
    expect((await sessions.serve(id, post(list), one, list)).status).toBe(404);
    await sessions.close();
  });
});

test("a deleted session needs no room to end", async () => {
  const sessions = listenToDemo({ sessions: { maxSessions: 1, idleMs: 60_000 } });
  const first = await newSession(sessions.url);
  const second = await newSession(sessions.url);
  const stop = new AbortController();
  const headers = { accept, "mcp-session-id": second };
  const stream = await fetch(`${sessions.url}/mcp`, { headers, signal: stop.signal });
  expect((await send(sessions.url, "DELETE", first)).status).toBe(200);
  stop.abort();
  expect(stream.status).toBe(200);
  expect((await send(sessions.url, "POST", first, list)).status).toBe(404);
  await sessions.close();
});

test("what is sealed for another purpose is no session", () => {
  const config = emptyConfig;
  const seal = new Signer(config);
  const text = seal.close("other" as SealPurpose, { x: 1 }, "");
  expect(seal.open("session", text, "")).toBeUndefined();
});

test("after a reload the old key opens what it sealed for ten minutes more; a key of a file does not come from tokens", () => {
  const config = (key: string) => ({ ...emptyConfig, sealKey: new Secret(key) });
  const seal = new Signer(config("a".repeat(32)));
  const text = seal.close("session", { x: 1 }, "me");
  seal.renew(config("b".repeat(32)));
  expect(seal.open("session", text, "me")).toEqual({ x: 1 });
  expect(seal.open("session", text, "you")).toBeUndefined();
  setSystemTime(Date.now() + 10 * 60_000 + 1);
  expect(seal.open("session", text, "me")).toBeUndefined();
  setSystemTime();
});
