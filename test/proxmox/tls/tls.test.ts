import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { Secret } from "../../../src/config/secret.ts";
import type { TlsMode } from "../../../src/config/types.ts";
import { ProxmoxClient } from "../../../src/proxmox/client.ts";
import { inspectCertificates, inspectPage } from "../../../src/proxmox/transport/probe.ts";
import { Redactor } from "../../../src/redact/redactor.ts";
import { type Authority, daysFromNow, type Identity, makeAuthority, makeIdentity } from "../../support/pki.ts";
import { closedPort, type RawServer, replyData, startRawServer, startTunnel } from "../../support/raw-server.ts";
import { startChild } from "../asking.ts";
import { canary, clusterAt, failureOf } from "../clusters.ts";

const methods = ["GET", "POST", "PUT", "DELETE"] as const;
const compare = "First compare it with the fingerprint that `pvenode cert info` shows on the node itself";

let authority: Authority;
let identities: Record<"good" | "expired" | "future" | "otherHost" | "selfSigned" | "selfSignedExpired", Identity>;
const servers = {} as Record<keyof typeof identities, RawServer>;

beforeAll(async () => {
  authority = await makeAuthority();
  identities = {
    good: await makeIdentity({ authority }),
    expired: await makeIdentity({ authority, notBefore: daysFromNow(-30), notAfter: daysFromNow(-2) }),
    future: await makeIdentity({ authority, notBefore: daysFromNow(2) }),
    otherHost: await makeIdentity({ authority, names: ["pve9.test", "192.0.2.9"] }),
    selfSigned: await makeIdentity(),
    selfSignedExpired: await makeIdentity({ notBefore: daysFromNow(-30), notAfter: daysFromNow(-2) }),
  };
  for (const [name, identity] of Object.entries(identities) as [keyof typeof identities, Identity][]) {
    servers[name] = await startRawServer(replyData(name), { tls: identity });
  }
});

afterAll(async () => {
  for (const server of Object.values(servers)) await server[Symbol.asyncDispose]();
});

/** Each refused case: which server, which trust, and what the error must say. */
const refused: [string, keyof typeof identities, () => TlsMode, string, () => string][] = [
  [
    "a wrong CA",
    "good",
    () => wrongCa,
    "from an authority that /etc/ca.pem does not hold",
    () => '"ca_file": "/etc/ca.pem"',
  ],
  [
    "an unknown CA",
    "good",
    () => ({ mode: "verify" }),
    "from an authority that this machine does not know",
    () => "pve-root-ca.pem",
  ],
  [
    "a self-signed one",
    "selfSigned",
    () => ({ mode: "verify" }),
    "a self-signed certificate",
    () => pinLine("selfSigned"),
  ],
  [
    "an expired one",
    "expired",
    rightCa,
    `expired on ${daysFromNow(-2).toISOString().slice(0, 10)}`,
    () => pinLine("expired"),
  ],
  ["one of the future", "future", rightCa, "valid only from", () => "Compare the clocks"],
  ["one for another host", "otherHost", rightCa, "for other names than 127.0.0.1", () => "(pve9.test, 192.0.2.9)"],
  ["a wrong pin", "good", () => pin("selfSigned"), "not the pinned one", () => pinLine("good")],
  ["a wrong pin and an expired one", "expired", () => pin("good"), "not the pinned one", () => pinLine("expired")],
];
let wrongCa: TlsMode;
beforeAll(async () => {
  wrongCa = { mode: "ca", ca: (await makeAuthority("CN=Other")).pem, file: "/etc/ca.pem" };
});

describe.each(refused)("%s", (_, name, mode, why, remedy) => {
  test.each(methods)(
    "is refused for %s before a single byte leaves, and the error says how to trust it",
    async (method) => {
      const server = servers[name];
      const error = await failureOf(new ProxmoxClient(clusterAt([server.url], mode())), { method, path: ["x"] });
      expect(server.received()).toBe(0);
      expect(error).toMatchObject({
        kind: "tls",
        sent: "no",
        details: { certificate: { fingerprint: identities[name].fingerprint } },
      });
      expect(error.message).toContain(why);
      expect(error.message).toContain('subject "CN=pve1.test"');
      expect(error.message).toContain(`SHA-256 ${identities[name].fingerprint}`);
      expect(error.hint).toContain(remedy());
      if (name !== "future") expect(error.hint).toContain(compare);
    },
  );
});

const accepted: [string, keyof typeof identities, () => TlsMode][] = [
  ["the right CA", "good", rightCa],
  ["the right pin", "good", () => pin("good")],
  ["one pin of several", "good", () => pin("selfSigned", "good")],
  ["the pin of a certificate for another host", "otherHost", () => pin("otherHost")],
  ["the pin of a self-signed certificate", "selfSigned", () => pin("selfSigned")],
  ["the pin of an expired certificate", "expired", () => pin("expired")],
  ["the pin of an expired self-signed certificate", "selfSignedExpired", () => pin("selfSignedExpired")],
  ["verification turned off", "selfSignedExpired", () => ({ mode: "off" })],
];

describe.each(accepted)("with %s", (_, name, mode) => {
  test.each(methods)("a %s is answered", async (method) => {
    const client = new ProxmoxClient(clusterAt([servers[name].url], mode()));
    for (let round = 0; round < 2; round += 1) expect((await client.request({ method, path: ["x"] })).data).toBe(name);
    client.close();
  });
});

test("pinned and verified reads keep their connection", async () => {
  for (const mode of [rightCa(), pin("good")]) {
    await using server = await startRawServer(replyData(1), { tls: identities.good });
    const client = new ProxmoxClient(clusterAt([server.url], mode));
    for (let round = 0; round < 3; round += 1) await client.request({ method: "GET", path: ["x"] });
    expect(new Set(server.requests.map(({ connection }) => connection)).size).toBe(1);
    client.close();
  }
});

test("follows a renewal to another pinned certificate, and refuses one that is not pinned", async () => {
  let server = await startRawServer(closing, { tls: identities.good });
  const { port, url } = server;
  const client = new ProxmoxClient(clusterAt([url], pin("good", "selfSigned", "selfSignedExpired")));
  const swap = async (identity: Identity) => {
    await server[Symbol.asyncDispose]();
    server = await startRawServer(closing, { tls: identity, port });
  };
  try {
    for (const name of ["good", "selfSigned", "selfSignedExpired", "good"] as const) {
      await swap(identities[name]);
      for (const method of ["GET", "PUT", "GET"] as const) {
        expect((await client.request({ method, path: ["x"] })).data).toBe("ok");
      }
      expect(server.requests).toHaveLength(3);
    }
    await swap(identities.otherHost);
    for (const method of methods) expect((await failureOf(client, { method, path: ["x"] })).kind).toBe("tls");
    expect(server.received()).toBe(0);
  } finally {
    await server[Symbol.asyncDispose]();
  }
});

test("a pin on an authority's own certificate does not accept what that authority signed", async () => {
  let server = await startRawServer(closing, { tls: authority.identity });
  const { port, url } = server;
  const client = new ProxmoxClient(
    clusterAt([url], { mode: "fingerprint", fingerprints: [authority.identity.fingerprint] }),
  );
  try {
    expect((await client.request({ method: "GET", path: ["x"] })).data).toBe("ok");
    await server[Symbol.asyncDispose]();
    server = await startRawServer(closing, { tls: identities.good, port });
    for (const method of methods) expect((await failureOf(client, { method, path: ["x"] })).kind).toBe("tls");
    expect(server.received()).toBe(0);
  } finally {
    await server[Symbol.asyncDispose]();
  }
});

test("pinned nodes behind one load balancer are all accepted, whichever answers", async () => {
  await using first = await startRawServer(closing, { tls: identities.good });
  await using second = await startRawServer(closing, { tls: identities.selfSigned });
  const ports = [first.port, second.port];
  let turn = 0;
  await using balancer = await startRawServer(() => undefined, {
    onConnection(socket) {
      turn += 1;
      const onward = connect(ports[turn % 2] ?? 0, "127.0.0.1");
      onward.on("error", () => socket.destroy());
      socket.pipe(onward).pipe(socket);
    },
  });
  const url = balancer.url.replace("http:", "https:");
  const client = new ProxmoxClient(clusterAt([url], pin("good", "selfSigned")));
  for (const method of ["GET", "GET", "PUT", "GET", "DELETE", "GET"] as const) {
    expect((await client.request({ method, path: ["x"] })).data).toBe("ok");
  }
  expect(first.requests.length + second.requests.length).toBe(6);
});

test("a pinned certificate that the runtime cannot verify costs one connection a read once that is known", async () => {
  await using server = await startRawServer(closing, { tls: identities.expired });
  let opened = 0;
  await using relay = await startRawServer(() => undefined, {
    onConnection(socket) {
      opened += 1;
      const onward = connect(server.port, "127.0.0.1");
      onward.on("error", () => socket.destroy());
      socket.pipe(onward).pipe(socket);
    },
  });
  const client = new ProxmoxClient(clusterAt([relay.url.replace("http:", "https:")], pin("expired")));
  await client.request({ method: "GET", path: ["x"] });
  const before = opened;
  for (let round = 0; round < 3; round += 1) await client.request({ method: "GET", path: ["x"] });
  expect(opened - before).toBe(3);
});

test("many first reads of a pinned endpoint look at the certificate once", async () => {
  await using server = await startRawServer(replyData(1), { tls: identities.good });
  const client = new ProxmoxClient(clusterAt([server.url], pin("good")));
  await Promise.all([1, 2, 3, 4].map(() => client.request({ method: "GET", path: ["x"] })));
  expect(server.connections()).toBeLessThanOrEqual(5);
});

test("one reader's abort does not end another's look at the certificate", async () => {
  await using server = await startRawServer(replyData(1), { tls: identities.good });
  const client = new ProxmoxClient(clusterAt([server.url], pin("good")));
  const controller = new AbortController();
  const given = failureOf(client, { method: "GET", path: ["x"], signal: controller.signal });
  const kept = client.request({ method: "GET", path: ["x"] });
  controller.abort();
  expect((await given).kind).toBe("aborted");
  expect((await kept).data).toBe(1);
});

test("an endpoint that speaks plain http on an https url gets nothing and is named", async () => {
  for (const mode of [{ mode: "off" }, { mode: "verify" }, pin("good")] as const) {
    await using plain = await startRawServer(() => undefined, {
      onConnection: (socket) => socket.once("data", () => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")),
    });
    const url = plain.url.replace("http:", "https:");
    for (const method of ["GET", "POST"] as const) {
      const error = await failureOf(new ProxmoxClient(clusterAt([url], mode)), { method, path: ["x"] });
      expect(error).toMatchObject({ kind: "tls", sent: "no" });
      expect(error.message).toContain("did not complete a TLS handshake");
      expect(error.hint).toContain("and not a plain http service");
    }
    expect(plain.requests).toHaveLength(0);
  }
});

/** What becomes of a GET and a POST in a process of its own, for what only the environment at its start decides. */
async function inChild(environment: Record<string, string>, url: string, tls: TlsMode): Promise<unknown[]> {
  using child = startChild(environment);
  const told = await child.ask(
    [url],
    tls,
    (["GET", "POST"] as const).map((method) => ({ method, path: ["x"] })),
  );
  return told.map(({ data, kind }) => data ?? kind);
}

test("NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment does not turn verification off", async () => {
  const before = servers.good.received();
  for (const mode of [{ mode: "verify" }, wrongCa, pin("selfSigned")] as const) {
    expect(await inChild({ NODE_TLS_REJECT_UNAUTHORIZED: "0", NODE_NO_WARNINGS: "1" }, servers.good.url, mode)).toEqual(
      ["tls", "tls"],
    );
  }
  expect(servers.good.received()).toBe(before);
});

test("an authority that the operator added to the system's store is trusted", async () => {
  const file = `${process.env["TMPDIR"] ?? "/tmp"}/proxmox-mcp-test-${process.pid}.pem`;
  await Bun.write(file, authority.pem);
  try {
    const environment = { SSL_CERT_FILE: file, SSL_CERT_DIR: "/nonexistent", NODE_EXTRA_CA_CERTS: "" };
    expect(await inChild(environment, servers.good.url, { mode: "verify" })).toEqual(["good", "good"]);
  } finally {
    await Bun.file(file).delete();
  }
});

test("a proxy tunnels reads and writes, and learns nothing but the host", async () => {
  const identity = await makeIdentity({ authority, names: ["pve.test"] });
  await using server = await startRawServer(replyData("through"), { tls: identity });
  const seen: string[] = [];
  await using proxy = await startTunnel(server.port, seen);
  const url = "https://pve.test:8006";
  const way = { url: `http://127.0.0.1:${proxy.port}`, authorization: new Secret("Basic dXNlcjpwYXNz") };
  const through = { proxy: way, redactor: new Redactor() };
  const pinned: TlsMode = { mode: "fingerprint", fingerprints: [identity.fingerprint] };
  for (const mode of [rightCa(), pinned]) {
    const client = new ProxmoxClient({ ...clusterAt([url], mode), proxies: { [url]: way } });
    for (const method of methods) expect((await client.request({ method, path: ["x"] })).data).toBe("through");
    client.close();
    expect((await inspectCertificates(url, mode, through)).seen?.[0]?.fingerprint).toBe(identity.fingerprint);
    expect((await inspectPage(url, mode, "/", through)).seen?.text).toBe('{"data":"through"}');
  }
  expect(server.requests.filter(({ method }) => method === "POST")).toHaveLength(2);
  for (const head of seen) {
    expect(head).toStartWith("CONNECT pve.test:8006 HTTP/1.1\r\n");
    expect(head).toContain("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n");
    expect(head).not.toContain(canary);
  }
  const { authorization, ...open } = way;
  expect(authorization).toBeDefined();
  const before = seen.length;
  const wrong = new ProxmoxClient({ ...clusterAt([url], pin("good")), proxies: { [url]: open } });
  for (const method of methods) {
    expect(await failureOf(wrong, { method, path: ["x"] })).toMatchObject({ kind: "tls", sent: "no" });
  }
  expect(seen.slice(before).join()).not.toContain("Proxy-Authorization");
});

test("a proxy that refuses, or is not there, is named, without its password", async () => {
  await using refusing = await startRawServer(() => undefined, {
    onConnection: (socket) => socket.once("data", () => socket.end("HTTP/1.1 407 Authenticate\r\n\r\n")),
  });
  const url = "https://pve.test:8006";
  for (const [port, text] of [
    [refusing.port, "refused a tunnel to https://pve.test:8006"],
    [await closedPort(), "refused the connection"],
  ] as const) {
    const proxies = { [url]: { url: `http://127.0.0.1:${port}`, authorization: new Secret(`Basic ${canary}`) } };
    for (const method of methods) {
      const client = new ProxmoxClient({ ...clusterAt([url], rightCa()), proxies });
      const error = await failureOf(client, { method, path: ["x"] });
      expect(error).toMatchObject({ kind: "unreachable", sent: "no" });
      expect(error.message).toContain("the proxy 127.0.0.1");
      expect(error.message).toContain(text);
      expect(Bun.inspect([error, client])).not.toContain(canary);
    }
  }
});

test("the environment's proxies are the configuration's matter: the client looks for none", async () => {
  const proxy = `http://127.0.0.1:${await closedPort()}`;
  const environment = { HTTPS_PROXY: proxy, https_proxy: proxy, ALL_PROXY: proxy, NO_PROXY: "", no_proxy: "" };
  for (const mode of [rightCa(), pin("good")]) {
    expect(await inChild(environment, servers.good.url, mode)).toEqual(["good", "good"]);
  }
});

test("NO_PROXY of the environment does not overrule a proxy that is configured", async () => {
  const before = process.env["NO_PROXY"];
  process.env["NO_PROXY"] = "*";
  try {
    const proxies = { [servers.good.url]: { url: `http://127.0.0.1:${await closedPort()}` } };
    const client = new ProxmoxClient({ ...clusterAt([servers.good.url], rightCa()), proxies });
    expect((await failureOf(client, { method: "GET", path: ["x"] })).kind).toBe("unreachable");
  } finally {
    process.env["NO_PROXY"] = before;
    if (before === undefined) delete process.env["NO_PROXY"];
  }
});

const closing = (socket: { end(text: string): void }) =>
  socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 13\r\n\r\n{"data":"ok"}');

function rightCa(): TlsMode {
  return { mode: "ca", ca: authority.pem, file: "/etc/ca.pem" };
}

function pin(...names: (keyof typeof identities)[]): TlsMode {
  return { mode: "fingerprint", fingerprints: names.map((name) => identities[name].fingerprint) };
}

function pinLine(name: keyof typeof identities): string {
  return `"fingerprint": "${identities[name].fingerprint}"`;
}
