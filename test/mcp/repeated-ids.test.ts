import { describe, expect, test } from "bun:test";
import { endsOf, type HeldCluster, heldCluster, write } from "../support/held-cluster.ts";
import { until } from "../support/listening.ts";
import { startProduct } from "../support/product.ts";
import { stdioProcess } from "../support/stdio-process.ts";

type Id = number | string;

interface Answer {
  readonly id: Id | null;
  readonly result?: { readonly content?: readonly { readonly text: string }[] };
  readonly error?: { readonly code: number; readonly message: string };
}

/** One session of a client that chooses its ids itself. */
interface Wire extends AsyncDisposable {
  call(id: Id, name: string, args?: Record<string, unknown>): void;
  cancel(id: Id): void;
  /** All answers so far, refusals included. */
  answers(): readonly Answer[];
}

/** What the write of a held cluster answers. */
const written = '{"cluster":"alpha","data":null}';

const json = { "content-type": "application/json", accept: "application/json, text/event-stream" };
const clientInfo = { name: "by-hand", version: "1" };
const initialize = {
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo },
};

function callOf(id: Id, name: string, args: Record<string, unknown> = {}) {
  return { jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: args } };
}

function cancellationOf(requestId: Id) {
  return { jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId } };
}

/** The messages of a body of JSON or of server-sent events. */
function messagesOf(text: string): readonly Answer[] {
  if (text.startsWith("{")) return [JSON.parse(text) as Answer];
  return Array.from(text.matchAll(/^data: (\{.*)$/gm), ([, data = ""]) => JSON.parse(data) as Answer);
}

function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { method: "POST", headers: { ...json, ...headers }, body: JSON.stringify(body) });
}

async function newSession(url: string): Promise<Record<string, string>> {
  const response = await post(`${url}/mcp`, initialize);
  await response.text();
  return { "mcp-session-id": response.headers.get("mcp-session-id") ?? "" };
}

async function serve({ config }: HeldCluster) {
  return await startProduct(["--config", config.path]);
}

async function streamable(cluster: HeldCluster): Promise<Wire> {
  const product = await serve(cluster);
  const session = await newSession(product.url);
  const answers: Answer[] = [];
  const send = async (message: unknown) => {
    const response = await post(`${product.url}/mcp`, message, session);
    answers.push(...messagesOf(await response.text()));
  };
  return {
    call: (...given) => void send(callOf(...given)).catch(() => undefined),
    cancel: (id) => void send(cancellationOf(id)),
    answers: () => answers,
    [Symbol.asyncDispose]: () => product[Symbol.asyncDispose](),
  };
}

async function sse(cluster: HeldCluster): Promise<Wire> {
  const product = await serve(cluster);
  const stream = await fetch(`${product.url}/sse`);
  let text = "";
  void (async () => {
    for await (const chunk of stream.body ?? []) text += new TextDecoder().decode(chunk);
  })().catch(() => undefined);
  await until(() => text.includes("data: /messages"));
  const path = /data: (\/messages\S+)/.exec(text)?.[1] ?? "";
  const refused: Answer[] = [];
  const send = async (message: unknown) => {
    const response = await post(`${product.url}${path}`, message);
    if (response.status !== 202) refused.push((await response.json()) as Answer);
  };
  return {
    call: (...given) => void send(callOf(...given)),
    cancel: (id) => void send(cancellationOf(id)),
    answers: () => [...messagesOf(`\n${text}`), ...refused],
    [Symbol.asyncDispose]: () => product[Symbol.asyncDispose](),
  };
}

async function stdio(era: "2025" | "2026", { config }: HeldCluster): Promise<Wire> {
  return await stdioProcess(era, ["--config", config.path]);
}

const wires: Record<string, (cluster: HeldCluster) => Promise<Wire>> = {
  "a session of Streamable HTTP": streamable,
  SSE: sse,
  "stdio, 2025": async (cluster) => await stdio("2025", cluster),
  "stdio, 2026": async (cluster) => await stdio("2026", cluster),
};

/** The texts of the answers with an id. */
function textsOf(wire: Wire, id: Id): readonly string[] {
  return wire.answers().flatMap((answer) => (answer.id === id ? [answer.result?.content?.[0]?.text ?? ""] : []));
}

/** The errors that belong to no request. */
function errorsOf(wire: Wire) {
  return wire.answers().flatMap(({ id, error }) => (id === null && error !== undefined ? [error] : []));
}

const refusal = (problem: string) => ({
  code: -32600,
  message: `Invalid request: ${problem}; ids must be unique (JSON-RPC 2.0, MCP base protocol). Nothing was done; send it with another id.`,
});
const isRunning = (id: Id) => refusal(`a request with id ${JSON.stringify(id)} is running in this session`);

async function untilAudited(cluster: HeldCluster, kind: string): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if ((await cluster.audit()).some(({ audit }) => audit === kind)) return;
    await Bun.sleep(10);
  }
  throw new Error(`nothing was audited as ${kind}`);
}

describe.each(Object.entries(wires))("over %s", (_, connect) => {
  test("a request with the id of a running one is refused, and the running one gets its own answer", async () => {
    await using cluster = await heldCluster();
    await using wire = await connect(cluster);
    wire.call(7, write(1).name, write(1).args);
    await cluster.untilHeld(1);
    wire.call(7, "list_clusters");
    await until(() => errorsOf(wire).length === 1);
    expect(errorsOf(wire)).toEqual([isRunning(7)]);
    wire.call("7", "list_clusters");
    await until(() => textsOf(wire, "7").length === 1);
    expect(textsOf(wire, "7")[0]).toContain("reachable");
    expect(textsOf(wire, 7)).toEqual([]);
    cluster.release();
    await until(() => textsOf(wire, 7).length === 1);
    expect(textsOf(wire, 7)[0]).toBe(written);
    wire.call(7, "list_clusters");
    await until(() => textsOf(wire, 7).length === 2);
    expect(textsOf(wire, 7)[1]).toContain("reachable");
    expect(errorsOf(wire)).toHaveLength(1);
  }, 30_000);

  test("a cancellation ends the running one, whose id is free then", async () => {
    await using cluster = await heldCluster();
    await using wire = await connect(cluster);
    wire.call("a", write(1).name, write(1).args);
    await cluster.untilHeld(1);
    wire.call("a", write(2).name, write(2).args);
    await until(() => errorsOf(wire).length === 1);
    expect(errorsOf(wire)).toEqual([isRunning("a")]);
    wire.cancel("a");
    await untilAudited(cluster, "ended");
    wire.call("a", "list_clusters");
    await until(() => textsOf(wire, "a").length === 1);
    expect(textsOf(wire, "a")[0]).toContain("reachable");
    expect(endsOf(await cluster.audit())).toHaveLength(1);
    expect(cluster.held()).toBe(1);
  }, 30_000);
});

test("a batch with an id twice, or with that of a running request, is refused as a whole", async () => {
  await using cluster = await heldCluster();
  await using product = await serve(cluster);
  const session = await newSession(product.url);
  const first = post(`${product.url}/mcp`, callOf(7, write(1).name, write(1).args), session);
  await cluster.untilHeld(1);
  const writes = (...ids: readonly Id[]) => ids.map((id) => callOf(id, write(2).name, write(2).args));
  const inSession = async (body: unknown) => {
    const response = await post(`${product.url}/mcp`, body, session);
    return [response.status, messagesOf(await response.text())];
  };
  const twice = refusal("the batch has two requests with id 8");
  expect(await inSession(writes(8, "8", 8))).toEqual([400, [{ jsonrpc: "2.0", error: twice, id: null } as Answer]]);
  expect(await inSession(writes(9, 7))).toEqual([400, [{ jsonrpc: "2.0", error: isRunning(7), id: null } as Answer]]);
  const without = await post(`${product.url}/mcp`, writes(8, 8));
  expect([without.status, ((await without.json()) as Answer).error]).toEqual([400, twice]);
  expect(cluster.held()).toBe(1);
  cluster.release();
  expect(messagesOf(await (await first).text())[0]?.result?.content?.[0]?.text).toBe(written);
  const [status, answers] = await inSession([callOf(8, "list_clusters"), callOf(9, "list_nodes")]);
  expect([status, (answers as Answer[]).map(({ id }) => id).toSorted()]).toEqual([200, [8, 9]]);
}, 30_000);

test("the response to a request that its client cancels ends without an answer; a batch goes on", async () => {
  await using cluster = await heldCluster();
  await using product = await serve(cluster);
  const session = await newSession(product.url);
  const send = async (body: unknown) => messagesOf(await (await post(`${product.url}/mcp`, body, session)).text());
  const calls = [7, 8, 9].map((id) => callOf(id, write(id).name, write(id).args));
  const alone = send(calls[0]);
  const batch = post(`${product.url}/mcp`, calls.slice(1), session);
  await cluster.untilHeld(3);
  await send(cancellationOf(7));
  expect(await alone).toEqual([]);
  await send(cancellationOf(8));
  cluster.release();
  let text = "";
  for await (const chunk of (await batch).body ?? []) {
    text += new TextDecoder().decode(chunk);
    if (text.includes("data: ")) break;
  }
  expect(messagesOf(text).map(({ id }) => id)).toEqual([9]);
}, 30_000);

test("a request that the transport refused keeps no id", async () => {
  await using cluster = await heldCluster();
  await using product = await serve(cluster);
  const session = await newSession(product.url);
  const call = callOf(7, "list_clusters");
  const refused = await post(`${product.url}/mcp`, call, { ...session, "mcp-protocol-version": "1999-01-01" });
  expect(refused.status).toBe(400);
  const answer = await post(`${product.url}/mcp`, call, session);
  expect([answer.status, messagesOf(await answer.text())[0]?.id]).toEqual([200, 7]);
}, 30_000);

test("requests of 2026-07-28 and without a session may have the same id: each has its own answer", async () => {
  await using cluster = await heldCluster();
  await using product = await serve(cluster);
  const meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": clientInfo,
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const modern = async (name: string, args: Record<string, unknown> = {}) => {
    const headers = { "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": name };
    const call = callOf(7, name, args);
    return await post(`${product.url}/mcp`, { ...call, params: { ...call.params, _meta: meta } }, headers);
  };
  const single = async (name: string, args: Record<string, unknown> = {}) =>
    await post(`${product.url}/mcp`, callOf(7, name, args));
  const textOf = async (response: Promise<Response>) =>
    messagesOf(await (await response).text())[0]?.result?.content?.[0]?.text;
  const held = [textOf(modern(write(1).name, write(1).args)), textOf(single(write(2).name, write(2).args))];
  await cluster.untilHeld(2);
  expect(await textOf(modern("list_clusters"))).toContain("reachable");
  expect(await textOf(single("list_clusters"))).toContain("reachable");
  cluster.release();
  const [one, two] = await Promise.all(held);
  expect(one).toBe(written);
  expect(two).toBe(written);
}, 30_000);

test("a long id is not quoted, and one with a secret is redacted", async () => {
  await using cluster = await heldCluster();
  await using product = await serve(cluster);
  const secret = String(cluster.entry["token_secret"]);
  const session = await newSession(product.url);
  const send = async (id: Id, name: string, args?: Record<string, unknown>) =>
    messagesOf(await (await post(`${product.url}/mcp`, callOf(id, name, args), session)).text())[0];
  const ids = ["x".repeat(1000), secret];
  const held = ids.map(async (id, index) => await send(id, write(index).name, write(index).args));
  await cluster.untilHeld(2);
  const [long, short] = await Promise.all(ids.map(async (id) => await send(id, "list_clusters")));
  expect(long?.error).toEqual(refusal("a request with an id of 1002 characters is running in this session"));
  expect(short?.error?.message).toContain("is running in this session");
  expect(short?.error?.message).not.toContain(secret);
  cluster.release();
  await Promise.all(held);
}, 30_000);
