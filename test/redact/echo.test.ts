import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { httpClient, type McpClient, modernClient, type Shown, sseClient } from "../support/clients.ts";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { until } from "../support/listening.ts";
import { makeIdentity } from "../support/pki.ts";
import { type Product, runProduct, startProduct } from "../support/product.ts";
import { type RawServer, reply, startRawServer, startTunnel } from "../support/raw-server.ts";
import { echoFor } from "./echo.ts";
import { windowsShown } from "./spellings.ts";

const secret = "e40c4d1e-5a7b-4c3d-9e2f-8b6a4c1d0e7f";
const bearer = "b34r3r-70k3n-7h47-mu57-n07-l34v3";
const header = `PVEAPIToken=mcp@pve!agent=${secret}`;
const env = { MCP_AUTH_TOKEN: bearer, MCP_LOG_LEVEL: "debug" };

let far: RawServer;
let config: ConfigFile;
let product: Product;
const asked: string[] = [];
const told: string[] = [];

/** Parts of a secret, or of an encoding of it, that a text shows. */
function leaks(text: string): string[] {
  const encodings = [header, secret, bearer].flatMap((value) => {
    const bytes = Buffer.from(value);
    return [value, bytes.toString("hex")];
  });
  // The beginning of the header is no secret, and neither is its encoding.
  const inBase64 = Buffer.from(header)
    .toString("base64")
    .slice(Math.ceil((header.length - secret.length) / 3) * 4);
  const open = [header.slice(0, -secret.length), Buffer.from(header.slice(0, -secret.length)).toString("hex")];
  return [...encodings, inBase64].flatMap((value) =>
    windowsShown(text, value).filter((window) => !open.some((part) => windowsShown(part, window).length > 0)),
  );
}

beforeAll(async () => {
  let last = header;
  far = await startRawServer((socket, request) => {
    last = request.headers["authorization"] ?? last;
    echoFor(request, last)(socket, request);
  });
  const cluster = { url: far.url, user: "mcp@pve", token_id: "agent", token_secret: secret };
  const content = { clusters: { full: { ...cluster, access: "full" }, guarded: cluster }, audit_log: "audit.jsonl" };
  config = await configFile(content);
  product = await startProduct(["--config", config.path, "--cache-dir", config.folder], env);
});

afterAll(async () => {
  await product.stop();
  await Promise.all([far[Symbol.asyncDispose](), config[Symbol.asyncDispose]()]);
});

const kinds: readonly (readonly [string, typeof httpClient])[] = [
  ["Streamable HTTP", httpClient],
  ["SSE", sseClient],
  ["2026-07-28", modernClient],
];

async function connect(open: typeof httpClient): Promise<McpClient> {
  const human = ({ message, title = "" }: Shown) => {
    asked.push(message, title);
    return { action: "decline" } as const;
  };
  return await open({ url: product.url, headers: { authorization: `Bearer ${bearer}` }, human });
}

test.each(kinds)(
  "nothing that a far end echoes reaches a client over %s",
  async (_, open) => {
    await using client = await connect(open);
    const upid = "UPID:pve1:000001CC:0006EAA0:6B02C95E:qmstart:100:root@pam:";
    const onprogress = ({ message }: { message?: string | undefined }) => void told.push(message ?? "");
    const calls: [string, Record<string, unknown>][] = [
      ["list_clusters", {}],
      ["list_nodes", {}],
      ["get_cluster_resources", {}],
      ["cluster_health", {}],
      ["list_tasks", {}],
      ["wait_for_task", { task: `full/${upid}` }],
      ["wait_for_task", { task: `full/${upid.replace("qmstart", "vzdump")}` }],
      ["search_api", { query: "guests", cluster: "full" }],
      ["describe_api", { path: "/nodes/{node}/qemu", cluster: "full" }],
      ["guest_power", { guest: "100", action: "stop", cluster: "guarded" }],
    ];
    const paths = [
      ...["/nodes/pve1/qemu", "/nodes/pve1/qemu/100/config", `/nodes/${secret}/status`, "/nodes/location-0/status"],
      // Where texts are cut: titles and pages after 80 characters, messages after 600, what is read of them after 4096.
      ...[0, 44, 60, 70, 78].flatMap((at) => [
        `/nodes/title-${at}/status`,
        `/nodes/page-${at}/status`,
        `/nodes/odd-${at}/status`,
      ]),
      ...[0, 540, 560, 580, 598, 4040, 4060, 4090].flatMap((at) => [
        `/nodes/message-${at}/status`,
        `/nodes/errors-${at}/status`,
      ]),
      ...[0, 560, 590].map((at) => `/nodes/reason-${at}/status`),
    ];
    for (const path of paths) {
      calls.push(["proxmox_api_call", { cluster: "full", path }]);
      calls.push(["proxmox_api_read", { requests: [{ cluster: "full", path }] }]);
      calls.push(["proxmox_api_call", { cluster: "full", method: "POST", path }]);
    }
    calls.push(["proxmox_api_call", { cluster: "guarded", method: "DELETE", path: "/nodes/pve1/qemu/100" }]);
    // A definition with a short name is asked about by form, with what it echoes in the details.
    calls.push(["proxmox_api_call", { cluster: "guarded", method: "DELETE", path: "/storage/config" }]);
    let redacted = 0;
    for (const [name, args] of calls) {
      const { text } = await client.call(name, args, { onprogress });
      expect({ name, args, leaks: leaks(text) }).toEqual({ name, args, leaks: [] });
      if (text.includes("[secret]")) redacted++;
    }
    // The far end did echo, and the server did not fall back to showing nothing.
    expect(redacted).toBeGreaterThan(60);
    const unknown = await client.call(`no ${secret}`).catch((error: Error) => ({ text: error.message }));
    expect(unknown.text).toContain("[secret]");
    expect(leaks(unknown.text)).toEqual([]);
  },
  60_000,
);

test("what a human is asked, progress, log, audit and the schema on disk hold nothing of it either", async () => {
  const audit = await Bun.file(join(config.folder, "audit.jsonl")).text();
  const name = readdirSync(config.folder).find((it) => /^apidoc-[0-9a-f]{32}\.js$/.test(it));
  const script = await Bun.file(join(config.folder, String(name))).text();
  expect(asked.length).toBeGreaterThan(0);
  expect(told.length).toBeGreaterThan(0);
  for (const text of [asked.join("\n"), audit, script]) expect(text).toContain("[secret]");
  for (const text of [...asked, ...told, audit, script, product.stderr()]) expect(leaks(text)).toEqual([]);
});

test("an error over HTTP does not repeat a token that was sent in the wrong place", async () => {
  const headers = { authorization: `Bearer ${bearer}` };
  const bad = await Promise.all([
    fetch(`${product.url}/${bearer}`, { headers }),
    fetch(`${product.url}/mcp`, { headers: { ...headers, host: `${bearer}.example` } }),
    fetch(`${product.url}/mcp`, { headers: { ...headers, origin: `https://${bearer}.example` } }),
  ]);
  for (const response of bad) {
    const text = await response.text();
    expect(response.ok).toBe(false);
    expect(text).toContain("[secret]");
    expect(leaks(text)).toEqual([]);
  }
});

const commands: readonly (readonly string[])[] = [
  ["call", "get", "/nodes/pve1/qemu", "--cluster", "full", "--json"],
  ["call", "get", "/nodes/pve1/qemu", "--cluster", "full", "--table"],
  ["call", "get", "/nodes/message-0/status", "--cluster", "full"],
  ["call", "get", "/nodes/title-60/status", "--cluster", "full"],
  ["call", "create", "/nodes/errors-590/status", "--cluster", "full"],
  ["call", "delete", "/nodes/pve1/qemu/100", "--cluster", "guarded"],
  ["call", "delete", "/nodes/pve1/qemu/100", "--cluster", "guarded", "--consent", "wrong"],
  ["check"],
  ["check", "--json"],
];

test.each(commands)("no output of %s %s %s %s %s %s %s shows it", async (...args) => {
  const words = args.filter((word) => typeof word === "string");
  const { stdout, stderr } = await runProduct([...words, "--config", config.path], env);
  expect(stdout + stderr).not.toBe("");
  expect(leaks(stdout)).toEqual([]);
  expect(leaks(stderr)).toEqual([]);
  if (words.includes("--json")) expect(() => JSON.parse(stdout) as unknown).not.toThrow();
});

test("names in a certificate lose it before they are cut", async () => {
  const subject = `CN=${"y".repeat(180)} ${secret}`;
  const identity = await makeIdentity({ subject, names: [`${secret}.example`, "127.0.0.1"] });
  await using server = await startRawServer(reply(200, "OK", "{}"), { tls: identity });
  const cluster = { url: server.url, user: "mcp@pve", token_id: "agent", token_secret: secret };
  await using other = await configFile({ clusters: { only: cluster } });
  for (const args of [["check"], ["check", "--json"], ["call", "get", "/nodes"]]) {
    const { stdout, stderr } = await runProduct([...args, "--config", other.path], env);
    expect(stdout + stderr).toContain("[secret]");
    expect(leaks(stdout + stderr)).toEqual([]);
  }
});

test("trust shows no password of the proxy that a certificate names", async () => {
  const password = "p4ssw0rd-0f-proxy";
  const identity = await makeIdentity({ subject: `CN=node ${password}`, names: ["pve.test"] });
  await using node = await startRawServer(reply(200, "OK", "{}"), { tls: identity });
  await using proxy = await startTunnel(node.port, []);
  const { stdout } = await runProduct(["trust", "https://pve.test:8006"], {
    HTTPS_PROXY: `http://user:${password}@127.0.0.1:${proxy.port}`,
  });
  expect(stdout).toContain("subject  CN=node [secret]");
  expect(windowsShown(stdout, password)).toEqual([]);
});

test("a token that a reload replaced stays unspoken", async () => {
  const next = "f00dfeed-1111-4222-8333-444455556666";
  const cluster = { url: far.url, user: "mcp@pve", token_id: "agent", token_secret: next };
  await config.write({ clusters: { full: { ...cluster, access: "full" } } });
  await until(() => product.stderr().includes("now with full"));
  await using client = await connect(httpClient);
  for (const path of ["/nodes/pve1/qemu", `/nodes/${secret}/status`]) {
    const { text } = await client.call("proxmox_api_call", { path });
    expect(text).toContain("[secret]");
    expect(windowsShown(text, next)).toEqual([]);
    expect(leaks(text)).toEqual([]);
  }
});

test("a token that is a word, which answers may hold anyway, leaves through no answer, question, progress or output", async () => {
  const word = "swordfish-moon";
  const cluster = { url: far.url, user: "mcp@pve", token_id: "agent", token_secret: word };
  await using other = await configFile({ clusters: { prod: cluster }, audit_log: "audit.jsonl" });
  await using own = await startProduct(["--config", other.path], { MCP_LOG_LEVEL: "debug" });
  const seen: string[] = [];
  await using client = await modernClient({
    url: own.url,
    human: ({ message, title = "" }) => {
      seen.push(message, title);
      return { action: "decline" };
    },
  });
  const onprogress = ({ message = "" }) => void seen.push(message);
  const calls: [string, Record<string, unknown>][] = [
    ["proxmox_api_call", { path: "/nodes/pve1/qemu" }],
    ["wait_for_task", { task: "prod/UPID:pve1:000001CC:0006EAA0:6B02C95E:vzdump:100:root@pam:" }],
    ["proxmox_api_call", { method: "DELETE", path: "/nodes/pve1/qemu/100" }],
  ];
  for (const [name, args] of calls) seen.push((await client.call(name, args, { onprogress })).text);
  expect(seen.filter((text) => text.includes("[secret]")).length).toBeGreaterThan(2);
  for (const args of [["call", "get", "/nodes/pve1/qemu"], ["call", "get", "/nodes/message-0/status"], ["check"]]) {
    const { stdout, stderr } = await runProduct([...args, "--config", other.path]);
    seen.push(stdout, stderr);
  }
  seen.push(own.stderr(), await Bun.file(join(other.folder, "audit.jsonl")).text());
  expect(seen.filter((text) => windowsShown(text, word).length > 0)).toEqual([]);
});
