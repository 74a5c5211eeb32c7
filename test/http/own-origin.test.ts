import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Product, startProduct } from "../support/product.ts";

let product: Product;
let port: string;

beforeAll(async () => {
  product = await startProduct(["--demo", "--allowed-hosts", "*"]);
  port = new URL(product.url).port;
});

afterAll(async () => {
  await product.stop();
});

async function statusOf(host: string, origin: string): Promise<number> {
  const response = await fetch(new URL("/mcp", product.url), {
    method: "POST",
    headers: { host, origin, "content-type": "application/json", accept: "application/json, text/event-stream" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
  });
  return response.status;
}

test.each(["127.0.0.1", "localhost", "[::1]"])("a page of this server itself, under %s, may call it", async (name) => {
  expect(await statusOf(`${name}:${port}`, `http://${name}:${port}`)).toBe(200);
});

test("a page of another port of this machine is somebody else's", async () => {
  expect(await statusOf(`localhost:${port}`, "http://localhost:3000")).toBe(403);
});

test("a page of this port on the client's own machine is not the one of a server elsewhere", async () => {
  expect(await statusOf(`pve1.example:${port}`, `http://localhost:${port}`)).toBe(403);
});

test("a name that DNS led here is not proof, even where every host is allowed", async () => {
  expect(await statusOf(`evil.example:${port}`, `http://evil.example:${port}`)).toBe(403);
});
