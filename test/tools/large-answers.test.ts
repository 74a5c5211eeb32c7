import { describe, expect, test } from "bun:test";
import { httpClient } from "../support/clients.ts";
import { configFile } from "../support/config-file.ts";
import { startProduct } from "../support/product.ts";
import { reply, replyData, startRawServer } from "../support/raw-server.ts";

const rows = Array.from({ length: 3000 }, (_, vmid) => ({ vmid, name: `guest-${vmid}`, note: "a\tb\nc\u001b[31m" }));

test("a large answer is cut at the end of a row, and says how to get less", async () => {
  await using proxmox = await startRawServer(replyData(rows));
  const cluster = { url: proxmox.url, user: "mcp@pve", token_id: "agent", token_secret: "s", access: "full" };
  await using config = await configFile({ clusters: { big: cluster } });
  await using product = await startProduct(["--config", config.path]);
  await using client = await httpClient(product);
  const { text } = await client.call("proxmox_api_call", { path: "/nodes/pve1/qemu" });
  expect(text.length).toBeLessThanOrEqual(36_000);
  const lines = text.split("\n");
  expect(lines.slice(0, 3)).toEqual(["3000 rows on big", "name\tnote\tvmid", "guest-0\ta\\tb\\nc\\u001b[31m\t0"]);
  expect(lines.at(-3)).toMatch(/^guest-\d+\ta\\tb\\nc\\u001b\[31m\t\d+$/);
  expect(lines.at(-2)).toStartWith(`[Cut here: ${lines.length - 4} of 3000 rows. Ask for less`);
  // What is to be known of the whole answer is not cut off with the rows.
  expect(lines.at(-1)).toStartWith("[sent unchecked: ");
});

test("control characters reach no terminal, in a table, in JSON, in an error", async () => {
  const hostile = "a\u0007\u009b31m\u007f\u001b]0;x\u0007";
  await using proxmox = await startRawServer((socket, request) => {
    const answers: Record<string, ReturnType<typeof reply>> = {
      "/api2/json/table": replyData([{ name: hostile }]),
      "/api2/json/object": replyData({ name: hostile }),
      "/api2/json/error": reply(500, "x", JSON.stringify({ message: hostile, data: null }), {
        "content-type": "application/json",
      }),
    };
    (answers[request.target] ?? reply(404, "Not Found", ""))(socket, request);
  });
  const cluster = { url: proxmox.url, user: "mcp@pve", token_id: "agent", token_secret: "s", access: "full" };
  await using config = await configFile({ clusters: { one: cluster } });
  await using product = await startProduct(["--config", config.path]);
  await using client = await httpClient(product);
  for (const path of ["/table", "/object", "/error"]) {
    const { text } = await client.call("proxmox_api_call", { path });
    expect(text.replaceAll(/[\n\t]/g, "")).not.toMatch(/\p{Cc}/u);
    expect(text).toContain("31m");
  }
});

describe("an answer made to hurt", () => {
  const many = 20_000;
  test.each([
    [
      "rows that share no key",
      "proxmox_api_call",
      { path: "/x" },
      Array.from({ length: many }, (_, i) => ({ [`k${i}`]: 1 })),
    ],
    [
      "a cluster of thousands of nodes",
      "list_nodes",
      {},
      Array.from({ length: many }, (_, i) => ({ node: `n${i}`, status: "online" })),
    ],
    [
      "thousands of types and a long search",
      "get_cluster_resources",
      { search: "q ".repeat(249) },
      Array.from({ length: many }, (_, i) => ({ id: `q${i}`, type: `t${i}` })),
    ],
  ])("does not: %s", async (_, tool, args, data) => {
    await using proxmox = await startRawServer(replyData(data));
    const cluster = { url: proxmox.url, user: "mcp@pve", token_id: "agent", token_secret: "s", access: "full" };
    await using config = await configFile({ clusters: { one: cluster } });
    await using product = await startProduct(["--config", config.path]);
    await using client = await httpClient(product);
    const { text, isError } = await client.call(tool, args);
    expect(isError).toBe(false);
    expect(text.length).toBeLessThanOrEqual(36_000);
    expect(proxmox.requests.length).toBeLessThan(5);
  });

  test("a search that is too long is refused", async () => {
    await using product = await startProduct(["--demo"]);
    await using client = await httpClient(product);
    const { text, isError } = await client.call("get_cluster_resources", { search: "q ".repeat(500_000) });
    expect(isError).toBe(true);
    expect(text.length).toBeLessThan(500);
  });
});

test("keys that every object seems to have are shown only where Proxmox sent them", async () => {
  await using proxmox = await startRawServer(replyData([{ toString: "x", a: 1 }, { a: 2 }]));
  const cluster = { url: proxmox.url, user: "mcp@pve", token_id: "agent", token_secret: "s", access: "full" };
  await using config = await configFile({ clusters: { one: cluster } });
  await using product = await startProduct(["--config", config.path]);
  await using client = await httpClient(product);
  const { text } = await client.call("proxmox_api_call", { path: "/x" });
  expect(text).toStartWith("2 rows on one\na\ttoString\n1\tx\n2\t\n[sent unchecked");
});
