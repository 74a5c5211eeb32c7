import { expect, test } from "bun:test";
import { inspect } from "node:util";
import { Secret } from "../../src/config/secret.ts";
import { ProxmoxClient } from "../../src/proxmox/client.ts";
import { makeIdentity } from "../support/pki.ts";
import { type Behaviour, closedPort, reply, replyData, startRawServer } from "../support/raw-server.ts";
import { canary, clusterAt, failureOf } from "./clusters.ts";

test("no error and no look at client or error shows the token's secret", async () => {
  const identity = await makeIdentity();
  await using answering = await startRawServer(reply(401, "Authentication failed!", ""));
  await using html = await startRawServer(reply(200, "OK", "<title>x</title>"));
  await using dropping = await startRawServer((socket) => socket.destroy());
  await using silent = await startRawServer(() => undefined);
  await using secure = await startRawServer(replyData(1), { tls: identity });
  const urls = [
    answering.url,
    html.url,
    dropping.url,
    silent.url,
    secure.url,
    `https://127.0.0.1:${await closedPort()}`,
  ];
  for (const url of urls) {
    for (const mode of [{ mode: "verify" }, { mode: "fingerprint", fingerprints: [] }] as const) {
      for (const method of ["GET", "POST", "PUT", "DELETE"] as const) {
        const client = new ProxmoxClient(clusterAt([url], mode, 50));
        const error = await failureOf(client, { method, path: ["x"] });
        const shown = [error, error.describe(), `${error}`, error.stack, error.cause, JSON.stringify(error), client];
        const texts = shown.map(
          (each) => `${inspect(each, { depth: 20, showHidden: true })} ${Bun.inspect(each, { depth: 20 })}`,
        );
        expect(texts.join("\n")).not.toContain(canary);
      }
    }
  }
});

test("a secret that no header can carry is refused without being quoted", async () => {
  await using server = await startRawServer(replyData(1));
  for (const end of ["\n", "\r\nX-Evil: 1", " ", "ü", "\u0000"]) {
    const cluster = { ...clusterAt([server.url]), tokenSecret: new Secret(`${canary}${end}`) };
    for (const method of ["GET", "POST"] as const) {
      const error = await failureOf(new ProxmoxClient(cluster), { method, path: ["x"] });
      expect(error.kind).toBe("invalid-request");
      expect(Bun.inspect(error)).not.toContain(canary);
    }
  }
  expect(server.connections()).toBe(0);
});

test("an answer, a page and an error hold no secret that the far end echoes, wherever they are cut", async () => {
  const texts = [0, 30, 60, 76, 560, 590, 4080].map((at) => (echoed: string) => `${"y ".repeat(at / 2)}${echoed}`);
  for (const late of texts) {
    const behaviours: ((echoed: string) => Behaviour)[] = [
      (echoed) => reply(500, late(echoed), ""),
      (echoed) => reply(500, "failed", JSON.stringify({ message: late(echoed), data: null })),
      (echoed) => reply(400, "x", JSON.stringify({ message: "x", errors: { [echoed]: late(echoed) }, data: null })),
      (echoed) => reply(200, "OK", `<title>${late(echoed)}</title>`, { "content-type": echoed }),
      (echoed) => reply(200, "OK", JSON.stringify({ odd: late(echoed) })),
      (echoed) => reply(302, echoed, "", { location: late(echoed) }),
    ];
    for (const behaviour of behaviours) {
      await using server = await startRawServer((socket, request) => {
        behaviour(request.headers["authorization"] ?? "")(socket, request);
      });
      const client = new ProxmoxClient(clusterAt([server.url]));
      for (const method of ["GET", "POST"] as const) {
        const error = await failureOf(client, { method, path: ["x"] });
        const shown = `${error.describe()} ${JSON.stringify(error)} ${Bun.inspect(error, { depth: 20 })}`;
        expect(shown).not.toContain(canary.slice(0, 8));
      }
    }
  }
});

test("an answer's values and keys hold no secret that the far end echoes", async () => {
  await using server = await startRawServer((socket, request) => {
    const echoed = request.headers["authorization"] ?? "";
    replyData([{ [echoed]: [btoa(echoed)], note: encodeURIComponent(echoed) }])(socket, request);
  });
  const { data } = await new ProxmoxClient(clusterAt([server.url])).request({ method: "GET", path: ["x"] });
  expect(JSON.stringify(data).match(/\[secret\]/g)).toHaveLength(3);
  expect(JSON.stringify(data)).not.toContain(canary);
});

test("a certificate's names hold no secret that the far end has learned before", async () => {
  const identity = await makeIdentity({ subject: `CN=${"y".repeat(185)} ${canary}`, names: [`${canary}.example`] });
  await using server = await startRawServer(replyData(1), { tls: identity });
  const client = new ProxmoxClient(clusterAt([server.url], { mode: "verify" }));
  const { details } = await failureOf(client, { method: "GET", path: ["x"] });
  expect(details.certificate?.names).toEqual(["[secret].example"]);
  expect(details.certificate?.subject).not.toContain(canary.slice(0, 8));
});
