import { describe, expect, test } from "bun:test";
import { ProxmoxClient } from "../../../src/proxmox/client.ts";
import { reply, replyData, startRawServer } from "../../support/raw-server.ts";
import { clusterAt, failureOf } from "../clusters.ts";

const json = { "content-type": "application/json" };
const said = (message: string) => JSON.stringify({ message, data: null });

/** Texts on which a careless pattern spends minutes. */
const costly: [string, number, string, Record<string, string>][] = [
  ["white space", 500, said(`a${" ".repeat(300_000)}b`), json],
  ["line ends", 500, said(`a${"\n ".repeat(150_000)}b`), json],
  ["titles that never end", 200, "<title".repeat(300_000), { "content-type": "text/html" }],
  ["a lost quorum, over and over", 500, said("unable to open file '/etc/pve/".repeat(20_000)), json],
  ["a permission, over and over", 403, said("(/".repeat(100_000)), json],
  ["a lock, over and over", 500, said("VM is locked (".repeat(40_000)), json],
  [
    "thousands of wrong parameters",
    400,
    JSON.stringify({
      errors: Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`p${i}`, "x".repeat(50)])),
      data: null,
    }),
    json,
  ],
  ["complaints that are no texts", 400, '{"errors":{"a":{"toString":1},"b":null,"c":[[]]},"data":null}', json],
];

describe("an error text made to hurt", () => {
  test.each(costly)("costs no time: %s", async (_, status, body, headers) => {
    await using server = await startRawServer(reply(status, "x", body, headers));
    const began = performance.now();
    const error = await failureOf(new ProxmoxClient(clusterAt([server.url])), { method: "GET", path: ["x"] });
    // Careless patterns took 3 s and far more here; a slow machine needs some 50 ms.
    expect(performance.now() - began).toBeLessThan(2000);
    expect(error.describe().length).toBeLessThan(40_000);
  });
});

test("a write whose answer is too large to read may have been carried out, and is not to be repeated", async () => {
  await using server = await startRawServer(replyData("x".repeat(2_000_000)));
  const client = new ProxmoxClient(clusterAt([server.url]), { maxAnswerBytes: 1_000_000 });
  const write = await failureOf(client, { method: "POST", path: ["x"] });
  expect(write).toMatchObject({ kind: "too-large", sent: "maybe" });
  expect(write.describe()).toContain("Unknown: it may have been carried out");
  expect(write.describe()).not.toContain("Ask for less");
  const read = await failureOf(client, { method: "GET", path: ["x"] });
  expect(read).toMatchObject({ kind: "too-large", sent: "answered" });
});
