import { Client as ModernClient, StreamableHTTPClientTransport as ModernHttp } from "@modelcontextprotocol/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { cleanEnvironment, productCommand } from "./product.ts";

/** What a tool answered: its text, and whether it is an error. */
export interface ToolAnswer {
  readonly text: string;
  readonly isError: boolean;
}

/** A real MCP client, whichever SDK it comes from. */
export interface McpClient extends AsyncDisposable {
  listTools(): Promise<string[]>;
  call(name: string, args?: Record<string, unknown>, options?: CallOptions): Promise<ToolAnswer>;
}

/** What both SDKs take with a call. */
export interface CallOptions {
  readonly timeout?: number;
  readonly signal?: AbortSignal;
  /** Asks the server to tell how the call gets on. */
  readonly onprogress?: (progress: { progress: number; message?: string | undefined }) => void;
}

const identity = { name: "proxmox-mcp-tests", version: "1.0.0" };

/** How to reach a server: its base URL, and headers to send with every request. */
export interface Target {
  readonly url: string;
  readonly headers?: Record<string, string>;
}

/** The SDK's v1 client over HTTP+SSE, as most of today's clients are built. */
export async function sseClient({ url, headers = {} }: Target): Promise<McpClient> {
  return await connectV1(
    new SSEClientTransport(new URL("/sse", url), { requestInit: { headers }, eventSourceInit: eventSource(headers) }),
  );
}

/** The SDK's v1 client over Streamable HTTP, with a session. */
export async function httpClient({ url, headers = {} }: Target): Promise<McpClient> {
  // The SDK's own types disagree under exactOptionalPropertyTypes: its transport's sessionId may be undefined.
  return await connectV1(
    new StreamableHTTPClientTransport(new URL("/mcp", url), { requestInit: { headers } }) as Transport,
  );
}

/** The SDK's v1 client over stdio, with a product process of its own. */
export async function stdioClient(args: string[], env: Record<string, string> = {}): Promise<McpClient> {
  const [command = "", ...rest] = productCommand();
  return await connectV1(
    new StdioClientTransport({
      command,
      args: [...rest, "stdio", ...args],
      env: cleanEnvironment(env),
      stderr: "ignore",
    }),
  );
}

/** The SDK's v2 client over `/mcp`, in the revision 2026-07-28 and no other. */
export async function modernClient({ url, headers = {} }: Target): Promise<McpClient> {
  const client = new ModernClient(identity, { versionNegotiation: { mode: { pin: "2026-07-28" } } });
  await client.connect(new ModernHttp(new URL("/mcp", url), { requestInit: { headers } }));
  return {
    listTools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, args = {}, options = {}) => toAnswer(await client.callTool({ name, arguments: args }, options)),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

/** What the Inspector's CLI printed, and how it ended. */
export interface InspectorAnswer {
  readonly code: number;
  readonly json: unknown;
  readonly stderr: string;
}

/** Runs the Inspector's CLI once against a server's `/sse` or `/mcp`. */
export async function inspect(
  endpoint: string,
  transport: "sse" | "http",
  method: string,
  ...more: string[]
): Promise<InspectorAnswer> {
  const cli = Bun.resolveSync("@modelcontextprotocol/inspector/package.json", import.meta.dir).replace(
    /package\.json$/,
    "clients/launcher/build/index.js",
  );
  const child = Bun.spawn(["node", cli, "--cli", endpoint, "--transport", transport, "--method", method, ...more], {
    env: { ...cleanEnvironment(), HOME: process.env["TMPDIR"] ?? "/tmp" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, json: code === 0 ? JSON.parse(stdout) : stdout, stderr };
}

async function connectV1(transport: Transport): Promise<McpClient> {
  const client = new Client(identity);
  await client.connect(transport);
  return {
    listTools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, args = {}, options = {}) =>
      toAnswer(await client.callTool({ name, arguments: args }, undefined, options)),
    [Symbol.asyncDispose]: () => client.close(),
  };
}

function toAnswer(result: Readonly<Record<string, unknown>>): ToolAnswer {
  const content = result["content"] as readonly { type: string; text: string }[];
  return { text: content.map((part) => part.text).join("\n"), isError: result["isError"] === true };
}

/** The v1 SSE client sends its `requestInit` with POSTs only; the stream itself needs a fetch that adds the headers. */
function eventSource(headers: Record<string, string>) {
  return {
    fetch: (url: string | URL | Request, init?: RequestInit) =>
      fetch(url, { ...init, headers: { ...(init?.headers as Record<string, string>), ...headers } }),
  };
}
