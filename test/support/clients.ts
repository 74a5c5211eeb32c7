import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernHttp,
  type Transport as ModernTransport,
} from "@modelcontextprotocol/client";
import { StdioClientTransport as ModernStdio } from "@modelcontextprotocol/client/stdio";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
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

/** What a human is shown, and the form that they fill in. */
export interface Shown {
  readonly message: string;
  /** The title of the one field, which says what to type; `undefined` where one click is enough. */
  readonly title: string | undefined;
}

/** What a human does with a question. */
export type HumanAnswer =
  | { readonly action: "accept"; readonly content?: { readonly confirm?: string } }
  | { readonly action: "decline" | "cancel" };

/** Answers the client's elicitation requests. */
export type Human = (shown: Shown) => HumanAnswer | Promise<HumanAnswer>;

/** A human who types this. */
export function typing(confirm: string): Human {
  return () => ({ action: "accept", content: { confirm } });
}

/** The time that a human needs to read a question; a click that comes sooner is the client's own (fastestHumanMs). */
const readingMs = 330;

/** A human who clicks or declines, after reading. */
export function clicking(action: HumanAnswer["action"]): Human {
  return async (): Promise<HumanAnswer> => {
    await Bun.sleep(readingMs);
    return { action };
  };
}

/** A human who agrees to everything: types what the form asks for, or clicks. */
export const agreeable: Human = (shown) => {
  if (shown.title === undefined) return clicking("accept")(shown);
  const [word = '""'] = /"(?:[^"\\]|\\.)*"/.exec(shown.title) ?? [];
  return { action: "accept", content: { confirm: String(JSON.parse(word)) } };
};

const identity = { name: "proxmox-mcp-tests", version: "1.0.0" };

/** How to reach a server: its base URL, and headers to send with every request. */
export interface Target {
  readonly url: string;
  readonly headers?: Record<string, string>;
  /** Answers elicitation requests; without one the client does not declare elicitation. */
  readonly human?: Human;
}

/** The SDK's v1 client over HTTP+SSE, as most of today's clients are built. */
export async function sseClient({ url, headers = {}, human }: Target): Promise<McpClient> {
  return await connectV1(new SSEClientTransport(new URL("/sse", url), { requestInit: { headers } }), human);
}

/** The SDK's v1 client over Streamable HTTP, with a session. */
export async function httpClient({ url, headers = {}, human }: Target): Promise<McpClient> {
  // The SDK's own types disagree under exactOptionalPropertyTypes: its transport's sessionId may be undefined.
  return await connectV1(
    new StreamableHTTPClientTransport(new URL("/mcp", url), { requestInit: { headers } }) as Transport,
    human,
  );
}

/** The SDK's v1 client over stdio, with its own product process. */
export async function stdioClient(args: string[], env: Record<string, string> = {}, human?: Human): Promise<McpClient> {
  return await connectV1(new StdioClientTransport({ ...stdioServer(args, env), stderr: "ignore" }), human);
}

/** The SDK's v2 client over `/mcp`, in the revision 2026-07-28 and no other. */
export async function modernClient({ url, headers = {}, human }: Target): Promise<McpClient> {
  return await connectV2(new ModernHttp(new URL("/mcp", url), { requestInit: { headers } }), human);
}

/** The SDK's v2 client over stdio, in the revision 2026-07-28, with its own product process. */
export async function modernStdioClient(
  args: string[],
  env: Record<string, string> = {},
  human?: Human,
): Promise<McpClient> {
  return await connectV2(new ModernStdio({ ...stdioServer(args, env), stderr: "ignore" }), human);
}

function stdioServer(args: string[], env: Record<string, string>) {
  const [command = "", ...rest] = productCommand();
  return { command, args: [...rest, "stdio", ...args], env: cleanEnvironment(env) };
}

async function connectV2(transport: ModernTransport, human?: Human): Promise<McpClient> {
  const client = new ModernClient(identity, {
    versionNegotiation: { mode: { pin: "2026-07-28" } },
    capabilities: capabilitiesWith(human),
  });
  if (human !== undefined) {
    client.setRequestHandler("elicitation/create", async ({ params }) => {
      return { ...(await human(toShown(params))) };
    });
  }
  await client.connect(transport);
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

function capabilitiesWith(human: Human | undefined) {
  return human === undefined ? {} : { elicitation: { form: {} } };
}

function toShown(params: { readonly message: string; readonly requestedSchema?: unknown }): Shown {
  const { properties } = params.requestedSchema as { properties: { confirm?: { title: string } } };
  return { message: params.message, title: properties.confirm?.title };
}

async function connectV1(transport: Transport, human?: Human): Promise<McpClient> {
  const client = new Client(identity, { capabilities: capabilitiesWith(human) });
  if (human !== undefined) {
    client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
      return { ...(await human(toShown(params as Parameters<typeof toShown>[0]))) };
    });
  }
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
