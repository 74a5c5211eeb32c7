import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { embeddedDemo } from "../../../src/cli/demo.ts";
import { createDemo, type DemoCluster } from "../../../src/simulator/index.ts";
import { httpClient, type McpClient, modernClient, sseClient, typing } from "../../support/clients.ts";
import { type ConfigFile, configFile } from "../../support/config-file.ts";
import { type DemoServer, serveDemo } from "../../support/demo-server.ts";
import { type Product, runProduct, startProduct } from "../../support/product.ts";

const tokens = {
  boss: "the-token-of-the-boss-0001",
  chat: "the-token-of-the-chat-0002",
  lab: "the-token-of-the-lab-00003",
  busy: "the-token-of-the-busy-0004",
  single: "the-token-of-single-00005",
};

const sha256 = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");
const bearer = (name: keyof typeof tokens) => ({ authorization: `Bearer ${tokens[name]}` });

let demos: readonly DemoServer[];
let config: ConfigFile;
let product: Product;

beforeAll(async () => {
  const { clusters } = createDemo({ authDelayMs: 0, offlineDelayMs: 0, taskMs: 1 });
  demos = await Promise.all(clusters.map((cluster) => serveDemo(cluster)));
  const entry = ({ credentials: { user, tokenId, tokenSecret } }: DemoCluster, index: number) => ({
    url: demos[index]?.url,
    user,
    token_id: tokenId,
    token_secret: tokenSecret,
    access: "full",
  });
  const own: Record<keyof typeof tokens, Record<string, unknown>> = {
    boss: {},
    chat: { access: "read-only" },
    lab: { clusters: ["beta"], access: "guarded" },
    busy: { requests_per_minute: 5 },
    single: { parallel_calls: 1 },
  };
  config = await configFile({
    clusters: Object.fromEntries(clusters.map((cluster, index) => [cluster.name, entry(cluster, index)])),
    callers: Object.fromEntries(
      Object.entries(own).map(([name, keys]) => [name, { token_sha256: sha256(tokens[name as "boss"]), ...keys }]),
    ),
  });
  product = await startProduct(["--config", config.path]);
});

afterAll(async () => {
  await product.stop();
  await Promise.all([...demos.map((demo) => demo.stop()), config[Symbol.asyncDispose]()]);
});

const kinds = { "2026-07-28 over HTTP": modernClient, "2025 over HTTP": httpClient, "2025 over SSE": sseClient };

function connect(
  name: keyof typeof tokens,
  kind: keyof typeof kinds = "2025 over HTTP",
  more = {},
): Promise<McpClient> {
  return kinds[kind]({ url: product.url, headers: bearer(name), ...more });
}

test.each(["/mcp", "/sse"])("where there are callers, %s wants a token, on loopback too", async (path) => {
  const options = { method: path === "/mcp" ? "POST" : "GET" };
  const none = await fetch(product.url + path, options);
  expect(none.status).toBe(401);
  await none.text();
  const wrong = await fetch(product.url + path, {
    ...options,
    headers: { authorization: "Bearer nobody-knows-this-one" },
  });
  expect(wrong.status).toBe(401);
  expect(await wrong.text()).toContain(
    "Invalid bearer token: send the value of MCP_AUTH_TOKEN or of a caller in clusters.json.",
  );
});

describe.each(Object.keys(kinds) as (keyof typeof kinds)[])("%s", (kind) => {
  test("a ceiling holds below the cluster's own level, and says whose it is", async () => {
    await using client = await connect("chat", kind);
    expect(await client.listTools()).not.toContain("proxmox_api_call");
    expect((await client.call("list_clusters")).text).toMatch(/^alpha\t.*\tread-only\t/m);
    const call = { cluster: "alpha", method: "POST", path: "/nodes/pve1/qemu/104/status/start" };
    const { text, isError } = await client.call("proxmox_api_call", call);
    expect(isError).toBe(true);
    expect(text).toContain(`the caller chat has access "read-only" (${config.path}, under callers)`);
    await using boss = await connect("boss", kind);
    expect(await boss.listTools()).toContain("proxmox_api_call");
  });

  test("guarded as a ceiling asks on a cluster that asks nobody else", async () => {
    const call = {
      method: "PUT",
      path: "/nodes/bpve/qemu/105/config",
      data: { cipassword: "x" },
    };
    await using lab = await connect("lab", kind, { human: typing("something else") });
    expect((await lab.call("proxmox_api_call", call)).text).toContain("what was typed is not");
    await using boss = await connect("boss", kind);
    expect((await boss.call("proxmox_api_call", { ...call, cluster: "beta" })).text).not.toContain("human");
  });

  test("clusters that are not a caller's own do not exist for it, in no answer, error or description", async () => {
    await using lab = await connect("lab", kind);
    const texts = [
      JSON.stringify(await lab.listTools()),
      (await lab.call("list_clusters")).text,
      (await lab.call("list_nodes")).text,
      (await lab.call("get_cluster_resources")).text,
      (await lab.call("search_api", { query: "start vm" })).text,
      (await lab.call("describe_api", { path: "/cluster/ha/rules" })).text,
      (await lab.call("describe_api", { path: "/nodes/{node}/qemu/{vmid}/config" })).text,
      (await lab.call("proxmox_api_read", { requests: [{ path: "/version", cluster: "*" }] })).text,
      (await lab.call("proxmox_api_read", { requests: [{ path: "/version", cluster: "gamma" }] })).text,
      (await lab.call("proxmox_api_call", { path: "/guests/web-01/config" })).text,
      (await lab.call("proxmox_api_call", { path: "/nodes/elsewhere/qemu/100/config", cluster: "beta" })).text,
    ];
    for (const text of texts) expect(text).not.toMatch(/alpha|pve[123]\b|9\.2\.11/);
    const asked = demos[0]?.requests.length;
    const named = await lab.call("proxmox_api_call", { path: "/version", cluster: "alpha" });
    expect(named).toEqual({ isError: true, text: expect.stringContaining('There is no cluster "alpha".') });
    expect(named.text).toEndWith('Pass cluster as one of: "beta".');
    expect((await lab.call("describe_api", { path: "/version", cluster: "alpha" })).text).toContain(
      "There is no cluster",
    );
    expect(demos[0]?.requests).toHaveLength(asked ?? 0);
    // Its only one need not be named, as if it were the only one there is.
    expect((await lab.call("proxmox_api_call", { path: "/version" })).text).toContain('"cluster":"beta"');
  });
});

test("too many requests in a minute are answered with 429 and when to come back, and others are not", async () => {
  const post = async (name: keyof typeof tokens) => {
    const response = await fetch(`${product.url}/mcp`, {
      method: "POST",
      headers: { ...bearer(name), "content-type": "application/json", accept: "application/json, text/event-stream" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
    });
    return { status: response.status, after: response.headers.get("retry-after"), text: await response.text() };
  };
  for (let i = 0; i < 5; i++) expect((await post("busy")).status).toBe(200);
  const refused = await post("busy");
  expect(refused.status).toBe(429);
  expect(Number(refused.after)).toBeWithin(1, 61);
  expect(refused.text).toContain("busy has used up its requests of this minute (requests_per_minute: 5;");
  expect((await post("boss")).status).toBe(200);
});

test("too many calls at once are an error that says so, and the next one after them passes", async () => {
  await using client = await connect("single");
  const answers = await Promise.all(Array.from({ length: 4 }, () => client.call("list_nodes")));
  const [refused, ...others] = answers.filter(({ isError }) => isError);
  expect(refused?.text).toContain("single has reached its limit of concurrent calls (parallel_calls: 1)");
  expect(others.length).toBeLessThan(4);
  expect((await client.call("list_nodes")).isError).toBe(false);
});

test("`token new` makes a token and an entry that belong together", async () => {
  const { code, stdout } = await runProduct(["token", "new", "night-shift"]);
  expect(code).toBe(0);
  const [, token = ""] = /TOKEN`:\n {2}(\S{43})\n/.exec(stdout) ?? [];
  const [, hash = ""] =
    /"night-shift": \{\s+"token_sha256": "([0-9a-f]{64})",\s+"access": "read-only"/.exec(stdout) ?? [];
  expect(token).not.toBe("");
  expect(sha256(token)).toBe(hash);
  for (const words of [["token", "new", "a b"], ["token", "make", "x"], ["token"]]) {
    expect((await runProduct(words)).code).toBe(2);
  }
});

test("callers make a server that listens beyond this machine closed enough to start, and one without is refused", async () => {
  const open = await runProduct(["serve", "--demo", "--host", "0.0.0.0", "--port", "0"]);
  expect(open.code).toBe(2);
  expect(open.stderr).toContain("or callers in clusters.json");
  expect(embeddedDemo().config.callers).toEqual([]);
  await using closed = await startProduct(["--config", config.path, "--host", "0.0.0.0"]);
  expect((await fetch(closed.url.replace("0.0.0.0", "127.0.0.1").concat("/mcp"), { method: "POST" })).status).toBe(401);
});

test("what is read at a time is read once for one caller, and never for two together", async () => {
  await using boss = await connect("boss");
  await using chat = await connect("chat");
  // A list of resources is kept for a second.
  await Bun.sleep(1100);
  const before = demos[0]?.requests.length ?? 0;
  const askers = [boss, boss, chat, chat];
  await Promise.all(askers.map(async (asker) => await asker.call("get_cluster_resources", { cluster: "alpha" })));
  const paths = demos[0]?.requests.slice(before).map(({ path }) => path);
  expect(paths).toEqual(Array(2).fill("/api2/json/cluster/resources"));
});
