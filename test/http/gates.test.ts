import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { httpClient, modernClient, sseClient } from "../support/clients.ts";
import { type Product, runProduct, startProduct } from "../support/product.ts";

const token = "a-token-of-the-tests-0123456789";
const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "list_nodes", arguments: {} } };
const endpoints = ["/mcp", "/sse", "/messages?sessionId=x"];

let open: Product;
let guarded: Product;

beforeAll(async () => {
  [open, guarded] = await Promise.all([
    startProduct(["--demo"], {
      MCP_ALLOWED_HOSTS: "mcp.example,fixed.example:8443",
      MCP_ALLOWED_ORIGINS: "https://console.example",
    }),
    startProduct(["--demo"], { MCP_AUTH_TOKEN: token }),
  ]);
});

afterAll(async () => {
  await Promise.all([open.stop(), guarded.stop()]);
});

function send(
  product: Product,
  path: string,
  headers: Record<string, string> = {},
  init: RequestInit = {},
): Promise<Response> {
  return fetch(new URL(path, product.url), {
    method: path === "/sse" ? "GET" : "POST",
    ...(path !== "/sse" && { body: JSON.stringify(call) }),
    ...init,
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers },
  });
}

describe("Host", () => {
  test.each(endpoints)("a wrong one gets 403 at %s, and the message names the variable", async (path) => {
    const response = await send(open, path, { host: "evil.example" });
    expect(response.status).toBe(403);
    expect(await response.text()).toContain("MCP_ALLOWED_HOSTS");
  });

  test.each([
    "mcp.example",
    "mcp.example:1234",
    "MCP.EXAMPLE",
    "fixed.example:8443",
    "localhost",
    "localhost:1",
    "[::1]:8000",
  ])("%s is let in", async (host) => {
    expect((await send(open, "/mcp", { host })).status).toBe(200);
  });

  test.each([
    "fixed.example",
    "fixed.example:8444",
    "mcp.example.evil.example",
    "evil.example#localhost",
    "localhost.evil.example",
  ])("%s is refused", async (host) => {
    expect((await send(open, "/mcp", { host })).status).toBe(403);
  });

  test("a request without Host is refused", async () => {
    const { port } = new URL(open.url);
    const answer = await raw(Number(port), "GET /mcp HTTP/1.0\r\n\r\n");
    expect(answer).toMatch(/^HTTP\/1\.[01] (400|403)/);
  });

  test("probes of health come by address, under any name", async () => {
    const response = await fetch(new URL("/healthz", open.url), { headers: { host: "10.0.0.7" } });
    expect(response.status).toBe(200);
  });
});

describe("Origin", () => {
  test.each(endpoints)("a wrong one gets 403 at %s, and the message names the variable", async (path) => {
    const response = await send(open, path, { origin: "https://evil.example" });
    expect(response.status).toBe(403);
    expect(await response.text()).toContain("MCP_ALLOWED_ORIGINS");
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  });

  test.each(["null", "http://console.example", "https://console.example:8443", "https://console.example.evil.example"])(
    "%s is not the one that is listed",
    async (origin) => {
      expect((await send(open, "/mcp", { origin })).status).toBe(403);
    },
  );

  test("a listed one may read the answer and the session id", async () => {
    const response = await send(open, "/mcp", { origin: "https://console.example" });
    expect(response.status).toBe(200);
    expect(response.headers.get("access-control-allow-origin")).toBe("https://console.example");
    expect(response.headers.get("access-control-expose-headers")).toContain("Mcp-Session-Id");
  });

  test("a listed one's preflight is answered", async () => {
    const headers = { origin: "https://console.example", "access-control-request-method": "POST" };
    const response = await send(open, "/mcp", headers, { method: "OPTIONS", body: null });
    expect(response.status).toBe(204);
    expect(response.headers.get("access-control-allow-headers")).toContain("MCP-Protocol-Version");
  });
});

describe("bearer token", () => {
  test.each(endpoints)("a missing one gets 401 at %s, with WWW-Authenticate", async (path) => {
    const response = await send(guarded, path);
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe('Bearer realm="proxmox-mcp"');
  });

  test.each([
    "Bearer wrong",
    `Bearer ${token}x`,
    `Bearer ${token.slice(0, -1)}`,
    `Basic ${token}`,
    token,
    "Bearer",
    "Bearer ",
  ])("%s gets 401, with WWW-Authenticate", async (authorization) => {
    const response = await send(guarded, "/mcp", { authorization });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toContain("Bearer");
    expect(await response.text()).not.toContain(token);
  });

  test("the right one lets every client in", async () => {
    const target = { url: guarded.url, headers: { authorization: `Bearer ${token}` } };
    for (const connectClient of [sseClient, httpClient, modernClient]) {
      await using client = await connectClient(target);
      expect(await client.listTools()).toContain("list_nodes");
    }
  });

  test("is asked for after Host and Origin, so that a rebinding page learns nothing of it", async () => {
    expect((await send(guarded, "/mcp", { host: "evil.example" })).status).toBe(403);
  });
});

test("whoever did not pass the gates does not keep a connection: 401 and 404 are closed like any silent one", async () => {
  const { port } = new URL(guarded.url);
  const began = Date.now();
  const heads = ["GET /mcp", "GET /nothing", "POST /mcp"].map((line) => `${line} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  const answers = await Promise.all(heads.map((head) => raw(Number(port), head, 30_000)));
  expect(answers.map((answer) => answer.slice(9, 12))).toEqual(["401", "404", "401"]);
  expect(Date.now() - began).toBeLessThan(20_000);
}, 40_000);

test("a page of another site that sends no Origin is told by its Sec-Fetch-Site", async () => {
  for (const site of ["cross-site", "same-site"]) {
    const response = await send(open, "/sse", { "sec-fetch-site": site });
    expect(response.status).toBe(403);
  }
  const none = await send(open, "/mcp", { "sec-fetch-site": "none" });
  expect(none.status).toBe(200);
});

describe("body size", () => {
  const large = JSON.stringify({ ...call, padding: "x".repeat(1024 * 1024) });

  test.each(["/mcp", "/messages?sessionId=x"])("a body that says it is too large gets 413 at %s", async (path) => {
    const response = await send(open, path, {}, { body: large });
    expect(response.status).toBe(413);
    expect(await response.text()).toContain("1048576 bytes");
  });

  test("a chunked body is counted, and gets 413", async () => {
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(large));
        controller.close();
      },
    });
    expect((await send(open, "/mcp", {}, { body })).status).toBe(413);
  });

  test("an endless body is cut off", async () => {
    const { port } = new URL(open.url);
    const head =
      "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
    expect(await raw(Number(port), head + chunk.repeat(64))).toContain("413");
  });
});

describe("what is no endpoint", () => {
  test("POST /sse gets 405 at once: clients that try Streamable HTTP first fall back on it", async () => {
    const response = await fetch(new URL("/sse", open.url), { method: "POST", body: "{}" });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe("GET");
  });

  test("an unknown path gets 404 and says where MCP is, also without a token", async () => {
    const response = await fetch(new URL("/.well-known/oauth-protected-resource", guarded.url));
    expect(response.status).toBe(404);
    expect(await response.text()).toContain("/mcp");
  });

  test("a body that is not JSON gets 400, one of another type 415", async () => {
    expect((await send(open, "/mcp", {}, { body: "{" })).status).toBe(400);
    expect((await send(open, "/mcp", { "content-type": "text/plain" })).status).toBe(415);
  });
});

describe("listening beyond loopback", () => {
  test("without a token it does not start, and names both ways out", async () => {
    const { code, stderr } = await runProduct(["serve", "--demo", "--host", "0.0.0.0", "--port", "0"]);
    expect(code).toBe(2);
    expect(stderr).toContain("MCP_AUTH_TOKEN");
    expect(stderr).toContain("MCP_ALLOW_UNAUTHENTICATED");
  });
});

/** Sends bytes as they are and gives what came back until the server closed or was silent for so long. */
function raw(port: number, bytes: string, silenceMs = 2000): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    socket.setTimeout(silenceMs, () => socket.destroy());
    socket.on("data", (data) => {
      answer += data;
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => resolve(answer));
  });
}
