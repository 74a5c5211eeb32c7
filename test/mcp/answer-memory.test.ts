import { expect, test } from "bun:test";
import type { Socket } from "node:net";
import { loadAnswerMemory } from "../../src/config/answer-memory.ts";
import { settings } from "../../src/config/server/settings.ts";
import { httpClient } from "../support/clients.ts";
import { configFile } from "../support/config-file.ts";
import { until } from "../support/listening.ts";
import { runProduct, startProduct } from "../support/product.ts";
import { replyData, startRawServer } from "../support/raw-server.ts";

const log = (task: string) => ({
  path: `/nodes/pve1/tasks/UPID:pve1:${task}:0006EAA0:6B02C95E:qmstart:100:root@pam:/log`,
});

/** A log that weighs more than 12 MiB, the share of one caller of 16, and less than these. */
const large = JSON.stringify({ data: Array.from({ length: 20_000 }, (_, n) => ({ n, t: "line".repeat(20) })) });

/** How much of it an answer that stalls holds. */
const half = large.length * 0.8;

/** A cluster whose large answers stop half-way while `stalls` says so, and the product over it with 16 MiB for answers. */
async function startTight(stalls: (target: string) => boolean) {
  const halves: Socket[] = [];
  const server = await startRawServer((socket, request) => {
    if (!request.target.endsWith("/log")) {
      replyData(request.target.endsWith("/version") ? { version: "9.1" } : "small")(socket, request);
      return;
    }
    const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${large.length}\r\n\r\n`;
    const isHalf = stalls(request.target);
    socket.write(head + (isHalf ? large.slice(0, half) : large));
    if (isHalf) halves.push(socket);
  });
  const cluster = { url: server.url, user: "mcp@pve", token_id: "agent", token_secret: "not-a-real-secret-0001" };
  const config = await configFile({ clusters: { alpha: { ...cluster, timeout_ms: 60_000 } } });
  const product = await startProduct(["--config", config.path], { MCP_ANSWER_MEMORY_MIB: "16" });
  return {
    url: product.url,
    halves,
    async [Symbol.asyncDispose]() {
      await product.stop();
      await server[Symbol.asyncDispose]();
      await config[Symbol.asyncDispose]();
    },
  };
}

test("one call reads more than the memory holds, one answer after the other", async () => {
  await using tight = await startTight(() => false);
  await using client = await httpClient(tight);
  const requests = Array.from({ length: 8 }, (_, index) => log(`0000000${index}`));
  const { text } = await client.call("proxmox_api_read", { requests });
  expect(text).toStartWith("8 of 8 answered.\n");
  // Each part says how long it is, though no more of it was kept than an answer can hold.
  expect(text.match(/^\[\d+ of 20000 rows\]$/gm)).toHaveLength(8);
});

test("while answers stall with all the memory, small reads are answered, and one that is silent makes room for the next", async () => {
  await using tight = await startTight((target) => target.includes("BAD"));
  await using client = await httpClient(tight);
  const requests = [log("BAD00001"), log("BAD00002"), log("BAD00003")];
  const reading = client.call("proxmox_api_read", { requests });
  await until(() => tight.halves.length === 3, 30_000);
  expect((await client.call("proxmox_api_call", { path: "/nodes/pve1/status" })).text).toContain("small");
  // The first to be ended is one of the two that took all memory; then the others send the rest.
  await until(() => tight.halves.some(({ destroyed }) => destroyed), 30_000);
  for (const socket of tight.halves) if (!socket.destroyed) socket.write(large.slice(half));
  const { text } = await reading;
  expect(text).toMatch(/^[12] of 3 answered/);
  expect(text).toMatch(/its answer was ended after \d+ s of silence, because others waited for its memory/);
  // What the three had taken is free again.
  expect((await client.call("proxmox_api_read", { requests: [log("00000004")] })).text).toStartWith("1 of 1 answered.");
}, 90_000);

test("an answer that weighs more than the memory is refused before it is read to its end", async () => {
  const rows = Array.from({ length: 40_000 }, (_, n) => ({ [`key${n}`]: n }));
  await using server = await startRawServer((socket, request) =>
    replyData(request.target.endsWith("/version") ? { version: "9.1" } : rows)(socket, request),
  );
  const cluster = { url: server.url, user: "mcp@pve", token_id: "agent", token_secret: "not-a-real-secret-0001" };
  await using config = await configFile({ clusters: { alpha: cluster } });
  const product = await startProduct(["--config", config.path], { MCP_ANSWER_MEMORY_MIB: "16" });
  try {
    await using client = await httpClient(product);
    const { text, isError } = await client.call("proxmox_api_call", { path: "/nodes/pve1/status" });
    expect(isError).toBe(true);
    expect(text).toMatch(
      /the answer takes more than 16 MiB of memory .*: its first \d+ bytes hold \d+ lists and objects, /,
    );
    expect(text).toContain("MCP_ANSWER_MEMORY_MIB");
  } finally {
    await product.stop();
  }
});

test("a call that its client gives up frees the memory of its answers", async () => {
  await using tight = await startTight((target) => target.includes("BAD"));
  await using client = await httpClient(tight);
  const given = new AbortController();
  const requests = [log("BAD00001"), log("BAD00002"), log("BAD00003")];
  const reading = client.call("proxmox_api_read", { requests }, { signal: given.signal }).catch(() => "given up");
  await until(() => tight.halves.length === 3);
  given.abort();
  expect(await reading).toBe("given up");
  expect((await client.call("proxmox_api_read", { requests: [log("00000004")] })).text).toStartWith("1 of 1 answered.");
});

test("MCP_ANSWER_MEMORY_MIB takes whole MiB, and defaults to what the settings say", async () => {
  const load = (value?: string) =>
    loadAnswerMemory({ flags: {}, env: value === undefined ? {} : { MCP_ANSWER_MEMORY_MIB: value } });
  const fallback = settings.find(({ variable }) => variable === "MCP_ANSWER_MEMORY_MIB")?.default;
  expect(load()).toBe(Number(fallback) * 1024 * 1024);
  expect(load("16")).toBe(16 * 1024 * 1024);
  for (const value of ["15", "65537", "1e3", "-1", "256 MiB"]) {
    const { code, stderr } = await runProduct(["serve", "--demo", "--port", "0"], { MCP_ANSWER_MEMORY_MIB: value });
    expect(code).toBe(2);
    expect(stderr).toContain("MCP_ANSWER_MEMORY_MIB: must be a whole number of MiB, from 16 to 65536.");
  }
});
