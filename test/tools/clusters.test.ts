import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createDemo } from "../../src/simulator/index.ts";
import { bytes, load, uptime, usage } from "../../src/tools/output/units.ts";
import { httpClient, modernClient, sseClient, stdioClient } from "../support/clients.ts";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { type DemoServer, serveDemo } from "../support/demo-server.ts";
import { type Product, startProduct } from "../support/product.ts";
import { closedPort, reply, replyData, startRawServer } from "../support/raw-server.ts";

const token = { user: "mcp@pve", token_id: "agent", token_secret: "s" };

let alpha: DemoServer;
let good: () => Record<string, unknown>;
let config: ConfigFile;
let product: Product;

beforeAll(async () => {
  const [cluster] = createDemo({ offlineDelayMs: 0, authDelayMs: 0 }).clusters;
  if (cluster === undefined) throw new Error("the demo has no cluster");
  alpha = await serveDemo(cluster);
  const none = /^(.+)!(.+)=(.+)$/.exec(cluster.tokens["none"] ?? "") ?? [];
  const { user, tokenId, tokenSecret } = cluster.credentials;
  good = () => ({ url: alpha.url, user, token_id: tokenId, token_secret: tokenSecret });
  config = await configFile({
    clusters: {
      dead: { url: `http://127.0.0.1:${await closedPort()}`, ...token },
      alive: good(),
      blind: { url: alpha.url, user: none[1], token_id: none[2], token_secret: none[3] },
    },
  });
  product = await startProduct(["--config", config.path]);
});

afterAll(async () => {
  await product.stop();
  await alpha.stop();
  await config[Symbol.asyncDispose]();
});

test("a cluster that does not answer is a row with its reason, and loses nobody else's", async () => {
  await using client = await httpClient(product);
  const clusters = await client.call("list_clusters");
  expect(clusters.text).toMatch(/^dead\tno answer\t\t\t\tguarded\t.*127\.0\.0\.1/m);
  expect(clusters.text).toContain("alive\treachable\t9.2.11\tyes\t2 of 3");
  for (const name of ["list_nodes", "get_cluster_resources"]) {
    const { text, isError } = await client.call(name);
    expect(isError).toBe(false);
    expect(text).toContain("alive\tpve1\tonline");
    expect(text).toContain("No answer from dead: GET /");
  }
  const alone = await client.call("list_nodes", { cluster: "dead" });
  expect(alone.isError).toBe(true);
});

test("a token without rights sees the nodes, and is told what it does not see", async () => {
  await using client = await httpClient(product);
  const { text } = await client.call("list_clusters");
  expect(text).toContain("blind\treachable\t9.2.11\tunknown: the token lacks Sys.Audit on /\t2 of 3");
});

test("guests of a node that does not report are counted apart", async () => {
  await using client = await httpClient(product);
  const { text } = await client.call("get_cluster_resources", { cluster: "alive" });
  expect(text).toMatch(/^13 guests on alive: .*2 unknown \(node pve3 offline\)\./m);
});

test("many that ask for the clusters' state at once share one look at each", async () => {
  await using client = await httpClient(product);
  await Bun.sleep(2100);
  const before = alpha.requests.filter(({ path }) => path.endsWith("/version")).length;
  await Promise.all(Array.from({ length: 10 }, () => client.call("list_clusters")));
  const looks = alpha.requests.filter(({ path }) => path.endsWith("/version")).length - before;
  expect(looks).toBe(2);
});

test("a node whose version cannot be read keeps its row", async () => {
  await using proxmox = await startRawServer((socket, request) => {
    const nodes = [{ node: "pve1", status: "online", maxcpu: 4, cpu: 0.5, maxmem: 4096, mem: 1024, uptime: 90061 }];
    const answer = request.target.endsWith("/nodes") ? replyData(nodes) : reply(596, "Connection timed out", "");
    answer(socket, request);
  });
  await using file = await configFile({ clusters: { only: { url: proxmox.url, ...token } } });
  await using one = await startProduct(["--config", file.path]);
  await using client = await httpClient(one);
  const { text } = await client.call("list_nodes");
  expect(text).toMatch(
    /^only\tpve1\tonline\tGET \/nodes\/pve1\/version on only: 596.*\t50\.0% of 4\t25\.0% of 4 KiB\t\t1d 1h$/m,
  );
});

test.each([
  ["null", null],
  ["an object", {}],
  ["rows that are null", [null]],
  ["rows without names", [{ status: "online" }]],
  ["a version that is none", { version: { toString: 1 } }],
])("an answer that is no list of nodes (%s) is told, not stumbled over", async (_, data) => {
  await using proxmox = await startRawServer(replyData(data));
  await using file = await configFile({ clusters: { only: { url: proxmox.url, ...token } } });
  await using one = await startProduct(["--config", file.path]);
  await using client = await httpClient(one);
  for (const name of ["list_nodes", "get_cluster_resources"]) {
    const { text, isError } = await client.call(name);
    expect({ isError, text }).toEqual({ isError: true, text: expect.stringContaining("something else than a list") });
  }
  expect((await client.call("list_clusters")).text).toContain("only\treachable\tunknown");
  await using two = await configFile({ clusters: { good: good(), bad: { url: proxmox.url, ...token } } });
  await using both = await startProduct(["--config", two.path]);
  await using other = await httpClient(both);
  const { text } = await other.call("list_nodes");
  expect(text).toContain("good\tpve1\tonline");
  expect(text).toContain("No answer from bad: bad (");
});

test("with one cluster the argument `cluster` is not in any schema, and may be left out or given", async () => {
  await using proxmox = await startRawServer(replyData([]));
  await using file = await configFile({ clusters: { only: { url: proxmox.url, ...token } } });
  await using one = await startProduct(["--config", file.path]);
  const listed = await fetch(`${one.url}/mcp`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
  });
  const text = await listed.text();
  expect(text).toContain("proxmox_api_call");
  expect(text).not.toContain('"cluster":{');
  await using client = await httpClient(one);
  for (const args of [{}, { cluster: "only" }]) {
    expect((await client.call("proxmox_api_call", { path: "/version", ...args })).isError).toBe(false);
  }
});

describe("a client that cancels", () => {
  test.each([
    ["SSE", () => sseClient],
    ["Streamable HTTP", () => httpClient],
    ["2026-07-28", () => modernClient],
    ["stdio", () => undefined],
  ])("over %s ends the request to Proxmox, too", async (_, kind) => {
    const reached = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    await using proxmox = await startRawServer((socket, request) => {
      if (request.target !== "/api2/json/nodes/slow") return reply(404, "Not Found", "")(socket, request);
      reached.resolve();
      socket.on("close", () => ended.resolve());
    });
    await using file = await configFile({ clusters: { only: { url: proxmox.url, ...token } } });
    await using one = await startProduct(["--config", file.path]);
    const connect = kind();
    await using client = connect === undefined ? await stdioClient(["--config", file.path]) : await connect(one);
    const cancel = new AbortController();
    const call = client.call("proxmox_api_call", { path: "/nodes/slow" }, { signal: cancel.signal });
    call.catch(() => undefined);
    await reached.promise;
    cancel.abort("enough");
    await expect(call).rejects.toThrow();
    await ended.promise;
  });
});

test("numbers are in units that people read", () => {
  expect([bytes(0), bytes(1023), bytes("268435456"), bytes(34074025984), bytes("x"), bytes(null)]).toEqual([
    "0 B",
    "1023 B",
    "256 MiB",
    "31.7 GiB",
    undefined,
    undefined,
  ]);
  expect([usage(1, 4), usage("1073741824", 4294967296), usage(1, 0), usage(undefined, 1)]).toEqual([
    "25.0% of 4 B",
    "25.0% of 4 GiB",
    undefined,
    undefined,
  ]);
  expect([load(0.021, 8), load(undefined, 8)]).toEqual(["2.1% of 8", undefined]);
  expect([uptime(59), uptime(4515), uptime(1987201), uptime(0), uptime(undefined)]).toEqual([
    "59s",
    "1h 15m",
    "23d",
    undefined,
    undefined,
  ]);
});
