import { until } from "./listening.ts";
import { cleanEnvironment, productCommand } from "./product.ts";

/** An id of JSON-RPC. */
type Id = number | string;

/** An answer of JSON-RPC as the server writes it; notifications have no id. */
interface Answer {
  readonly id: Id | null;
  readonly result?: { readonly content?: readonly { readonly text: string }[]; readonly isError?: boolean };
  readonly error?: { readonly code: number; readonly message: string };
}

/** A `stdio` process of the product without an SDK client, which would cancel its calls when it closes stdin. */
export interface StdioProcess extends AsyncDisposable {
  readonly pid: number;
  /** Sends a call of a tool; its answer has the given id. */
  call(id: Id, name: string, args: Record<string, unknown>): void;
  /** Cancels a call. */
  cancel(id: Id): void;
  /** The last answer with an id: its text. */
  answer(id: Id): string | undefined;
  /** All answers so far, errors included. */
  answers(): readonly Answer[];
  stderr(): string;
  closeStdin(): void;
  kill(signal: NodeJS.Signals): void;
  readonly exited: Promise<number>;
}

const version = "2026-07-28";
const clientInfo = { name: "by-hand", version: "1" };

/** Starts it and goes through the handshake of an era. */
export async function stdioProcess(
  era: "2025" | "2026",
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<StdioProcess> {
  const child = Bun.spawn([...productCommand(), "stdio", ...args], {
    env: cleanEnvironment({ MCP_LOG_LEVEL: "debug", ...env }),
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
  const answers: Answer[] = [];
  const answer = (id: Id) => {
    const found = answers.findLast((one) => one.id === id);
    return found && (found.result?.content?.[0]?.text ?? JSON.stringify(found.result ?? found.error));
  };
  const read = (line: string) => {
    const message = JSON.parse(line) as Partial<Answer>;
    if (message.id !== undefined) answers.push(message as Answer);
  };
  void eachLine(child.stdout, read);
  let stderr = "";
  void eachLine(child.stderr, (line) => {
    stderr += `${line}\n`;
  });
  const send = (message: object) => {
    child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
    child.stdin.flush();
  };
  const meta = {
    "io.modelcontextprotocol/protocolVersion": version,
    "io.modelcontextprotocol/clientInfo": clientInfo,
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  if (era === "2025") {
    const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo };
    send({ id: 0, method: "initialize", params });
    await until(() => answer(0) !== undefined, 20_000);
    send({ method: "notifications/initialized" });
  }
  return {
    pid: child.pid,
    call: (id, name, given) =>
      send({
        id,
        method: "tools/call",
        params: { name, arguments: given, ...(era === "2026" && { _meta: meta }) },
      }),
    cancel: (id) =>
      send({
        method: "notifications/cancelled",
        params: { requestId: id, ...(era === "2026" && { _meta: meta }) },
      }),
    answer,
    answers: () => answers,
    stderr: () => stderr,
    closeStdin: () => child.stdin.end(),
    kill: (signal) => child.kill(signal),
    exited: child.exited,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

async function eachLine(stream: ReadableStream<Uint8Array>, read: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) read(line);
  }
}
