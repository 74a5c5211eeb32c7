import { beforeAll, describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import type { TlsMode } from "../../src/config/types.ts";
import { ProxmoxClient } from "../../src/proxmox/client.ts";
import { type Authority, daysFromNow, type Identity, makeAuthority, makeIdentity } from "../support/pki.ts";
import { type Behaviour, closedPort, type RawServer, reply, replyData, startRawServer } from "../support/raw-server.ts";
import { clusterAt, failureOf } from "./clusters.ts";

const writes = ["POST", "PUT", "DELETE"] as const;
const methods = ["GET", ...writes] as const;

let authority: Authority;
let identity: Identity;
let expired: Identity;
beforeAll(async () => {
  authority = await makeAuthority();
  identity = await makeIdentity({ authority });
  expired = await makeIdentity({ authority, notBefore: daysFromNow(-30), notAfter: daysFromNow(-2) });
});

/** Every way of connecting: which certificate the servers show (none is plain http), and how it is judged. */
const ways: [string, () => Identity | undefined, () => TlsMode][] = [
  ["plain http", () => undefined, () => ({ mode: "off" })],
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

  test.each(deaths)(
    "a write whose endpoint %s after it came is sent once, cold or warm, and said to be in doubt",
    async (_, die) => {
      const dying: Behaviour = (socket, request) =>
        request.method === "GET" ? replyData("warm")(socket, request) : die(socket);
      for (const warm of [false, true]) {
        for (const method of writes) {
          await using first = await start(dying);
          await using second = await start(replyData("second"));
          const client = new ProxmoxClient(clusterAt([first.url, second.url], mode()));
          if (warm) for (let round = 0; round < 3; round += 1) await client.request({ method: "GET", path: ["warm"] });
          const error = await failureOf(client, { method, path: ["x"] });
          expect(error.sent).toBe("maybe");
          expect(error.hint).toContain("It may have been carried out. Look before you send it again");
          await Bun.sleep(5);
          expect(count(first, method)).toBe(1);
          expect(count(second, method)).toBe(0);
          client.close();
        }
      }
    },
  );

  test.each(methods)("a %s goes to the next endpoint when nothing listens at the first", async (method) => {
    await using second = await start(replyData("second"));
    const scheme = second.url.split(":")[0];
    const dead = `${scheme}://127.0.0.1:${await closedPort()}`;
    const client = new ProxmoxClient(clusterAt([dead, second.url], mode()));
    const answer = await client.request({ method, path: ["x"] });
    expect([answer.data, answer.endpoint, count(second, method)]).toEqual(["second", second.url, 1]);
  });

  test("a read goes to the next endpoint however the first one dies", async () => {
    for (const [, die] of deaths) {
      await using first = await start((socket) => die(socket));
      await using second = await start(replyData("second"));
      const client = new ProxmoxClient(clusterAt([first.url, second.url], mode()));
      expect((await client.request({ method: "GET", path: ["x"] })).data).toBe("second");
    }
  });

  test.each(methods)("an error that Proxmox answers to a %s stays the answer", async (method) => {
    for (const status of [401, 403, 500, 503, 595, 596]) {
      await using first = await start(reply(status, "No", ""));
      await using second = await start(replyData("second"));
      const client = new ProxmoxClient(clusterAt([first.url, second.url], mode()));
      expect((await failureOf(client, { method, path: ["x"] })).status).toBe(status);
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

test.each(methods)(
  "a %s goes to the next endpoint when the first one takes the connection but never shakes hands",
  async (method) => {
    await using first = await startRawServer(() => undefined);
    await using second = await startRawServer(replyData("second"), { tls: identity });
    const urls = [first.url.replace("http:", "https:"), second.url];
    const client = new ProxmoxClient(clusterAt(urls), { connectTimeoutMs: 50, patienceMs: 50 });
    expect((await client.request({ method, path: ["x"] })).data).toBe("second");
  },
);

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
