import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createDemo } from "../../src/simulator/index.ts";
import { httpClient, type McpClient, modernClient, sseClient, stdioClient } from "../support/clients.ts";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { type DemoServer, serveDemo } from "../support/demo-server.ts";
import { daysFromNow, makeAuthority, makeIdentity } from "../support/pki.ts";
import { type Product, startProduct } from "../support/product.ts";

/** The demo's alpha, behind three certificates of one authority. */
let good: DemoServer;
let expired: DemoServer;
let otherHost: DemoServer;
let config: ConfigFile;
let product: Product;

/** Which of the clusters below answer, and what is said of those that do not. */
const trusted = ["right-ca", "right-pin", "pinned-expired", "pinned-other-host", "off"];
const refused: [string, string][] = [
  ["system-only", "from an authority that this machine does not know"],
  ["wrong-ca", "from an authority that"],
  ["wrong-pin", "not the pinned one"],
  ["expired", "expired on"],
  ["other-host", "for other names than 127.0.0.1"],
];

beforeAll(async () => {
  const [alpha] = createDemo({ offlineDelayMs: 0 }).clusters;
  if (alpha === undefined) throw new Error("the demo has no cluster");
  const authority = await makeAuthority();
  const identities = {
    good: await makeIdentity({ authority }),
    expired: await makeIdentity({ authority, notBefore: daysFromNow(-30), notAfter: daysFromNow(-2) }),
    otherHost: await makeIdentity({ authority, names: ["pve9.test"] }),
  };
  good = await serveDemo(alpha, { tls: identities.good });
  expired = await serveDemo(alpha, { tls: identities.expired });
  otherHost = await serveDemo(alpha, { tls: identities.otherHost });
  const { user, tokenId, tokenSecret } = alpha.credentials;
  const at = ({ url }: DemoServer, trust: Record<string, unknown>) => ({
    url,
    user,
    token_id: tokenId,
    token_secret: tokenSecret,
    ...trust,
  });
  config = await configFile(
    {
      clusters: {
        "right-ca": at(good, { ca_file: "ca.pem" }),
        "right-pin": at(good, { fingerprint: identities.good.fingerprint }),
        "pinned-expired": at(expired, { fingerprint: identities.expired.fingerprint }),
        "pinned-other-host": at(otherHost, { fingerprint: identities.otherHost.fingerprint }),
        off: at(expired, { verify_ssl: false }),
        "system-only": at(good, {}),
        "wrong-ca": at(good, { ca_file: "other.pem" }),
        "wrong-pin": at(good, { fingerprint: identities.expired.fingerprint }),
        expired: at(expired, { ca_file: "ca.pem" }),
        "other-host": at(otherHost, { ca_file: "ca.pem" }),
      },
    },
    { "ca.pem": authority.pem, "other.pem": (await makeAuthority("CN=Other")).pem },
  );
  product = await startProduct(["--config", config.path]);
});

afterAll(async () => {
  await product.stop();
  await Promise.all([good, expired, otherHost].map((server) => server.stop()));
  await config[Symbol.asyncDispose]();
});

const kinds: [string, () => Promise<McpClient>][] = [
  ["the v1 client over SSE", () => sseClient(product)],
  ["the v1 client over Streamable HTTP", () => httpClient(product)],
  ["the v1 client over stdio", () => stdioClient(["--config", config.path])],
  ["the v2 client in 2026-07-28", () => modernClient(product)],
];

describe.each(kinds)("%s", (_, connect) => {
  test.each(trusted)("uses all tools of a demo behind TLS: %s", async (cluster) => {
    await using client = await connect();
    expect((await client.call("list_clusters")).text).toContain(`${cluster}\treachable\t9.2.11\tyes\t2 of 3`);
    expect((await client.call("list_nodes", { cluster })).text).toContain(`${cluster}\tpve1\tonline`);
    expect((await client.call("get_cluster_resources", { cluster })).text).toContain("web-01");
    const config = { cluster, method: "PUT", path: "/nodes/pve1/qemu/100/config", data: { onboot: true } };
    expect(await client.call("proxmox_api_call", config)).toMatchObject({ isError: false });
  });

  test.each(refused)("is told why %s is not trusted, and no request reaches it", async (cluster, why) => {
    await using client = await connect();
    const before = [good, expired, otherHost].map((server) => server.requests.length);
    const calls = [
      client.call("list_nodes", { cluster }),
      client.call("get_cluster_resources", { cluster }),
      client.call("proxmox_api_call", { cluster, method: "PUT", path: "/cluster/options", data: { description: "x" } }),
    ];
    for (const { isError, text } of await Promise.all(calls)) {
      expect({ isError, text }).toEqual({ isError: true, text: expect.stringContaining(why) });
      expect(text).toContain("SHA-256");
    }
    expect([good, expired, otherHost].map((server) => server.requests.length)).toEqual(before);
  });
});

test("list_clusters has a row for each, with the reason where the certificate is not trusted", async () => {
  await using client = await sseClient(product);
  const { text } = await client.call("list_clusters");
  for (const cluster of trusted) expect(text).toContain(`${cluster}\treachable`);
  for (const [cluster] of refused) expect(text).toContain(`${cluster}\tno answer`);
});

test("verification turned off is said at start", () => {
  expect(product.stderr()).toMatch(/off.*verify_ssl/s);
});
