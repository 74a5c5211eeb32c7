import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TlsMode } from "../../../src/config/types.ts";
import { ProxmoxClient } from "../../../src/proxmox/client.ts";
import { firstAnswer } from "../../../src/proxmox/transport/failover/failover.ts";
import { type Authority, daysFromNow, type Identity, makeAuthority, makeIdentity } from "../../support/pki.ts";
import {
  type Behaviour,
  closedPort,
  type RawServer,
  reply,
  replyData,
  startRawServer,
} from "../../support/raw-server.ts";
import { ask, type Child, startChild } from "../asking.ts";
import { clusterAt, failureOf } from "../clusters.ts";

const writes = ["POST", "PUT", "DELETE"] as const;
const methods = ["GET", ...writes] as const;

let authority: Authority;
let identity: Identity;
let expired: Identity;
/** Its system's store holds the authority. */
let child: Child;
const store = join(tmpdir(), `proxmox-mcp-failover-${process.pid}.pem`);
beforeAll(async () => {
  authority = await makeAuthority();
  identity = await makeIdentity({ authority });
  expired = await makeIdentity({ authority, notBefore: daysFromNow(-30), notAfter: daysFromNow(-2) });
  await Bun.write(store, authority.pem);
  child = startChild({ SSL_CERT_FILE: store, SSL_CERT_DIR: "/nonexistent" });
});
afterAll(async () => {
  child[Symbol.dispose]();
  await Bun.file(store).delete();
});

/** Every way of connecting: which certificate the servers show (none is plain http), and how it is judged. */
const ways: [string, () => Identity | undefined, () => TlsMode][] = [
  ["plain http", () => undefined, () => ({ mode: "off" })],
  ["TLS, verified", () => identity, () => ({ mode: "verify" })],
  ["TLS, right CA", () => identity, () => ({ mode: "ca", ca: authority.pem, file: "ca.pem" })],
  ["TLS, pinned", () => identity, () => ({ mode: "fingerprint", fingerprints: [identity.fingerprint] })],
  ["TLS, pinned and expired", () => expired, () => ({ mode: "fingerprint", fingerprints: [expired.fingerprint] })],
  ["TLS, unverified", () => identity, () => ({ mode: "off" })],
];

/** How an endpoint dies once it has a write; reads it answers, so that connections get warm. */
const deaths: [string, (socket: Socket) => void][] = [
  ["closes", (socket) => socket.end()],
  ["resets", (socket) => (socket.resetAndDestroy === undefined ? socket.destroy() : socket.resetAndDestroy())],
  ["closes amid the head", (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-")],
  ["closes amid the body", (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{"data":')],
];

describe.each(ways)("%s", (_, shows, mode) => {
  const start = async (behaviour: Behaviour) => {
    const shown = shows();
    return await startRawServer(behaviour, shown === undefined ? {} : { tls: shown });
  };
  /** What becomes of the last of these requests. */
  const last = async (servers: readonly string[], ...asked: (typeof methods)[number][]) => {
    const requests = asked.map((method) => ({ method, path: ["x"] }));
    return (await (mode().mode === "verify" ? child.ask : ask)(servers, mode(), requests)).at(-1);
  };

  test.each(deaths)(
    "a write whose endpoint %s after it came is sent once, cold or warm, and said to be in doubt",
    async (_, die) => {
      const dying: Behaviour = (socket, request) =>
        request.method === "GET" ? replyData("warm")(socket, request) : die(socket);
      for (const warm of [false, true]) {
        for (const method of writes) {
          await using first = await start(dying);
          await using second = await start(replyData("second"));
          const reads = warm ? (["GET", "GET", "GET"] as const) : [];
          const error = await last([first.url, second.url], ...reads, method);
          expect(error?.sent).toBe("maybe");
          expect(error?.hint).toContain("Unknown: it may have been carried out. Check before you send it again");
          await Bun.sleep(5);
          expect([count(first, "GET"), count(first, method)]).toEqual([reads.length, 1]);
          expect(count(second, method)).toBe(0);
        }
      }
    },
  );

  test.each(methods)("a %s goes to the next endpoint when nothing listens at the first", async (method) => {
    await using second = await start(replyData("second"));
    const scheme = second.url.split(":")[0];
    const dead = `${scheme}://127.0.0.1:${await closedPort()}`;
    expect(await last([dead, second.url], method)).toEqual({ data: "second", endpoint: second.url });
    expect(count(second, method)).toBe(1);
  });

  test("a read goes to the next endpoint however the first one dies", async () => {
    for (const [, die] of deaths) {
      await using first = await start((socket) => die(socket));
      await using second = await start(replyData("second"));
      expect((await last([first.url, second.url], "GET"))?.data).toBe("second");
    }
  });

  test.each(methods)("an error that Proxmox answers to a %s stays the answer", async (method) => {
    for (const status of [401, 403, 500, 595, 596]) {
      await using first = await start(reply(status, "No", ""));
      await using second = await start(replyData("second"));
      expect((await last([first.url, second.url], method))?.status).toBe(status);
      expect(second.connections()).toBe(0);
    }
  });
});

test.each(methods)("a %s goes to the next endpoint when the first one's certificate is not trusted", async (method) => {
  await using first = await startRawServer(replyData("first"), { tls: await makeIdentity() });
  await using second = await startRawServer(replyData("second"), { tls: identity });
  const tls: TlsMode = { mode: "ca", ca: authority.pem, file: "ca.pem" };
  const client = new ProxmoxClient(clusterAt([first.url, second.url], tls));
  expect((await client.request({ method, path: ["x"] })).data).toBe("second");
  expect(first.received()).toBe(0);
});

test("any request goes to the next endpoint when the first one takes the connection but never shakes hands", async () => {
  await using first = await startRawServer(() => undefined);
  await using second = await startRawServer(replyData("second"), { tls: identity });
  const urls = [first.url.replace("http:", "https:"), second.url];
  const options = { connectTimeoutMs: 200, patienceMs: 5_000 };
  const attempt = async (method: (typeof methods)[number], mode: TlsMode) => {
    const client = new ProxmoxClient(clusterAt(urls, mode), options);
    expect((await client.request({ method, path: ["x"] })).data).toBe("second");
    const alone = new ProxmoxClient(clusterAt(urls.slice(0, 1), mode), options);
    const error = await failureOf(alone, { method, path: ["x"] });
    expect(error).toMatchObject({ kind: "unreachable", sent: "no", details: { code: "ETIMEDOUT" } });
    expect(error.message).toMatch(/did not take a connection within (?:200|100) ms$/);
  };
  const judged = ways.filter(([, shows, mode]) => shows() === identity && mode().mode !== "verify");
  expect(judged).toHaveLength(3);
  await Promise.all(judged.flatMap(([, , mode]) => methods.map((method) => attempt(method, mode()))));
});

/** What stands in front of Proxmox, or in its place, and answers for it. */
const strangers: [string, Behaviour][] = [
  ["a proxy's error", reply(502, "Bad Gateway", "<h1>Bad Gateway</h1>", { "content-type": "text/html" })],
  ["a proxy's empty error", reply(503, "Service Unavailable", "")],
  ["a login page", reply(200, "OK", "<title>Sign in</title>", { "content-type": "text/html" })],
  ["a redirect", reply(302, "Found", "", { location: "https://elsewhere.invalid/" })],
  ["half of an answer", reply(200, "OK", '{"data":[{"a"', { "content-type": "application/json" })],
  ["another protocol", (socket) => socket.end("SSH-2.0-OpenSSH\r\n")],
];

test.each(strangers)(
  "a read whose first endpoint gives %s is answered by the second, also from then on",
  async (_, stranger) => {
    await using first = await startRawServer(stranger);
    await using second = await startRawServer(replyData("second"));
    const client = new ProxmoxClient(clusterAt([first.url, second.url]));
    for (let round = 0; round < 2; round += 1) {
      expect((await client.request({ method: "GET", path: ["x"] })).data).toBe("second");
    }
    expect(first.requests).toHaveLength(1);
  },
);

test("a write whose first endpoint is not Proxmox is not sent again, but the next request goes elsewhere", async () => {
  await using first = await startRawServer(reply(502, "Bad Gateway", "<h1>Bad Gateway</h1>"));
  await using second = await startRawServer(replyData("second"));
  for (const method of writes) {
    const client = new ProxmoxClient(clusterAt([first.url, second.url]));
    expect(await failureOf(client, { method, path: ["x"] })).toMatchObject({ kind: "not-proxmox", sent: "maybe" });
    expect(count(second, method)).toBe(0);
    expect((await client.request({ method, path: ["x"] })).data).toBe("second");
  }
});

test("a read that finds Proxmox nowhere says what each endpoint is", async () => {
  const behind = reply(502, "Bad Gateway", "<h1>Bad Gateway</h1>");
  await using first = await startRawServer(behind);
  await using second = await startRawServer(behind);
  const one = await failureOf(new ProxmoxClient(clusterAt([first.url])), { method: "GET", path: ["x"] });
  expect(one).toMatchObject({ kind: "not-proxmox", sent: "answered", status: 502 });
  const both = await failureOf(new ProxmoxClient(clusterAt([first.url, second.url])), { method: "GET", path: ["x"] });
  expect(both).toMatchObject({ kind: "not-proxmox", sent: "answered", status: 502 });
  for (const { url } of [first, second]) expect(both.message).toContain(`${url} is not answering as Proxmox VE: 502`);
});

test("a cluster without an endpoint is refused", async () => {
  for (const method of methods) {
    expect((await failureOf(new ProxmoxClient(clusterAt([])), { method, path: ["x"] })).kind).toBe("invalid-request");
  }
});

test("once an endpoint has answered, the others are aborted", async () => {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  await using silent = await startRawServer(() => undefined, { onConnection: (socket) => socket.on("close", resolve) });
  await using quick = await startRawServer(replyData("quick"));
  const client = new ProxmoxClient(clusterAt([silent.url, quick.url]), { patienceMs: 10 });
  expect((await client.request({ method: "GET", path: ["x"] })).data).toBe("quick");
  await closed;
}, 1_000);

test("an aborted loser does not pass the question on", async () => {
  const asked: string[] = [];
  const answer = await firstAnswer(["silent", "quick", "third"], 10, async (name, over) => {
    asked.push(name);
    if (name === "quick") return name;
    return await new Promise((_, reject) => over.addEventListener("abort", () => reject(over.reason)));
  });
  await Bun.sleep(15);
  expect([answer, asked]).toEqual(["quick", ["silent", "quick"]]);
});

test("a plain connection that is closed before a write leaves proves that nothing was done: the next endpoint gets it", async () => {
  for (const method of writes) {
    await using first = await startRawServer(replyData("first"), { admit: () => false });
    await using second = await startRawServer(replyData("second"));
    const client = new ProxmoxClient(clusterAt([first.url, second.url]));
    expect((await client.request({ method, path: ["x"] })).data).toBe("second");
    expect([first.requests.length, second.requests.length]).toEqual([0, 1]);
    const alone = new ProxmoxClient(clusterAt([first.url]));
    expect(await failureOf(alone, { method, path: ["x"] })).toMatchObject({ kind: "unreachable", sent: "no" });
  }
});

test("a write that times out on its way to the answer is not sent again", async () => {
  for (const method of writes) {
    await using first = await startRawServer(() => undefined);
    await using second = await startRawServer(replyData("second"));
    const client = new ProxmoxClient(clusterAt([first.url, second.url]), { patienceMs: 10 });
    const error = await failureOf(client, { method, path: ["x"], timeoutMs: 60 });
    expect(error).toMatchObject({ kind: "timeout", sent: "maybe" });
    expect([first.requests.length, second.requests.length]).toEqual([1, 0]);
  }
});

test("a read that the first endpoint is slow with is asked of the second too, and the first answer counts", async () => {
  await using slow = await startRawServer((socket, request) =>
    setTimeout(() => replyData("slow")(socket, request), 120),
  );
  await using silent = await startRawServer(() => undefined);
  const patient = new ProxmoxClient(clusterAt([slow.url, silent.url]), { patienceMs: 20 });
  expect((await patient.request({ method: "GET", path: ["x"] })).data).toBe("slow");
  await using quick = await startRawServer(replyData("quick"));
  const client = new ProxmoxClient(clusterAt([silent.url, quick.url]), { patienceMs: 20 });
  expect((await client.request({ method: "GET", path: ["x"] })).data).toBe("quick");
  const before = silent.requests.length;
  expect((await client.request({ method: "GET", path: ["x"] })).data).toBe("quick");
  expect(silent.requests.length).toBe(before);
});

test("stays with the endpoint that works, and asks a dead one last until a while has passed", async () => {
  let dead = true;
  await using first = await startRawServer((socket, request) =>
    dead ? socket.destroy() : replyData("first")(socket, request),
  );
  let secondDead = false;
  await using second = await startRawServer((socket, request) =>
    secondDead ? socket.destroy() : replyData("second")(socket, request),
  );
  const client = new ProxmoxClient(clusterAt([first.url, second.url]), { deadMs: 150 });
  const get = async () => (await client.request({ method: "GET", path: ["x"] })).data;
  expect([await get(), await get()]).toEqual(["second", "second"]);
  expect(first.connections()).toBe(1);
  dead = false;
  secondDead = true;
  expect([await get(), await get()]).toEqual(["first", "first"]);
  secondDead = false;
  expect(await get()).toBe("first");
  dead = true;
  expect(await get()).toBe("second");
  dead = false;
  await Bun.sleep(160);
  secondDead = true;
  expect(await get()).toBe("first");
});

test("an endpoint that works again is preferred to one that fell silent since", async () => {
  let isDown = true;
  await using first = await startRawServer((socket, request) =>
    isDown ? socket.destroy() : replyData("first")(socket, request),
  );
  await using second = await startRawServer((socket, request) =>
    isDown ? replyData("second")(socket, request) : undefined,
  );
  const client = new ProxmoxClient(clusterAt([first.url, second.url]), { patienceMs: 20 });
  const get = async () => (await client.request({ method: "GET", path: ["x"] })).data;
  expect(await get()).toBe("second");
  isDown = false;
  expect(await get()).toBe("first");
  const before = second.requests.length;
  expect(await get()).toBe("first");
  expect(second.requests.length).toBe(before);
});

test("an endpoint that failed in the middle of a write is asked last for a while", async () => {
  await using first = await startRawServer((socket) => socket.destroy());
  await using second = await startRawServer(replyData("second"));
  const client = new ProxmoxClient(clusterAt([first.url, second.url]));
  expect((await failureOf(client, { method: "PUT", path: ["x"] })).sent).toBe("maybe");
  for (const method of methods) expect((await client.request({ method, path: ["x"] })).data).toBe("second");
  expect(first.connections()).toBe(1);
});

test("names every endpoint when none can be used", async () => {
  const [one, two] = [await closedPort(), await closedPort()];
  await using untrusted = await startRawServer(replyData(1), { tls: await makeIdentity() });
  for (const method of ["GET", "POST"] as const) {
    const refused = await failureOf(
      new ProxmoxClient(clusterAt([`https://127.0.0.1:${one}`, `https://127.0.0.1:${two}`])),
      { method, path: ["x"] },
    );
    expect(refused).toMatchObject({ kind: "unreachable", sent: "no" });
    expect(refused.message).toBe(
      `${method} /x on prod: none of the cluster's 2 endpoints could be used: https://127.0.0.1:${one} refused the connection; https://127.0.0.1:${two} refused the connection`,
    );
    const mixed = new ProxmoxClient(clusterAt([`https://127.0.0.1:${one}`, untrusted.url], { mode: "verify" }));
    const error = await failureOf(mixed, { method, path: ["x"] });
    expect(error.kind).toBe("unreachable");
    expect(error.hint).toContain("pveproxy");
    expect(error.hint).toContain('"fingerprint": "');
  }
});

function count(server: RawServer, method: string): number {
  return server.requests.filter((request) => request.method === method).length;
}
