import { expect, test } from "bun:test";
import { connect } from "node:net";
import { gzipSync } from "node:zlib";
import { ProxmoxClient } from "../../src/proxmox/client.ts";
import { makeIdentity } from "../support/pki.ts";
import { closedPort, reply, replyData, startRawServer } from "../support/raw-server.ts";
import { canary, clusterAt, failureOf } from "./clusters.ts";

const methods = ["GET", "POST", "PUT", "DELETE"] as const;

/** One read and one write at a time. */
const oneSlot = { slots: { total: 1, perRequester: 1 } };

test("sends the token, asks for gzip, and reads the envelope", async () => {
  await using server = await startRawServer(
    reply(200, "OK", '{"data":[1],"total":7,"changes":"x"}', { date: "Mon, 23 Nov 2026 01:02:03 GMT" }),
  );
  const answer = await new ProxmoxClient(clusterAt([server.url])).request({ method: "GET", path: ["nodes"] });
  expect(answer).toEqual({
    data: [1],
    total: 7,
    extra: { changes: "x" },
    endpoint: server.url,
    date: new Date("2026-11-23T01:02:03Z"),
    sentAt: expect.any(Date),
    [Symbol.dispose]: expect.any(Function),
  });
  expect(server.requests[0]).toMatchObject({
    method: "GET",
    target: "/api2/json/nodes",
    headers: {
      authorization: `PVEAPIToken=mcp@pve!agent=${canary}`,
      "accept-encoding": "gzip",
      host: `127.0.0.1:${server.port}`,
    },
  });
});

test("puts parameters into the query of GET and DELETE and into the body of POST and PUT", async () => {
  await using server = await startRawServer(replyData(null));
  const client = new ProxmoxClient(clusterAt([`${server.url}/pve`]));
  const params = { a: "x;y=z+1&ü", list: ["p", 2], yes: true, no: false };
  for (const method of methods) await client.request({ method, path: ["a b"], params });
  const encoded = "a=x%3By%3Dz%2B1%26%C3%BC&list=p&list=2&yes=1&no=0";
  expect(server.requests.map(({ target, body }) => [target, body])).toEqual([
    [`/pve/api2/json/a%20b?${encoded}`, ""],
    ["/pve/api2/json/a%20b", encoded],
    ["/pve/api2/json/a%20b", encoded],
    [`/pve/api2/json/a%20b?${encoded}`, ""],
  ]);
  for (const { method, headers, body } of server.requests) {
    const hasBody = method === "POST" || method === "PUT";
    expect(headers["content-length"]).toBe(hasBody ? String(body.length) : undefined);
    expect(headers["content-type"]).toBe(hasBody ? "application/x-www-form-urlencoded" : undefined);
    expect(headers["transfer-encoding"]).toBeUndefined();
  }
});

test("sends a POST and a PUT without parameters as an empty body of a known length", async () => {
  await using server = await startRawServer(replyData(null));
  const client = new ProxmoxClient(clusterAt([server.url]));
  for (const method of ["POST", "PUT"] as const) await client.request({ method, path: ["x"] });
  expect(server.requests.map(({ headers }) => headers["content-length"])).toEqual(["0", "0"]);
});

test("sends a volume's slash as %2F within its one segment", async () => {
  await using server = await startRawServer(replyData(null));
  const client = new ProxmoxClient(clusterAt([server.url]));
  await client.request({ method: "GET", path: ["nodes", "pve1", "storage", "local", "content", "local:iso/x.iso"] });
  expect(server.requests[0]?.target).toBe("/api2/json/nodes/pve1/storage/local/content/local%3Aiso%2Fx.iso");
});

test("keeps one connection for reads and takes a fresh one for every write", async () => {
  await using server = await startRawServer(replyData(null));
  const client = new ProxmoxClient(clusterAt([server.url]));
  for (const method of ["GET", "GET", "POST", "PUT", "DELETE", "GET"] as const)
    await client.request({ method, path: ["x"] });
  expect(server.requests.map(({ connection }) => connection)).toEqual([1, 1, 2, 3, 4, 1]);
  expect(server.requests.slice(2, 5).map(({ headers }) => headers["connection"])).toEqual(["close", "close", "close"]);
});

test("reads gzip, chunks and answers that end with the connection, for reads and writes", async () => {
  const packed = gzipSync(JSON.stringify({ data: "x".repeat(5000) }));
  const bodies: Buffer[] = [
    Buffer.concat([
      Buffer.from(`HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${packed.length}\r\n\r\n`),
      packed,
    ]),
    Buffer.from(
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\n{"data":\r\n7\r\n"${"x".repeat(4)}"}\r\n0\r\n\r\n`,
    ),
    Buffer.from('HTTP/1.1 200 OK\r\n\r\n{"data":"end"}'),
  ];
  for (const method of methods) {
    for (const [index, data] of ["x".repeat(5000), "xxxx", "end"].entries()) {
      await using server = await startRawServer((socket) => socket.end(bodies[index] ?? ""));
      expect((await new ProxmoxClient(clusterAt([server.url])).request({ method, path: ["x"] })).data).toBe(data);
    }
  }
});

test("stops reading an answer that is too large, compressed or not, and does not ask another endpoint", async () => {
  const packed = gzipSync("x".repeat(300_000));
  await using large = await startRawServer((socket) =>
    socket.end(Buffer.concat([Buffer.from("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n"), packed])),
  );
  await using other = await startRawServer(replyData("other"));
  const client = new ProxmoxClient(clusterAt([large.url, other.url]), { maxAnswerBytes: 100_000 });
  for (const method of methods) {
    expect(await failureOf(client, { method, path: ["x"] })).toMatchObject({
      kind: "too-large",
      sent: method === "GET" ? "answered" : "maybe",
    });
  }
  expect(other.requests).toHaveLength(0);
});

test("refuses what Proxmox would drop without an answer, before anything is sent", async () => {
  await using server = await startRawServer(replyData(null));
  const client = new ProxmoxClient(clusterAt([server.url]));
  const requests = [
    { method: "GET", path: ["x"], params: { a: "x".repeat(7200) } },
    { method: "DELETE", path: ["x"], params: { a: "ü".repeat(1300) } },
    { method: "PUT", path: ["x"], params: { a: "x".repeat(512 * 1024) } },
    { method: "GET", path: ["nodes", "..", "x"] },
  ] as const;
  for (const request of requests) {
    expect(await failureOf(client, request)).toMatchObject({ kind: "invalid-request", sent: "no" });
  }
  await client.request({ method: "PUT", path: ["x"], params: { a: "x".repeat(512 * 1024 - 2) } });
  expect(server.requests).toHaveLength(1);
});

test("follows no redirect and says where it leads", async () => {
  await using elsewhere = await startRawServer(replyData("stolen"));
  await using server = await startRawServer(reply(302, "Found", "", { location: `${elsewhere.url}/login` }));
  for (const method of methods) {
    const error = await failureOf(new ProxmoxClient(clusterAt([server.url])), { method, path: ["x"] });
    expect(error.kind).toBe("not-proxmox");
    expect(error.message).toContain(`302 Found`);
    expect(error.message).toContain(`redirecting to ${elsewhere.url}/login`);
  }
  expect(elsewhere.connections()).toBe(0);
});

test("recognizes what is not Proxmox, and shows what it saw", async () => {
  const html = { "content-type": "text/html" };
  const cases = [
    [reply(200, "OK", "<html><head><title>Sign\n in</title>", html), "not-proxmox", 'titled "Sign in"'],
    [
      reply(200, "OK", '{"hello":1}', { "content-type": "application/json" }),
      "not-proxmox",
      'beginning with "{"hello":1}"',
    ],
    [reply(200, "OK", "[]", { "content-type": "application/json" }), "not-proxmox", 'beginning with "[]"'],
    [reply(200, "OK", "", {}), "not-proxmox", "no content type, empty"],
    [reply(404, "Not Found", ""), "not-proxmox", "404 Not Found"],
    [reply(502, "Bad Gateway", "<h1>Bad Gateway</h1>", html), "not-proxmox", "502 Bad Gateway, text/html"],
    [reply(401, "Unauthorized", "<title>Login</title>", html), "not-proxmox", 'titled "Login"'],
    [reply(200, "OK", '{"data":[{"a"', { "content-type": "application/json" }), "broken-answer", "cut off"],
    [
      reply(200, "OK", '{"data":1}', { "content-length": "99", connection: "close" }),
      "broken-answer",
      "before the end",
    ],
    [(socket: { end(text: string): void }) => socket.end("SSH-2.0-OpenSSH\r\n"), "not-proxmox", "no HTTP"],
  ] as const;
  for (const method of ["GET", "PUT"] as const) {
    for (const [behaviour, kind, text] of cases) {
      await using server = await startRawServer((socket, request) => {
        behaviour(socket, request);
        setTimeout(() => socket.end(), 20);
      });
      const error = await failureOf(new ProxmoxClient(clusterAt([server.url])), { method, path: ["x"] });
      expect([error.kind, error.message]).toEqual([kind, expect.stringContaining(text)]);
      const refused = error.status !== undefined && error.status >= 400 && error.status < 500;
      if (method === "PUT") expect(error.sent).toBe(refused ? "answered" : "maybe");
    }
  }
});

test("tells a caller's abort from a timeout, and both before from after sending", async () => {
  await using silent = await startRawServer(() => undefined);
  const client = new ProxmoxClient(clusterAt([silent.url], { mode: "off" }, 60));
  for (const method of methods) {
    const seen = silent.requests.length;
    expect(await failureOf(client, { method, path: ["x"] })).toMatchObject({ kind: "timeout", sent: "maybe" });
    expect(silent.requests.length).toBe(seen + 1);
    const signal = AbortSignal.timeout(20);
    expect(await failureOf(client, { method, path: ["x"], signal })).toMatchObject({ kind: "aborted", sent: "maybe" });
    const request = { method, path: ["x"], signal: AbortSignal.abort() };
    expect(await failureOf(client, request)).toMatchObject({ kind: "aborted", sent: "no" });
  }
  expect(silent.requests).toHaveLength(8);
});

test("tells a read that found no connection from one that found no answer", async () => {
  await using silent = await startRawServer(() => undefined);
  const deaf = silent.url.replace("http:", "https:");
  const get = { method: "GET", path: ["x"] } as const;
  const unheard = await failureOf(new ProxmoxClient(clusterAt([deaf], { mode: "off" }, 300)), get);
  expect(unheard).toMatchObject({ kind: "unreachable", sent: "no", details: { code: "ETIMEDOUT" } });
  expect(unheard.message).toMatch(/: https:\S+ did not take a connection within 1[0-2]\d ms$/);
  const unanswered = await failureOf(new ProxmoxClient(clusterAt([silent.url], { mode: "off" }, 300)), get);
  expect(unanswered).toMatchObject({ kind: "timeout", sent: "maybe" });
  expect(unanswered.describe()).toContain(
    "no answer within 300 ms; it was sent\nThe node takes connections, but is slow",
  );
  const pinned = new ProxmoxClient(clusterAt([deaf], { mode: "fingerprint", fingerprints: [] }));
  expect((await failureOf(pinned, { ...get, timeoutMs: 50 })).message).toContain("no connection within 50 ms");
});

test("a read that is merely slow is waited for, and costs one more connection to find that out", async () => {
  await using slow = await startRawServer((socket, request) =>
    setTimeout(() => replyData("slow")(socket, request), 350),
  );
  const client = new ProxmoxClient(clusterAt([slow.url]), { connectTimeoutMs: 200 });
  expect((await client.request({ method: "GET", path: ["x"] })).data).toBe("slow");
  expect([slow.connections(), slow.requests.length]).toEqual([2, 1]);
});

test("a slow read is waited for although its endpoint takes no more connections meanwhile", async () => {
  await using slow = await startRawServer(
    (socket, request) => setTimeout(() => replyData("slow")(socket, request), 350),
    { tls: await makeIdentity() },
  );
  let opened = 0;
  await using relay = await startRawServer(() => undefined, {
    onConnection(socket) {
      opened += 1;
      const onward = opened === 1 ? connect(slow.port, "127.0.0.1") : socket.destroy();
      socket.pipe(onward).pipe(socket);
    },
  });
  const client = new ProxmoxClient(clusterAt([relay.url.replace("http:", "https:")]), { connectTimeoutMs: 200 });
  expect((await client.request({ method: "GET", path: ["x"] })).data).toBe("slow");
  expect(opened).toBeGreaterThan(1);
});

test("a request that waits for its turn counts its time, can be given up, and was not sent", async () => {
  await using silent = await startRawServer(() => undefined);
  const client = new ProxmoxClient(clusterAt([silent.url], { mode: "off" }, 200), oneSlot);
  for (const method of ["GET", "POST"] as const) {
    const running = failureOf(client, { method, path: ["first"] });
    const late = failureOf(client, { method, path: ["second"], timeoutMs: 50 });
    const given = failureOf(client, { method, path: ["third"], signal: AbortSignal.timeout(30) });
    expect(await late).toMatchObject({ kind: "busy", sent: "no" });
    expect(await given).toMatchObject({ kind: "aborted", sent: "no" });
    expect(await running).toMatchObject({ kind: "timeout", sent: "maybe" });
  }
  const lines = silent.requests.map(({ method, target }) => `${method} ${target}`);
  expect(lines).toEqual(["GET /api2/json/first", "POST /api2/json/first"]);
});

test("talks to a Proxmox inside this process", async () => {
  const seen: string[] = [];
  const fetch = async (request: Request) => {
    seen.push(`${request.method} ${request.url} ${request.headers.get("authorization")} ${await request.text()}`);
    return Response.json({ data: "demo" });
  };
  const client = new ProxmoxClient(clusterAt(["https://demo:8006"]), { fetch });
  for (const method of ["GET", "PUT"] as const) {
    expect((await client.request({ method, path: ["x"], params: { a: 1 } })).data).toBe("demo");
  }
  const token = `PVEAPIToken=mcp@pve!agent=${canary}`;
  expect(seen).toEqual([
    `GET https://demo:8006/api2/json/x?a=1 ${token} `,
    `PUT https://demo:8006/api2/json/x ${token} a=1`,
  ]);
  const stuck = new ProxmoxClient(clusterAt(["https://demo:8006"], { mode: "off" }, 30), {
    fetch: () => new Promise(() => undefined),
  });
  expect((await failureOf(stuck, { method: "GET", path: ["x"] })).kind).toBe("timeout");
});

test("says what to check when nothing listens or a name does not resolve", async () => {
  const port = await closedPort();
  for (const method of ["GET", "POST"] as const) {
    const refused = await failureOf(new ProxmoxClient(clusterAt([`https://127.0.0.1:${port}`])), {
      method,
      path: ["nodes"],
    });
    expect(refused).toMatchObject({ kind: "unreachable", sent: "no", details: { code: "ECONNREFUSED" } });
    expect(refused.describe()).toBe(
      `${method} /nodes on prod: https://127.0.0.1:${port} refused the connection\nNothing listens at 127.0.0.1:${port}: check host and port, and on the node \`systemctl status pveproxy\`.`,
    );
    const unknown = await failureOf(new ProxmoxClient(clusterAt(["https://pve1.invalid:8006"])), {
      method,
      path: ["nodes"],
    });
    expect(unknown).toMatchObject({ kind: "unreachable", sent: "no" });
    expect(unknown.message).toContain("the name pve1.invalid of https://pve1.invalid:8006 does not resolve");
  }
});
