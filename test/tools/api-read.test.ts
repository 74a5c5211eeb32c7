import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rows as tableRows } from "../../src/policy/endpoint-classes/index.ts";
import { httpClient, type McpClient } from "../support/clients.ts";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { type Product, startProduct } from "../support/product.ts";
import { closedPort, type RawServer, replyData, startRawServer } from "../support/raw-server.ts";

/** Answers below `/nodes/slow` wait until so many are asked for at the same time. */
const together = 18;
let waiting: (() => void)[] = [];

function answerTogether(answer: () => void): void {
  waiting.push(answer);
  if (waiting.length < together) return;
  for (const one of waiting) one();
  waiting = [];
}

const guests = [{ vmid: 100, name: "web", node: "pve1", type: "qemu", status: "running" }];
const rows = Array.from({ length: 3000 }, (_, vmid) => ({ vmid, name: `guest-${vmid}`, note: "x".repeat(20) }));

let proxmox: RawServer;
let config: ConfigFile;
let product: Product;
let client: McpClient;

beforeAll(async () => {
  proxmox = await startRawServer((socket, request) => {
    const path = request.target.replace("/api2/json", "").replace(/\?.*/, "");
    const answers: Record<string, unknown> = {
      "/cluster/resources": guests,
      "/nodes/big": rows,
      "/nodes/few": rows.slice(0, 3),
      "/nodes/long": "y".repeat(90_000),
      "/nodes/hostile": { text: "\u202e".repeat(12_000) },
      "/nodes/object": { a: 1, b: { c: 2 }, d: "three" },
      "/nodes/list": ["a", "b", "c"],
      "/nodes/none": [],
    };
    const answer = () => replyData(answers[path] ?? { path })(socket, request);
    if (path.startsWith("/nodes/slow")) answerTogether(answer);
    else answer();
  });
  const token = { user: "mcp@pve", token_id: "agent", token_secret: "s" };
  const dead = { url: `http://127.0.0.1:${await closedPort()}`, ...token };
  const live = { url: proxmox.url, ...token };
  config = await configFile({ clusters: { live, dead, full: { ...live, access: "full" } } });
  product = await startProduct(["--config", config.path]);
  client = await httpClient(product);
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await product.stop();
  await proxmox[Symbol.asyncDispose]();
  await config[Symbol.asyncDispose]();
});

function read(requests: readonly unknown[], more: Record<string, unknown> = {}) {
  return client.call("proxmox_api_read", { requests, ...more });
}

/** What stands under each heading, by heading. */
function parts(text: string): Record<string, string> {
  const [, ...sections] = text.split(/^## \d+\. /m);
  return Object.fromEntries(
    sections.map((section) => [
      section.slice(0, section.indexOf("\n")),
      section.slice(section.indexOf("\n") + 1).trim(),
    ]),
  );
}

const live = (path: string) => ({ path, cluster: "live" });

test("of 20 requests at the same time, 2 of them to a dead cluster, 18 are answered and 2 say why not", async () => {
  const requests = Array.from({ length: 20 }, (_, i) => ({
    path: `/nodes/slow${i}`,
    cluster: i % 10 === 3 ? "dead" : "live",
  }));
  const { text, isError } = await read(requests);
  expect(isError).toBe(false);
  expect(text).toStartWith("18 of 20 answered; not answered: 4, 14.\n");
  const byTitle = parts(text);
  for (const { path, cluster } of requests) {
    if (cluster === "live") expect(byTitle[`${path} on live`]).toBe(JSON.stringify({ path }));
    else expect(byTitle[`${path} on dead: error`]).toMatch(/^GET \/nodes\/slow\d+ on dead: .*127\.0\.0\.1/);
  }
});

test("a wrong path, wrong data, a wrong or missing cluster are errors of their part alone", async () => {
  const { text, isError } = await read([
    live("/a//b"),
    { ...live("/nodes/few"), data: { x: null } },
    { path: "/nodes/few", cluster: "lvie" },
    { path: "/nodes/few" },
    live("/nodes/object"),
  ]);
  expect(isError).toBe(false);
  expect(text).toStartWith("1 of 5 answered; not answered: 1, 2, 3, 4.\n");
  const byTitle = parts(text);
  expect(byTitle["/a//b on live: error"]).toContain("empty segment");
  expect(byTitle["/nodes/few on live: error"]).toContain('"x" is null');
  expect(byTitle["/nodes/few on lvie: error"]).toContain('Did you mean "live"?');
  expect(byTitle["/nodes/few: error"]).toContain('Pass cluster as one of: "live", "dead", "full".');
  expect(byTitle["/nodes/object on live"]).toBe('{"a":1,"b":{"c":2},"d":"three"}');
});

test("is an error when no part is answered", async () => {
  const { text, isError } = await read([{ path: "/nodes/few", cluster: "dead" }, { path: "/nodes/few" }]);
  expect(isError).toBe(true);
  expect(text).toStartWith("0 of 2 answered");
});

test("`*` asks every cluster, and one that is dead loses nobody else's answer", async () => {
  const { text } = await read([{ path: "/nodes/object", cluster: "*" }]);
  expect(text).toStartWith("2 of 3 answered; not answered: 2.\n");
  expect(Object.keys(parts(text))).toEqual([
    "/nodes/object on live",
    "/nodes/object on dead: error",
    "/nodes/object on full",
  ]);
});

test("more than 20 requests, or more than 100 after `*`, are refused before anything is sent", async () => {
  const before = proxmox.requests.length;
  expect((await read(Array.from({ length: 21 }, () => live("/nodes/few")))).isError).toBe(true);
  expect((await read([])).isError).toBe(true);
  const cluster = { url: proxmox.url, user: "mcp@pve", token_id: "agent", token_secret: "s" };
  const clusters = Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`c${i}`, cluster]));
  await using file = await configFile({ clusters });
  await using many = await startProduct(["--config", file.path]);
  await using other = await httpClient(many);
  const requests = Array.from({ length: 17 }, () => ({ path: "/nodes/few", cluster: "*" }));
  const { text, isError } = await other.call("proxmox_api_read", { requests });
  expect(isError).toBe(true);
  expect(text).toContain("these are 102 requests; at most 100");
  expect(proxmox.requests).toHaveLength(before);
  const most = await other.call("proxmox_api_read", { requests: requests.slice(1) });
  expect(most.text).toStartWith("96 of 96 answered.\n");
});

test("only reads, whatever a request says", async () => {
  const { text, isError } = await read([{ ...live("/nodes/few"), method: "DELETE" }]);
  expect(isError).toBe(true);
  expect(text).toContain("always a GET");
  expect((await read([live("DELETE /nodes/few")])).text).toContain("DELETE was not sent: this tool only reads");
  expect(proxmox.requests.every(({ method }) => method === "GET")).toBe(true);
});

test("refuses sensitive reads on every cluster, the short path too, and says what takes them", async () => {
  const paths = tableRows
    .filter(({ endpoint, class: name }) => endpoint.startsWith("GET ") && name === "sensitive")
    .map(({ endpoint }) => endpoint.replace("GET ", "").replaceAll(/\{\w+\}/g, "x1"));
  for (const path of [...paths, "/guests/web/agent/file-read", "/guests/100/vncwebsocket", "/nodes/p/%73can/nfs"]) {
    const before = proxmox.requests.filter(({ target }) => !target.includes("/cluster/resources")).length;
    const { text, isError } = await read([{ path, cluster: "full" }]);
    expect({ path, isError }).toEqual({ path, isError: true });
    expect(text).toMatch(/was not sent: it \w+ .* Use proxmox_api_call for it\.$/);
    expect(proxmox.requests.filter(({ target }) => !target.includes("/cluster/resources"))).toHaveLength(before);
  }
  const allowed = await client.call("proxmox_api_call", { cluster: "full", path: paths[0] });
  expect(allowed.isError).toBe(false);
});

test("guests are looked up once a call, and again by the next", async () => {
  const lookups = () => proxmox.requests.filter(({ target }) => target.includes("/cluster/resources")).length;
  const before = lookups();
  const paths = ["/guests/web/config", "/guests/100/status/current", "/guests/web"];
  const { text } = await read(paths.map(live));
  expect(Object.keys(parts(text))).toEqual([
    "/guests/web/config on live, /nodes/pve1/qemu/100/config",
    "/guests/100/status/current on live, /nodes/pve1/qemu/100/status/current",
    "/guests/web on live, /nodes/pve1/qemu/100",
  ]);
  expect(lookups()).toBe(before + 1);
  await read([live("/guests/web")]);
  expect(lookups()).toBe(before + 2);
});

describe("fields and limit", () => {
  test("pick the keys of rows, in their order, and the first rows", async () => {
    const { text } = await read([live("/nodes/big")], { fields: ["name", "vmid", "nosuch"], limit: 2 });
    expect(parts(text)).toEqual({ "/nodes/big on live: first 2 of 3000 rows": "name\tvmid\nguest-0\t0\nguest-1\t1" });
  });

  test("pick the keys of an object, leave scalars whole, and cut a list", async () => {
    const { text } = await read([live("/nodes/object"), live("/nodes/list"), live("/nodes/none")], {
      fields: ["d", "a"],
      limit: 2,
    });
    expect(parts(text)).toEqual({
      "/nodes/object on live": '{"d":"three","a":1}',
      "/nodes/list on live: first 2 of 3 values": '["a","b"]',
      "/nodes/none on live": "[]",
    });
  });

  test("that nothing has are answered with those there are", async () => {
    const { text } = await read([live("/nodes/few"), live("/nodes/object")], { fields: "nosuch" });
    expect(parts(text)).toEqual({
      "/nodes/few on live: 3 rows, none with these fields; they have": "name, note, vmid",
      "/nodes/object on live: none of these fields; it has": "a, b, d",
    });
  });
});

describe("answers that are too long together", () => {
  test("get a fair share each: the short stay whole, the long are cut at a row and say how much is there", async () => {
    const { text } = await read([
      live("/nodes/big"),
      live("/nodes/few"),
      live("/nodes/long"),
      live("/nodes/object"),
      live("/nodes/hostile"),
    ]);
    expect(text.length).toBeLessThanOrEqual(36_000);
    expect(text.length).toBeGreaterThan(35_000);
    const byTitle = parts(text);
    expect(byTitle["/nodes/few on live: 3 rows"]?.split("\n")).toHaveLength(4);
    expect(byTitle["/nodes/object on live"]).toBe('{"a":1,"b":{"c":2},"d":"three"}');
    const lines = byTitle["/nodes/big on live: 3000 rows"]?.split("\n") ?? [];
    // Without the header and the note.
    expect(lines.at(-1)).toBe(`[${lines.length - 2} of 3000 rows]`);
    expect(lines.at(-2)).toBe(`guest-${lines.length - 3}\t${"x".repeat(20)}\t${lines.length - 3}`);
    expect(byTitle["/nodes/long on live"]).toMatch(/\[(1[01]\d\d\d) of 90002 characters\]/);
    expect(text).toEndWith("often start and limit).]");
  });

  test("leave room even when a hundred parts have long names", async () => {
    const path = `/${"p".repeat(300)}`;
    const { text } = await read(
      Array.from({ length: 20 }, () => live("/nodes/big"))
        .concat([])
        .fill(live(path), 0, 10),
    );
    expect(text.length).toBeLessThanOrEqual(36_000);
    expect(text.match(/^\[\d+ of 3000 rows\]$/gm)).toHaveLength(10);
  });
});

test("takes what models write: a path alone, a method before it, a list as JSON text", async () => {
  for (const requests of [JSON.stringify([live("GET /nodes/object")]), [live("get /nodes/object")]]) {
    const { text } = await client.call("proxmox_api_read", { requests });
    expect(Object.values(parts(text))).toEqual(['{"a":1,"b":{"c":2},"d":"three"}']);
  }
  const { text } = await read(["/nodes/object", live("/nodes/object")]);
  expect(text).toStartWith("1 of 2 answered; not answered: 1.\n");
  for (const requests of [live("/nodes/object"), [{ ...live("/nodes/object"), method: "get" }]]) {
    const alone = await client.call("proxmox_api_read", { requests });
    expect(Object.values(parts(alone.text))).toEqual(['{"a":1,"b":{"c":2},"d":"three"}']);
  }
});
