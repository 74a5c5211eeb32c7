import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createDemo, type DemoCluster } from "../../src/simulator/index.ts";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { type DemoServer, serveDemo } from "../support/demo-server.ts";
import { type Authority, daysFromNow, type Identity, makeAuthority, makeIdentity } from "../support/pki.ts";
import { runProduct } from "../support/product.ts";
import { closedPort, reply, replyData, startRawServer } from "../support/raw-server.ts";

let authority: Authority;
let identity: Identity;
const stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  authority = await makeAuthority();
  identity = await makeIdentity({ authority });
});

afterAll(async () => {
  await Promise.all(stops.map((stop) => stop()));
});

/** The demo's alpha, where a wrong token is refused at once. */
function alpha(): DemoCluster {
  const [cluster] = createDemo({ authDelayMs: 0, offlineDelayMs: 0 }).clusters;
  if (cluster === undefined) throw new Error("the demo has no cluster");
  return cluster;
}

async function mount(cluster: DemoCluster, tls: Identity = identity): Promise<DemoServer> {
  const server = await serveDemo(cluster, { tls });
  stops.push(() => server.stop());
  return server;
}

/** A cluster's entry that trusts the test's authority; the token is written `user!id=secret`. */
function entry(url: string | string[], token: string | undefined, trust: object = { ca_file: "ca.pem" }) {
  const [, user, id, secret] = /^(.*)!(.*)=(.*)$/.exec(token ?? "") ?? [];
  return { url, user, token_id: id, token_secret: secret, ...trust };
}

interface Checked {
  readonly code: number;
  readonly stdout: string;
  /** What is not ok, with its next steps; what differs from run to run is replaced. */
  readonly trouble: string;
}

async function check(clusters: Record<string, ReturnType<typeof entry>>, ...flags: string[]): Promise<Checked> {
  await using config: ConfigFile = await configFile({ clusters }, { "ca.pem": authority.pem });
  const { code, stdout, stderr } = await runProduct(["check", "--config", config.path, ...flags]);
  expect(stderr).toBe("");
  for (const { token_secret } of Object.values(clusters)) expect(stdout).not.toContain(token_secret ?? "no secret");
  const trouble = stdout
    .replaceAll(config.folder, "FOLDER")
    .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT")
    .replaceAll(/(?:[0-9A-F]{2}:){31}[0-9A-F]{2}/g, "AB:CD")
    .replaceAll(/\d{4}-\d\d-\d\d/g, "DATE")
    .replaceAll(/\b(?:599|600) s\b/g, "10 min")
    .split("\n")
    .filter((line) => !/^ {2}ok /.test(line) && line !== "");
  return { code, stdout, trouble: trouble.join("\n") };
}

describe("the demo behind real TLS", () => {
  test("is usable: all is ok but the node that is offline, exit 0", async () => {
    const cluster = alpha();
    const server = await mount(cluster);
    const { code, stdout, trouble } = await check({ alpha: entry(server.url, cluster.tokens["admin"]) });
    expect(trouble).toMatchInlineSnapshot(`
      "alpha at https://127.0.0.1:PORT
        warn  nodes        2 of 3 online; offline: pve3
              next: If that is not meant: see whether the node runs, and what \`pvecm status\` says on another. Nothing on it can be read or changed until then.
      8 ok, 1 warn, 0 FAIL"
    `);
    expect(stdout).toMatch(/ok +certificate +verified by \S+ca\.pem; subject "CN=pve1\.test", ends in 30 days/);
    expect(stdout).toContain(identity.fingerprint);
    for (const line of [
      /ok +token +mcp@pve!tok works/,
      /ok +version +Proxmox VE 9\.2\.11/,
      /ok +quorum/,
      /ok +clock/,
    ]) {
      expect(stdout).toMatch(line);
    }
    expect(stdout).toMatch(/ok +privileges +mcp@pve!tok sees all guests, nodes and storage, and may change guests/);
    expect(stdout).toMatch(/ok +schema/);
    expect(code).toBe(0);
  });

  test("a dead endpoint fails, though the other one of its cluster works", async () => {
    const cluster = alpha();
    const server = await mount(cluster);
    const dead = `https://127.0.0.1:${await closedPort()}`;
    const { code, stdout, trouble } = await check({ alpha: entry([dead, server.url], cluster.tokens["admin"]) });
    expect(trouble).toMatchInlineSnapshot(`
      "alpha at https://127.0.0.1:PORT
        FAIL  reach        https://127.0.0.1:PORT refused the connection
              next: Nothing listens at 127.0.0.1:PORT: check host and port, and on the node \`systemctl status pveproxy\`.
      alpha at https://127.0.0.1:PORT
        warn  nodes        2 of 3 online; offline: pve3
              next: If that is not meant: see whether the node runs, and what \`pvecm status\` says on another. Nothing on it can be read or changed until then.
      8 ok, 1 warn, 1 FAIL"
    `);
    expect(stdout).toMatch(/ok +token/);
    expect(code).toBe(1);
  });

  test("a wrong token fails, and is sent once", async () => {
    const cluster = alpha();
    const server = await mount(cluster);
    const { code, trouble } = await check({ alpha: entry(server.url, cluster.tokens["bad"]) });
    expect(trouble).toMatchInlineSnapshot(`
      "alpha at https://127.0.0.1:PORT
        FAIL  token        GET /version on alpha: 401, the token mcp@pve!tok was refused (Proxmox says: Authentication failed!)
              next: Check user, token_id and token_secret in the configuration. On a node, \`pveum user token list mcp@pve\` shows whether the token exists or has expired, and \`pveum user list\` whether the user is enabled. A lost secret cannot be read again: remove the token and add it anew.
      3 ok, 0 warn, 1 FAIL"
    `);
    expect(code).toBe(1);
    expect(server.requests.filter(({ headers }) => headers["authorization"] !== undefined)).toHaveLength(1);
  });

  test("an expired token fails as a wrong one does: Proxmox makes no difference", async () => {
    const cluster = alpha();
    const server = await mount(cluster);
    const { code, trouble } = await check({ alpha: entry(server.url, cluster.tokens["expired"]) });
    expect(trouble).toContain("mcp@pve!expired was refused");
    expect(trouble).toContain("`pveum user token list mcp@pve` shows whether the token exists or has expired");
    expect(code).toBe(1);
  });

  test("a token without rights fails, with the line that gives it some", async () => {
    const cluster = alpha();
    const server = await mount(cluster);
    const { code, trouble } = await check({ alpha: entry(server.url, cluster.tokens["none"]) });
    expect(trouble).toMatchInlineSnapshot(`
      "alpha at https://127.0.0.1:PORT
        warn  quorum       GET /cluster/status on alpha: 403, token mcp@pve!none lacks Sys.Audit on /
        warn  nodes        2 of 3 online; offline: pve3
              next: If that is not meant: see whether the node runs, and what \`pvecm status\` says on another. Nothing on it can be read or changed until then.
        FAIL  privileges   mcp@pve!none has no rights at all: Proxmox answers it with empty lists
              next: Let it look, on a node: pveum acl modify / --users mcp@pve --roles PVEAuditor (and PVEVMAdmin at /vms to change guests); unless the token was made with --privsep 0, the token needs the same: pveum acl modify / --tokens 'mcp@pve!none' --roles PVEAuditor
      6 ok, 2 warn, 1 FAIL"
    `);
    expect(code).toBe(1);
  });

  test("a token that sees only a part is warned about", async () => {
    const cluster = alpha();
    const server = await mount(cluster);
    const { code, trouble } = await check({ alpha: entry(server.url, cluster.tokens["op"]) });
    expect(trouble).toMatch(
      /warn +privileges +operator@pve!tok sees some guests, no nodes, no storage, and may change guests/,
    );
    expect(code).toBe(0);
  });

  test("an expired certificate fails, and nothing is sent", async () => {
    const cluster = alpha();
    const expired = await makeIdentity({ authority, notBefore: daysFromNow(-30), notAfter: daysFromNow(-2) });
    const server = await mount(cluster, expired);
    const { code, trouble } = await check({ alpha: entry(server.url, cluster.tokens["admin"]) });
    expect(trouble).toMatchInlineSnapshot(`
      "alpha at https://127.0.0.1:PORT
        FAIL  certificate  https://127.0.0.1:PORT shows a certificate that expired on DATE (subject "CN=pve1.test", issuer "CN=Test Authority", names 127.0.0.1, localhost, valid DATE to DATE, SHA-256 AB:CD); nothing was sent to it
              next: Renew it on the node (\`pvecm updatecerts --force\`, or \`pvenode acme cert renew\`), or trust exactly this one with "fingerprint": "AB:CD" in the cluster's entry. First compare it with the fingerprint that \`pvenode cert info\` shows on the node itself: an attacker in between can present any certificate.
      1 ok, 0 warn, 1 FAIL"
    `);
    expect(code).toBe(1);
    expect(server.requests).toHaveLength(0);
  });

  test("an expired certificate that is pinned works, and is warned about", async () => {
    const cluster = alpha();
    const expired = await makeIdentity({ authority, notBefore: daysFromNow(-30), notAfter: daysFromNow(-2) });
    const server = await mount(cluster, expired);
    const pin = { fingerprint: expired.fingerprint };
    const { code, trouble } = await check({ alpha: entry(server.url, cluster.tokens["admin"], pin) });
    expect(trouble).toMatchInlineSnapshot(`
      "alpha at https://127.0.0.1:PORT
        warn  certificate  is the pinned one; subject "CN=pve1.test", expired 2 days ago (DATE), SHA-256 AB:CD
              next: Renew it on the node: \`pvecm updatecerts --force\` for Proxmox's own, \`pvenode acme cert renew\` for one from ACME. Then its fingerprint changes: set "fingerprint" to a list of both until it is done.
        warn  nodes        2 of 3 online; offline: pve3
              next: If that is not meant: see whether the node runs, and what \`pvecm status\` says on another. Nothing on it can be read or changed until then.
      7 ok, 2 warn, 0 FAIL"
    `);
    expect(code).toBe(0);
  });

  test("a certificate that ends in 5 days is warned about", async () => {
    const cluster = alpha();
    const server = await mount(cluster, await makeIdentity({ authority, notAfter: daysFromNow(5) }));
    const { code, trouble } = await check({ alpha: entry(server.url, cluster.tokens["admin"]) });
    expect(trouble).toMatchInlineSnapshot(`
      "alpha at https://127.0.0.1:PORT
        warn  certificate  verified by FOLDER/ca.pem; subject "CN=pve1.test", ends in 5 days (DATE), SHA-256 AB:CD
              next: Renew it on the node: \`pvecm updatecerts --force\` for Proxmox's own, \`pvenode acme cert renew\` for one from ACME.
        warn  nodes        2 of 3 online; offline: pve3
              next: If that is not meant: see whether the node runs, and what \`pvecm status\` says on another. Nothing on it can be read or changed until then.
      7 ok, 2 warn, 0 FAIL"
    `);
    expect(code).toBe(0);
  });

  test("verification turned off is warned about, with the pin that ends it", async () => {
    const cluster = alpha();
    const server = await mount(cluster);
    const off = { verify_ssl: false };
    const { code, stdout, trouble } = await check({ alpha: entry(server.url, cluster.tokens["admin"], off) });
    expect(trouble).toMatchInlineSnapshot(`
      "FOLDER/clusters.json
        warn  Cluster alpha accepts any certificate (verify_ssl is false), so an attacker between this server and it can take its token. Better: "ca_file" with a copy of its /etc/pve/pve-root-ca.pem, or "fingerprint" with the SHA-256 fingerprint of its certificate.
      alpha at https://127.0.0.1:PORT
        warn  certificate  accepted without verification (verify_ssl is false); subject "CN=pve1.test", ends in 30 days (DATE), SHA-256 AB:CD
              next: Remove "verify_ssl" from the cluster's entry and set "fingerprint": "AB:CD", once \`pvenode cert info\` on the node shows the same; or "ca_file" with a copy of its /etc/pve/pve-root-ca.pem.
        warn  nodes        2 of 3 online; offline: pve3
              next: If that is not meant: see whether the node runs, and what \`pvecm status\` says on another. Nothing on it can be read or changed until then.
      7 ok, 3 warn, 0 FAIL"
    `);
    expect(stdout).toContain(`"fingerprint": "${identity.fingerprint}"`);
    expect(code).toBe(0);
  });

  test("a certificate of an unknown authority fails, with the pin and the authority's file as the ways out", async () => {
    const cluster = alpha();
    const server = await mount(cluster);
    const { code, trouble } = await check({ alpha: entry(server.url, cluster.tokens["admin"], {}) });
    expect(trouble).toMatchInlineSnapshot(`
      "alpha at https://127.0.0.1:PORT
        FAIL  certificate  https://127.0.0.1:PORT shows a certificate from an authority that this machine does not know (UNABLE_TO_VERIFY_LEAF_SIGNATURE) (subject "CN=pve1.test", issuer "CN=Test Authority", names 127.0.0.1, localhost, valid DATE to DATE, SHA-256 AB:CD); nothing was sent to it
              next: Either copy /etc/pve/pve-root-ca.pem from a node of 127.0.0.1's cluster and set "ca_file": "/path/to/pve-root-ca.pem", or set "fingerprint": "AB:CD" in the cluster's entry. First compare it with the fingerprint that \`pvenode cert info\` shows on the node itself: an attacker in between can present any certificate.
      1 ok, 0 warn, 1 FAIL"
    `);
    expect(code).toBe(1);
  });

  test("a lost quorum fails", async () => {
    const cluster = alpha();
    cluster.faults.noQuorum = true;
    const server = await mount(cluster);
    const { code, trouble } = await check({ alpha: entry(server.url, cluster.tokens["admin"]) });
    expect(trouble).toMatchInlineSnapshot(`
      "alpha at https://127.0.0.1:PORT
        FAIL  quorum       cluster "alpha" has none: it can be looked at, but nothing can be changed or started
              next: Too few nodes see each other. Bring the missing ones back, or mend the network between them; \`pvecm status\` on a node shows who is missing.
        warn  nodes        1 of 3 online; offline: pve2, pve3
              next: If that is not meant: see whether the node runs, and what \`pvecm status\` says on another. Nothing on it can be read or changed until then.
      7 ok, 1 warn, 1 FAIL"
    `);
    expect(code).toBe(1);
  });
});

test("plain http to this machine has no certificate to judge", async () => {
  const cluster = alpha();
  const server = await serveDemo(cluster);
  stops.push(() => server.stop());
  const { code, stdout } = await check({ alpha: entry(server.url, cluster.tokens["admin"], {}) });
  expect(stdout).toMatch(/ok +certificate +none: plain http/);
  expect(stdout).toMatch(/ok +schema/);
  expect(code).toBe(0);
});

test("what is not Proxmox fails", async () => {
  const login = reply(200, "OK", "<html><head><title>Sign in</title></head></html>", { "content-type": "text/html" });
  await using server = await startRawServer(login, { tls: identity });
  const { code, trouble } = await check({ alpha: entry(server.url, "mcp@pve!agent=s3cr3t") });
  expect(trouble).toMatchInlineSnapshot(`
    "alpha at https://127.0.0.1:PORT
      FAIL  version      GET /version on alpha: https://127.0.0.1:PORT is not answering as Proxmox VE: 200 OK, text/html, titled "Sign in"
            next: It looks like a login page, a proxy or another service in front. Let "url" name a Proxmox node itself (https://node:8006), or make the proxy pass /api2/json on unchanged, with the Authorization header.
    2 ok, 0 warn, 1 FAIL"
  `);
  expect(code).toBe(1);
});

test.each([
  ["null", { version: null }, /FAIL +version +https:\S+ is not answering as Proxmox VE/],
  ["a list for the version", { version: [] }, /FAIL +version +https:\S+ is not answering as Proxmox VE/],
  ["a text for the status", { status: "x" }, /FAIL +quorum +https:\S+ is not answering as Proxmox VE/],
  ["a text for the nodes", { nodes: "x" }, /FAIL +nodes +https:\S+ is not answering as Proxmox VE/],
  ["null for a path's rights", { permissions: { "/": null } }, /FAIL +privileges +https:\S+ is not answering as/],
])("%s is no answer of Proxmox, and hides no other cluster's findings", async (_, odd, wanted) => {
  const cluster = alpha();
  const server = await mount(cluster);
  const answers: Record<string, unknown> = { version: { version: "9.2.11" }, nodes: [], status: [], ...odd };
  await using strange = await startRawServer(
    (socket, request) => {
      const name = request.target.split("/").at(-1) ?? "";
      replyData(name in answers ? answers[name] : {})(socket, request);
    },
    { tls: identity },
  );
  const { code, stdout } = await check({
    strange: entry(strange.url, "mcp@pve!agent=s3cr3t"),
    alpha: entry(server.url, cluster.tokens["admin"]),
  });
  expect(code).toBe(1);
  expect(stdout).toMatch(wanted);
  expect(stdout).toMatch(/ok +version +Proxmox VE 9\.2\.11/);
});

test("a clock that is wrong and a schema that is not served are warned about", async () => {
  const date = new Date(Date.now() + 600_000).toUTCString();
  const answers: Record<string, unknown> = {
    version: { version: "9.2.11" },
    nodes: [{ node: "pve1", status: "online" }],
    permissions: { "/vms": { "VM.Audit": 1 }, "/nodes": { "Sys.Audit": 1 }, "/storage": { "Datastore.Audit": 1 } },
  };
  await using server = await startRawServer(
    (socket, request) => {
      if (request.target.startsWith("/pve-docs")) return reply(500, "no such file", "")(socket, request);
      const data = answers[request.target.split("/").at(-1) ?? ""] ?? [];
      reply(200, "OK", JSON.stringify({ data }), { date, "content-type": "application/json" })(socket, request);
    },
    { tls: identity },
  );
  const { code, trouble } = await check({ alpha: entry(server.url, "mcp@pve!agent=s3cr3t") });
  expect(trouble).toMatchInlineSnapshot(`
    "alpha at https://127.0.0.1:PORT
      warn  clock        the node's is 10 min ahead of this machine's
            next: Compare both with \`timedatectl\`, and let both synchronize (chrony).
      warn  schema       https://127.0.0.1:PORT/pve-docs/api-viewer/apidoc.js answered 500, and not with the API's description
            next: Reinstall pve-docs on the node (\`apt install --reinstall pve-docs\`), or let the proxy in front pass /pve-docs on.
    7 ok, 2 warn, 0 FAIL"
  `);
  expect(code).toBe(0);
});

test("an endpoint that takes connections and never answers fails in seconds", async () => {
  await using server = await startRawServer(() => undefined);
  const started = performance.now();
  const { code, trouble } = await check({
    alpha: entry(server.url.replace("http:", "https:"), "mcp@pve!agent=s3cr3t"),
  });
  expect(trouble).toMatchInlineSnapshot(`
    "alpha at https://127.0.0.1:PORT
      FAIL  reach        https://127.0.0.1:PORT did not take a connection within 5000 ms
            next: Check that the node is up, and that no firewall between this machine and 127.0.0.1:PORT drops the packets.
    0 ok, 0 warn, 1 FAIL"
  `);
  expect(code).toBe(1);
  expect(performance.now() - started).toBeLessThan(8_000);
}, 15_000);

test("--json prints one document with the same verdicts and the facts behind them", async () => {
  const cluster = alpha();
  const server = await mount(cluster);
  const dead = `https://127.0.0.1:${await closedPort()}`;
  const { code, stdout } = await check({ alpha: entry([dead, server.url], cluster.tokens["admin"]) }, "--json");
  const report = JSON.parse(stdout);
  expect(code).toBe(1);
  expect(report).toMatchObject({ ok: false, clusters: [{ cluster: "alpha", endpoints: [{ endpoint: dead }, {}] }] });
  const [gone, alive] = report.clusters[0].endpoints;
  expect(gone).toMatchObject({ ok: false, checks: [{ check: "reach", verdict: "fail" }] });
  expect(alive.ok).toBe(true);
  const facts = (name: string) => alive.checks.find(({ check }: { check: string }) => check === name).facts;
  expect(facts("certificate")).toMatchObject({ mode: "ca", fingerprint: identity.fingerprint, daysLeft: 30 });
  expect(facts("version")).toEqual({ version: "9.2.11" });
  expect(facts("quorum")).toEqual({ quorate: true });
  expect(facts("nodes")).toEqual({ online: 2, nodes: 3, offline: ["pve3"] });
  expect(facts("privileges").sees).toEqual({ guests: "all", nodes: "all", storage: "all" });
});

test("a configuration that cannot be used is told apart from a cluster that fails", async () => {
  const { code, stdout, stderr } = await runProduct(["check", "--config", "/nonexistent/clusters.json"]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain("/nonexistent/clusters.json");
});
