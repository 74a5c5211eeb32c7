import { expect, test } from "bun:test";
import { join } from "node:path";
import { httpClient, type McpClient, modernClient, sseClient, typing } from "../../support/clients.ts";
import { configFile } from "../../support/config-file.ts";
import { until } from "../../support/listening.ts";
import { runProduct, startProduct } from "../../support/product.ts";
import { type Behaviour, closedPort, type RawRequest, reply, startRawServer } from "../../support/raw-server.ts";

const canaries = {
  secret: "c4na7y00-to4e-4000-8000-000000000001",
  bearer: "c4na7y-bearer-000000000000000002",
  caller: "c4na7y-caller-000000000000000003",
  seal: "c4na7y-seal-key-00000000000000000000004",
  password: "c4na7y-password-05",
};
const canary = /c4na7y/;

/** How a Proxmox fails that fails in every way it can. */
function failureFor({ target, headers, body }: RawRequest): Behaviour {
  if (target.includes("apidoc")) return reply(404, "Not Found", "");
  if (target.includes("/cut")) return (socket) => socket.destroy();
  if (target.includes("/html")) return reply(200, "OK", "<html>login</html>", { "content-type": "text/html" });
  if (target.includes("/half")) return reply(200, "OK", '{"data": {"a"', { "content-type": "application/json" });
  if (target.includes("/redirect")) return reply(302, "Found", "", { location: "https://elsewhere.invalid/" });
  if (headers["authorization"]?.includes(canaries.secret) !== true) return reply(401, "No ticket", "");
  const status = [400, 401, 403, 500, 501, 595, 596].find((code) => target.includes(`/s${code}`)) ?? 500;
  const text = { message: `you sent ${body.length} bytes\n`, errors: { x: "wrong" }, data: null };
  return reply(status, "failed", JSON.stringify(text), { "content-type": "application/json" });
}

test("secrets leave through no error, answer, log, audit or help", async () => {
  await using proxmox = await startRawServer((socket, request) => failureFor(request)(socket, request));
  const token = { user: "mcp@pve", token_id: "agent", token_secret: canaries.secret };
  const sha256 = new Bun.CryptoHasher("sha256").update(canaries.caller).digest("hex");
  const policies = {
    full: { access: "full" },
    guarded: {},
    deny: { consent_fallback: "deny" },
    reads: { access: "read-only" },
  };
  const content = {
    clusters: {
      ...Object.fromEntries(
        Object.entries(policies).map(([name, keys]) => [name, { url: proxmox.url, ...token, ...keys }]),
      ),
      dead: { url: `http://127.0.0.1:${await closedPort()}`, ...token, access: "full" },
      lost: { url: "no-such-host.invalid", ...token, access: "full" },
    },
    callers: { ops: { token_sha256: sha256 } },
    audit_log: "audit.jsonl",
    seal_key_file: "seal.key",
  };
  await using config = await configFile(content, { "seal.key": canaries.seal });
  const env = { MCP_AUTH_TOKEN: canaries.bearer, MCP_LOG_LEVEL: "debug" };
  await using product = await startProduct(["--config", config.path], env);
  const seen: string[] = [];
  const clients: McpClient[] = [
    await modernClient({
      url: product.url,
      headers: { authorization: `Bearer ${canaries.bearer}` },
      human: typing("x"),
    }),
    await httpClient({ url: product.url, headers: { authorization: `Bearer ${canaries.caller}` } }),
    await sseClient({
      url: product.url,
      headers: { authorization: `Bearer ${canaries.caller}` },
      human: () => ({ action: "decline" }),
    }),
  ];
  const tails = ["cut", "html", "half", "redirect", "s400", "s401", "s403", "s500", "s501", "s595", "s596"];
  // A parameter called `key` may be the deed itself, as the keystrokes of `sendkey`: a question shows it.
  const data = { password: canaries.password, cipassword: canaries.password, "api-key": canaries.password };
  for (const client of clients) {
    for (const name of ["list_clusters", "list_nodes", "get_cluster_resources"])
      seen.push((await client.call(name)).text);
    for (const cluster of Object.keys(content.clusters)) {
      for (const tail of cluster === "lost" ? ["s500"] : tails) {
        for (const method of ["GET", "POST", "DELETE"]) {
          const path = `/nodes/pve1/qemu/100/${tail}`;
          // A GET has its parameters in the URL, which errors may quote.
          seen.push((await client.call("proxmox_api_call", { cluster, method, path, data })).text);
        }
      }
    }
    await client[Symbol.asyncDispose]();
  }
  const bad = [
    fetch(`${product.url}/mcp`, { method: "POST", headers: { authorization: `Bearer ${canaries.bearer}x` } }),
    fetch(`${product.url}/sse`, { headers: { authorization: `Basic ${canaries.bearer}` } }),
    fetch(`${product.url}/nothing`, { headers: { authorization: `Bearer ${canaries.bearer}`, host: "evil.example" } }),
    fetch(`${product.url}/mcp`, { method: "POST", headers: { authorization: `Bearer ${canaries.bearer}` }, body: "{" }),
    fetch(`${product.url}/healthz`),
    fetch(`${product.url}/metrics`),
  ];
  for (const response of await Promise.all(bad)) {
    seen.push(await response.text(), JSON.stringify([...response.headers]));
  }
  for (const args of [
    ["check"],
    ["check", "--json"],
    ["call", "get", "/nodes/x/s500", "--cluster", "full"],
    ["--help"],
  ]) {
    const { stdout, stderr } = await runProduct(
      [...args, ...(args[0] === "--help" ? [] : ["--config", config.path])],
      env,
    );
    seen.push(stdout, stderr);
  }
  await config.write({ ...content, clusters: { full: { ...token, url: "x y", verify_ssl: canaries.secret } } });
  await until(() => product.stderr().includes("the old one stays"));
  seen.push(product.stderr(), await Bun.file(join(config.folder, "audit.jsonl")).text());
  expect(seen.length).toBeGreaterThan(400);
  expect(seen.filter((text) => canary.test(text)).map((text) => text.slice(0, 300))).toEqual([]);
  expect(proxmox.requests.some(({ headers }) => headers["authorization"]?.includes(canaries.secret))).toBe(true);
}, 30_000);
