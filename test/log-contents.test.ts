import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { fixedPart } from "../src/log.ts";
import { setStage } from "./policy/stage.ts";
import { sseClient } from "./support/clients.ts";
import { until } from "./support/listening.ts";
import { cleanEnvironment, productCommand } from "./support/product.ts";

const source = fileURLToPath(new URL("../src/log.ts", import.meta.url));

test.each(["text", "json"] as const)(
  "of a cause its kind and its frames are logged, not its message (%s)",
  async (format) => {
    const script = `
    import { createLog } from ${JSON.stringify(source)};
    const log = createLog({ level: "debug", format: ${JSON.stringify(format)} }, { outgoing: (text) => text });
    function thrower(text) { new URL(text); }
    try { thrower("canary://[\\n    at canary (canary)"); } catch (error) { log.error("the tool failed", error); }
    log.error("no error", "canary");`;
    const child = Bun.spawn([process.execPath, "-e", script], { stderr: "pipe" });
    const text = await child.stderr.text();
    expect(text).toContain("the tool failed: TypeError (ERR_INVALID_URL)");
    expect(text).toContain("at thrower (");
    expect(text).not.toContain("canary");
  },
);

test("of a protocol error only the fixed part is logged", () => {
  const messages = [
    'Received a response for an unknown message ID: {"id":7,"result":{"content":{"confirm":"canary"}}}',
    "Unknown message type: canary",
    "Dropped inbound request 'canary': not servable",
    'JSON Parse error: Unexpected identifier "canary"',
    '"canary" cannot be parsed as a URL.',
    "[\n  { canary }\n]",
  ];
  expect(messages.map((message) => fixedPart(new Error(message)))).toEqual([
    "Received a response for an unknown message ID",
    "Unknown message type",
    "Dropped inbound request",
    "JSON Parse error",
    "Error",
    "Error",
  ]);
});

/** Messages that the SDK reports as errors, with what they held. */
const stray = [
  { jsonrpc: "2.0", id: 77, result: { action: "accept", content: { confirm: "canary" } } },
  { jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: 7, progress: 1, message: "canary" } },
  { jsonrpc: "2.0", method: "notifications/canary", params: { plan: "canary" } },
];

test("what a client sends is in the log at no level: parameters, answers of humans, words of ours", async () => {
  await using stage = await setStage({ env: { MCP_LOG_LEVEL: "debug" }, top: { audit_log: "audit.jsonl" } });
  await using client = await sseClient({ url: stage.product.url });
  const vmid = await stage.makeGuest("canary-guest");
  for (const data of [{ description: "canary" }, { canary: 1 }, { memory: "canary" }])
    await client.call("proxmox_api_call", { method: "PUT", path: `/nodes/pve1/qemu/${vmid}/config`, data });
  await client.call("proxmox_api_call", { method: "POST", path: "/canary/../canary", data: { canary: "canary" } });
  await client.call("search_api", { query: "canary", canary: true });
  const stream = await fetch(`${stage.product.url}/sse`);
  const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
  let endpoint: string | undefined;
  for (let head = ""; endpoint === undefined; ) {
    head += (await reader?.read())?.value ?? "";
    endpoint = /data: (\S+)/.exec(head)?.[1];
  }
  for (const message of [...stray, "canary"]) {
    const body = typeof message === "string" ? message : JSON.stringify(message);
    await fetch(new URL(endpoint, stage.product.url), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
  }
  await until(() => stage.product.stderr().includes("Received a response for an unknown message ID"));
  await reader?.cancel();
  expect(stage.product.stderr()).not.toContain("canary");
});

test("nor over stdio", async () => {
  const child = Bun.spawn([...productCommand(), "stdio", "--demo", "--log-level", "debug"], {
    env: cleanEnvironment(),
    stdin: "pipe",
    stdout: "ignore",
    stderr: "pipe",
  });
  const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "tests", version: "1" } };
  child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params })}\n`);
  for (const message of stray) child.stdin.write(`${JSON.stringify(message)}\n`);
  child.stdin.write('canary "canary"\n{"canary":\n{"jsonrpc":"2.0","canary":"canary"}\n');
  await child.stdin.flush();
  const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let ended = false; !ended && !text.includes("[debug] stdio: ZodError"); ) {
    const { done, value } = await reader.read();
    text += value ?? "";
    ended = done;
  }
  await child.stdin.end();
  await child.exited;
  for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
  expect(text).toContain("[debug] stdio: ZodError");
  expect(text).not.toContain("canary");
});
