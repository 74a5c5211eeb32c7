import { expect, test } from "bun:test";
import type { Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { Secret } from "../../../src/config/secret.ts";
import { ProxmoxClient } from "../../../src/proxmox/client.ts";
import { ProxmoxError } from "../../../src/proxmox/errors/proxmox-error.ts";
import type { ProxmoxRequest } from "../../../src/proxmox/request.ts";
import { until } from "../../support/listening.ts";
import { makeIdentity } from "../../support/pki.ts";
import { replyData, startRawServer } from "../../support/raw-server.ts";
import { canary, clusterAt } from "../clusters.ts";

const methods = ["GET", "POST", "PUT", "DELETE"] as const;

/** What a request is rejected with, which may be nothing but a ProxmoxError without the secret. */
async function rejectionOf(client: ProxmoxClient, request: unknown): Promise<ProxmoxError> {
  const error: unknown = await client.request(request as ProxmoxRequest).then(
    ({ data }) => `answered ${JSON.stringify(data)}`,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(ProxmoxError);
  expect(Bun.inspect(error)).not.toContain(canary);
  return error as ProxmoxError;
}

/** What no HTTP server should say. */
const nonsense: Record<string, string | Buffer> = {
  "nothing but a line": "\r\n",
  "a status that is none": "HTTP/1.1 abc OK\r\n\r\n",
  "a status of two digits": "HTTP/1.1 42 Low\r\ncontent-length: 0\r\n\r\n",
  "status 999": "HTTP/1.1 999 High\r\ncontent-length: 2\r\n\r\n{}",
  "another version": "HTTP/3.7 200 OK\r\ncontent-length: 2\r\n\r\n{}",
  "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "switching protocols": "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n{}",
  "a continue without end": "HTTP/1.1 100 Continue\r\n\r\n",
  "a header without a colon": "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n{}",
  "a header with NUL": "HTTP/1.1 200 OK\r\nx: a\u0000b\r\n\r\n{}",
  "headers without end": `HTTP/1.1 200 OK\r\n${`x: ${"y".repeat(1000)}\r\n`.repeat(500)}`,
  "a negative length": "HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n{}",
  "a length that is none": "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n{}",
  "two lengths": "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
  "a chunk that is none": "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n",
  "gzip that is none": "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
  "half of a gzip": Buffer.concat([
    Buffer.from("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n"),
    gzipSync(JSON.stringify({ data: "x".repeat(5000) })).subarray(0, 20),
  ]),
  "brotli that nobody asked for": "HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 2\r\n\r\n{}",
  "zstd that nobody asked for": "HTTP/1.1 200 OK\r\ncontent-encoding: zstd\r\ncontent-length: 2\r\n\r\n{}",
  "no UTF-8": Buffer.from("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n\xff\xfe{}", "latin1"),
  "a redirect to nowhere": "HTTP/1.1 307 x\r\nlocation: http://\u0001\r\ncontent-length: 0\r\n\r\n",
  "a body with status 204": "HTTP/1.1 204 No Content\r\n\r\n{}",
};

test.each(Object.entries(nonsense))(
  "%s, for any method, over TCP and TLS, comes out as a ProxmoxError",
  async (_, text) => {
    const identity = await makeIdentity();
    const speak = (socket: Socket) => {
      socket.write(text);
      setTimeout(() => socket.end(), 5);
    };
    await using plain = await startRawServer(speak);
    await using secure = await startRawServer(speak, { tls: identity });
    const pin = { mode: "fingerprint", fingerprints: [identity.fingerprint] } as const;
    const clients = [
      new ProxmoxClient(clusterAt([plain.url], { mode: "off" }, 60)),
      new ProxmoxClient(clusterAt([secure.url], { mode: "off" }, 60)),
      new ProxmoxClient(clusterAt([secure.url], pin, 60)),
    ];
    await Promise.all(
      clients.map(async (client) => {
        for (const method of methods) await rejectionOf(client, { method, path: ["x"] });
        client.close();
      }),
    );
  },
);

test("whatever the Proxmox inside this process throws", async () => {
  const secretive = Object.assign(new Error(`Header "authorization" is ${canary}`), { name: canary, code: canary });
  for (const thrown of [secretive, new TypeError(canary), canary, undefined, null, Symbol(canary), { canary }]) {
    for (const [sent, fetch] of [
      ["maybe", () => Promise.reject(thrown)],
      ["maybe", () => Promise.resolve(thrown as unknown as Response)],
      [
        "maybe",
        () => {
          throw thrown;
        },
      ],
    ] as const) {
      const client = new ProxmoxClient(clusterAt(["https://demo:8006"]), { fetch });
      for (const method of methods) {
        const error = await rejectionOf(client, { method, path: ["x"] });
        expect(error).toMatchObject({ kind: "unreachable", sent, endpoint: "https://demo:8006" });
        if (method !== "GET") expect(error.hint).toContain("Unknown: it may have been carried out");
      }
    }
  }
});

test("whatever the caller aborts with", async () => {
  await using silent = await startRawServer(() => undefined);
  const client = new ProxmoxClient(clusterAt([silent.url]));
  for (const reason of [undefined, null, 0, canary, new Error(canary), Symbol(canary)]) {
    for (const method of methods) {
      const controller = new AbortController();
      const seen = silent.requests.length;
      const rejection = rejectionOf(client, { method, path: ["x"], signal: controller.signal });
      await until(() => silent.requests.length > seen);
      controller.abort(reason);
      const error = await rejection;
      expect(error).toMatchObject({ kind: "aborted", sent: "maybe" });
    }
  }
});

test("whatever is no request", async () => {
  await using server = await startRawServer(replyData(1));
  const client = new ProxmoxClient(clusterAt([server.url]));
  const broken = { toString: () => canary, [Symbol.toPrimitive]: () => Symbol(canary) };
  for (const method of methods) {
    for (const wrong of [
      { params: { a: null } },
      { params: { a: { b: canary } } },
      { params: { a: broken } },
      { params: null, path: [""] },
      { path: ["a", undefined] },
      { path: ["a", "\ud800"] },
      { timeoutMs: Number.NaN },
      { timeoutMs: -1 },
      { signal: canary },
    ]) {
      const error = await rejectionOf(client, { method, path: ["x"], ...wrong });
      expect(error).toMatchObject({ kind: "invalid-request", sent: "no" });
    }
  }
  expect(server.connections()).toBe(0);
});

test("whatever is no endpoint", async () => {
  for (const url of ["", "nonsense", "https://", "ftp://127.0.0.1:1", "https://[::1:8006", "https://127.0.0.1:99999"]) {
    for (const tls of [{ mode: "off" }, { mode: "verify" }, { mode: "fingerprint", fingerprints: ["AA"] }] as const) {
      for (const method of methods) {
        const client = new ProxmoxClient(clusterAt([url], tls, 200));
        expect((await rejectionOf(client, { method, path: ["x"] })).sent).not.toBe("answered");
      }
    }
  }
});

test("a CA that is none, and a proxy that is none", async () => {
  const cluster = clusterAt(["https://127.0.0.1:1"], { mode: "ca", ca: "nonsense", file: "/etc/ca.pem" }, 200);
  const authorization = new Secret(`Basic ${canary}\r\nx: y`);
  const through = { ...clusterAt(["https://a:1"]), proxies: { "https://a:1": { url: "nonsense", authorization } } };
  for (const method of methods) {
    for (const each of [cluster, through]) await rejectionOf(new ProxmoxClient(each), { method, path: ["x"] });
  }
});
