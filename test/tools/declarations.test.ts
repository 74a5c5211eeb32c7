import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import type { ListToolsResult } from "@modelcontextprotocol/sdk/types.js";
import { type Product, startProduct } from "../support/product.ts";

let product: Product;
let listed: ListToolsResult;

beforeAll(async () => {
  product = await startProduct(["--demo"]);
  const client = new Client({ name: "tests", version: "1" });
  await client.connect(new SSEClientTransport(new URL("/sse", product.url)));
  listed = await client.listTools();
  await client.close();
});

afterAll(async () => {
  await product.stop();
});

test("tools/list is what it was when somebody last looked at it", () => {
  expect(listed).toMatchSnapshot();
});

test("tools/list costs at most 12,000 bytes with two clusters", () => {
  expect(JSON.stringify(listed).length).toBeLessThanOrEqual(12_000);
});

describe("every tool", () => {
  test("says all four hints", () => {
    for (const { name, annotations } of listed.tools) {
      const { readOnlyHint, destructiveHint, idempotentHint, openWorldHint } = annotations ?? {};
      const hints = { readOnlyHint, destructiveHint, idempotentHint, openWorldHint };
      expect({ name, said: Object.values(hints).every((hint) => typeof hint === "boolean") }).toEqual({
        name,
        said: true,
      });
    }
  });

  test("has a name that Gemini CLI can prefix, and a description that Claude Code shows whole", () => {
    for (const { name, description } of listed.tools) {
      expect(name).toMatch(/^[a-z_]{3,40}$/);
      expect(description?.length).toBeLessThan(4000);
    }
  });

  test("takes an object whose properties all have schemas: Gemini CLI drops ALL tools otherwise", () => {
    for (const { inputSchema } of listed.tools) {
      expect(inputSchema.type).toBe("object");
      expect(JSON.stringify(inputSchema)).not.toContain('"anyOf"');
      for (const property of Object.values(inputSchema.properties ?? {})) expect(typeof property).toBe("object");
    }
  });
});
