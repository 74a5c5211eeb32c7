import { cleanEnvironment, productCommand } from "./product.ts";

/** An answer to a message: the HTTP status where there is one, and the JSON-RPC answer, or the text that is none. */
export interface RawAnswer {
  readonly status: number;
  readonly text: string;
}

/** A connection to a server that sends any text as a message. */
export interface RawMcp extends AsyncDisposable {
  /**
   * Sends a request whose id is `id`, and gives its answer.
   * @param members the members of the JSON-RPC message beside `jsonrpc` and `id`, as JSON without braces.
   */
  request(id: number, members: string): Promise<RawAnswer>;
}

const json = { "content-type": "application/json", accept: "application/json, text/event-stream" };
const clientInfo = { name: "raw", version: "1" };
const modernVersion = "2026-07-28";
const meta = {
  "io.modelcontextprotocol/protocolVersion": modernVersion,
  "io.modelcontextprotocol/clientInfo": clientInfo,
  "io.modelcontextprotocol/clientCapabilities": {},
};
const hello = `"method":"initialize","params":${JSON.stringify({
  protocolVersion: "2025-06-18",
  capabilities: {},
  clientInfo,
})}`;
const initialized = `{"jsonrpc":"2.0","method":"notifications/initialized"}`;

/** The members of a call of a tool; `args` is JSON. */
export function callOf(tool: string, args: string, transport: keyof typeof rawTransports): string {
  const end = transport === "modern" ? `,"_meta":${JSON.stringify(meta)}` : "";
  return `"method":"tools/call","params":{"name":${JSON.stringify(tool)},"arguments":${args}${end}}`;
}

/** Each transport by its name. */
export const rawTransports = { modern, session, sse, stdio } as const;

/** MCP 2026-07-28 over `/mcp`. */
async function modern(url: string): Promise<RawMcp> {
  return {
    async request(id, members) {
      const method = /^"method":"([^"]+)"/.exec(members)?.[1] ?? "";
      const name = /"params":\{"name":"([^"]+)"/.exec(members)?.[1];
      const headers = {
        ...json,
        "mcp-protocol-version": modernVersion,
        "mcp-method": method,
        ...(name !== undefined && { "mcp-name": name }),
      };
      return await post(new URL("/mcp", url), messageOf(id, members), headers);
    },
    async [Symbol.asyncDispose]() {},
  };
}

/** MCP 2025-06-18 over `/mcp`, in a session. */
async function session(url: string): Promise<RawMcp> {
  const at = new URL("/mcp", url);
  const begun = await fetch(at, { method: "POST", headers: json, body: messageOf(0, hello) });
  await begun.text();
  const id = begun.headers.get("mcp-session-id") ?? "";
  const headers = { ...json, "mcp-session-id": id, "mcp-protocol-version": "2025-06-18" };
  await post(at, initialized, headers);
  return {
    request: async (number, members) => await post(at, messageOf(number, members), headers),
    async [Symbol.asyncDispose]() {
      await fetch(at, { method: "DELETE", headers });
    },
  };
}

/** HTTP+SSE. */
async function sse(url: string): Promise<RawMcp> {
  const stop = new AbortController();
  const stream = await fetch(new URL("/sse", url), { signal: stop.signal });
  if (stream.body === null) throw new Error("no stream");
  const answers = new Answers();
  const endpoint = Promise.withResolvers<string>();
  void eachEvent(stream.body, (name, data) => {
    if (name === "endpoint") endpoint.resolve(data);
    else answers.read(data);
  }).catch((error: unknown) => answers.fail(error));
  const at = new URL(await endpoint.promise, url);
  const request = async (id: number, members: string) => {
    const answer = answers.to(id);
    const accepted = await post(at, messageOf(id, members), json);
    return accepted.status === 202 ? { status: 200, text: await answer } : accepted;
  };
  await request(0, hello);
  await post(at, initialized, json);
  return {
    request,
    async [Symbol.asyncDispose]() {
      stop.abort();
    },
  };
}

/** A `stdio` process with these arguments. */
async function stdio(_: string, args: readonly string[] = []): Promise<RawMcp> {
  const child = Bun.spawn([...productCommand(), "stdio", ...args], {
    env: cleanEnvironment(),
    stdin: "pipe",
    stdout: "pipe",
    stderr: "ignore",
  });
  const answers = new Answers();
  void eachLine(child.stdout, (line) => answers.read(line));
  void child.exited.then((code) => answers.fail(new Error(`the process ended with ${code}`)));
  const send = async (text: string) => {
    child.stdin.write(`${text}\n`);
    await child.stdin.flush();
  };
  const request = async (id: number, members: string) => {
    const answer = answers.to(id);
    await send(messageOf(id, members));
    return { status: 200, text: await answer };
  };
  await request(0, hello);
  await send(initialized);
  return {
    request,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

/** Answers that come over a stream, by the ids of their requests. */
class Answers {
  readonly #waiting = new Map<number, PromiseWithResolvers<string>>();
  #failure: unknown;

  to(id: number): Promise<string> {
    const waiting = Promise.withResolvers<string>();
    // A request that is refused at once has no answer on the stream.
    waiting.promise.catch(() => undefined);
    this.#waiting.set(id, waiting);
    if (this.#failure !== undefined) waiting.reject(this.#failure);
    return waiting.promise;
  }

  read(message: string): void {
    const { id } = JSON.parse(message) as { id?: number };
    if (id !== undefined) this.#waiting.get(id)?.resolve(message);
  }

  fail(error: unknown): void {
    this.#failure = error;
    for (const { reject } of this.#waiting.values()) reject(error);
  }
}

function messageOf(id: number, members: string): string {
  return `{"jsonrpc":"2.0","id":${id},${members}}`;
}

async function post(url: URL, body: string, headers: Record<string, string>): Promise<RawAnswer> {
  const response = await fetch(url, { method: "POST", headers, body });
  const text = await response.text();
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") === true;
  return { status: response.status, text: isStream ? (/^data: (\{.*)$/m.exec(text)?.[1] ?? "") : text };
}

async function eachEvent(body: ReadableStream<Uint8Array>, read: (name: string, data: string) => void): Promise<void> {
  let name = "message";
  await eachLine(body, (line) => {
    if (line.startsWith("event: ")) name = line.slice(7);
    if (line.startsWith("data: ")) read(name, line.slice(6));
    if (line === "") name = "message";
  });
}

async function eachLine(stream: ReadableStream<Uint8Array>, read: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) read(line.replace(/\r$/, ""));
  }
}
