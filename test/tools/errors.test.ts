import { afterAll, beforeAll, expect, test } from "bun:test";
import recordings from "../recordings/alpha-errors.json" with { type: "json" };
import { httpClient, type McpClient } from "../support/clients.ts";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { type Product, startProduct } from "../support/product.ts";
import { type RawServer, reply, startRawServer } from "../support/raw-server.ts";

interface Recording {
  readonly request: {
    readonly token: string | null;
    readonly method: string;
    readonly path: string;
    readonly query?: Record<string, unknown>;
    readonly form?: Record<string, unknown>;
    readonly json?: Record<string, unknown>;
  };
  readonly response: { readonly status: number; readonly reason: string; readonly body?: unknown };
}

/** Answers every request with the recorded answer that a test is at. */
let proxmox: RawServer;
let current: Recording["response"];
let config: ConfigFile;
let product: Product;
let client: McpClient;

beforeAll(async () => {
  proxmox = await startRawServer((socket, request) => {
    const body = current.body === undefined ? "" : JSON.stringify(current.body);
    const type = body === "" ? {} : { "content-type": "application/json;charset=UTF-8" };
    reply(current.status, current.reason, body, { connection: "close", ...type })(socket, request);
  });
  const alpha = { url: proxmox.url, user: "mcp@pve", token_id: "agent", token_secret: "canary-secret", access: "full" };
  config = await configFile({ clusters: { alpha } });
  product = await startProduct(["--config", config.path]);
  client = await httpClient(product);
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await product.stop();
  await proxmox[Symbol.asyncDispose]();
  await config[Symbol.asyncDispose]();
});

test("every recorded error comes out as a text that an operator understands", async () => {
  const texts: string[] = [];
  for (const { request, response } of recordings as readonly Recording[]) {
    current = response;
    const { method, path, query, form, json } = request;
    const data = query ?? form ?? json;
    const { text, isError } = await client.call("proxmox_api_call", { method, path, ...(data && { data }) });
    // PATCH is refused by the tool's schema; the log of an unknown task is an error that Proxmox answers with 200.
    expect(isError).toBe(response.status !== 200 || method === "PATCH" || path.endsWith("/log"));
    expect(text).not.toContain("canary");
    texts.push(`${method} ${path} ${JSON.stringify(data ?? {})} -> ${response.status} ${response.reason}\n${text}`);
  }
  expect(texts).toHaveLength(recordings.length);
  expect(`\n${texts.join("\n\n")}\n`).toMatchSnapshot();
});
