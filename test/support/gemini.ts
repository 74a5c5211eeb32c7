import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { cleanEnvironment } from "./product.ts";

/** A tool call that the scripted model makes when its turn comes; the name as the server gives it, without a prefix. */
export interface ScriptedCall {
  readonly tool: string;
  readonly args: Record<string, unknown>;
  /** Runs before the call is made, such as a restart of the server. */
  readonly before?: () => Promise<void>;
}

/** What passed between Gemini CLI and the model: each tool call, and what the CLI handed back for it. */
export interface Exchange {
  readonly name: string;
  readonly args: unknown;
  readonly result: string;
}

/** A run of Gemini CLI: what it printed, and the tool calls it made. */
export interface GeminiRun {
  readonly stdout: string;
  readonly exchanges: readonly Exchange[];
  /** Names of all functions the CLI offered to the model. */
  readonly offered: readonly string[];
}

interface Part {
  readonly text?: string;
  readonly functionCall?: { readonly name: string; readonly args: unknown };
  readonly functionResponse?: { readonly name: string; readonly response: { output?: string; error?: string } };
}

interface GenerateRequest {
  readonly contents: readonly { readonly role?: string; readonly parts: readonly Part[] }[];
  readonly tools?: readonly { readonly functionDeclarations?: readonly { readonly name: string }[] }[];
}

/**
 * Runs the real Gemini CLI, without a terminal, against an MCP server and a model on loopback that follows a script.
 * @param mcpServer the server's entry in Gemini CLI's settings.
 */
export async function runGemini(
  mcpServer: Record<string, unknown>,
  script: readonly ScriptedCall[],
): Promise<GeminiRun> {
  const model = serveModel(script);
  const home = await mkdtemp(join(tmpdir(), "gemini-"));
  try {
    await mkdir(join(home, ".gemini"));
    await mkdir(join(home, "work"));
    const settings = {
      security: { auth: { selectedType: "gemini-api-key" } },
      privacy: { usageStatisticsEnabled: false },
      general: { enableAutoUpdate: false },
      mcpServers: { proxmox: { ...mcpServer, trust: true } },
    };
    await writeFile(join(home, ".gemini", "settings.json"), JSON.stringify(settings));
    const cli = join(
      dirname(Bun.resolveSync("@google/gemini-cli/package.json", import.meta.dir)),
      "bundle",
      "gemini.js",
    );
    const child = Bun.spawn(
      [
        "node",
        cli,
        "--skip-trust",
        "--yolo",
        "--model",
        "gemini-2.5-flash",
        "--prompt",
        "list the nodes of all my clusters",
      ],
      {
        cwd: join(home, "work"),
        env: {
          ...cleanEnvironment(),
          HOME: home,
          GEMINI_API_KEY: "none",
          GOOGLE_GEMINI_BASE_URL: model.url,
          NO_COLOR: "1",
        },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "ignore",
      },
    );
    const stdout = await child.stdout.text();
    await child.exited;
    return { stdout, exchanges: model.exchanges, offered: model.offered };
  } finally {
    await model.stop();
    await rm(home, { recursive: true, force: true });
  }
}

/** A model that makes the script's calls one after the other, and then says that it is done. */
function serveModel(script: readonly ScriptedCall[]) {
  const exchanges: Exchange[] = [];
  const offered: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname.endsWith(":countTokens")) return Response.json({ totalTokens: 1 });
      const { contents, tools } = (await request.json()) as GenerateRequest;
      const names = (tools ?? []).flatMap(({ functionDeclarations = [] }) =>
        functionDeclarations.map(({ name }) => name),
      );
      offered.splice(0, offered.length, ...names);
      const done = contents
        .flatMap(({ parts }) => parts)
        .filter(({ functionResponse }) => functionResponse !== undefined);
      exchanges.splice(
        0,
        exchanges.length,
        ...done.map(({ functionResponse }) => toExchange(functionResponse, contents)),
      );
      const next = script[done.length];
      await next?.before?.();
      const name = names.find((candidate) => next !== undefined && candidate.endsWith(next.tool));
      const part: Part =
        next === undefined
          ? { text: "The script is done." }
          : name === undefined
            ? { text: `There is no tool ${next.tool}.` }
            : { functionCall: { name, args: next.args } };
      const chunk = {
        candidates: [{ content: { role: "model", parts: [part] }, finishReason: "STOP", index: 0 }],
        usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
      };
      if (!pathname.endsWith(":streamGenerateContent")) return Response.json(chunk);
      return new Response(`data: ${JSON.stringify(chunk)}\n\n`, { headers: { "content-type": "text/event-stream" } });
    },
  });
  return { url: server.url.origin, exchanges, offered, stop: () => server.stop(true) };
}

function toExchange(response: Part["functionResponse"], contents: GenerateRequest["contents"]): Exchange {
  const name = response?.name ?? "";
  const calls = contents.flatMap(({ parts }) => parts).flatMap(({ functionCall }) => functionCall ?? []);
  const args = calls.findLast((call) => call.name === name)?.args;
  return { name, args, result: response?.response.output ?? response?.response.error ?? "" };
}
