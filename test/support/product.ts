import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** How the product is started in tests: the source, or the compiled binary that PROXMOX_MCP_BINARY names. */
export function productCommand(): string[] {
  const binary = process.env["PROXMOX_MCP_BINARY"];
  if (binary !== undefined) return [binary];
  return [process.execPath, fileURLToPath(new URL("../../src/main.ts", import.meta.url))];
}

/** A `serve` process of the product. */
export interface Product extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** The folder of its control socket, for `MCP_RUNTIME_DIR` of commands that ask it. */
  readonly runtime: string;
  /** All of stderr so far. */
  stderr(): string;
  /** Ends it with a signal and gives the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number>;
}

/** Where products of tests put their control sockets, apart from the servers of the user who runs the tests. */
const testRuntime = join(tmpdir(), `proxmox-mcp-tests-${process.getuid?.() ?? 0}`);

/** The environment of a test's product: nothing of the machine's own settings but what a process needs to run. */
export function cleanEnvironment(extra: Record<string, string> = {}): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", MCP_RUNTIME_DIR: testRuntime, ...extra };
}

/**
 * Starts `serve` on a free loopback port, or the one given, and waits until it says where it listens.
 * @throws with its stderr when it ends instead.
 */
export async function startProduct(args: string[], env: Record<string, string> = {}, port = 0): Promise<Product> {
  const runtime = env["MCP_RUNTIME_DIR"] ?? (await mkdtemp(join(tmpdir(), "proxmox-mcp-run-")));
  const child = Bun.spawn([...productCommand(), "serve", "--port", String(port), ...args], {
    env: cleanEnvironment({ MCP_RUNTIME_DIR: runtime, ...env }),
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const output = collect(child.stderr);
  const url = await Promise.race([
    output.line(/ at (https?:\/\/\S+)/),
    child.exited.then((code) => {
      throw new Error(`the product ended with ${code}: ${output.text()}`);
    }),
  ]);
  const stop = async (signal: NodeJS.Signals = "SIGTERM") => {
    child.kill(signal);
    const code = await child.exited;
    if (env["MCP_RUNTIME_DIR"] === undefined) await rm(runtime, { recursive: true, force: true });
    return code;
  };
  return {
    url,
    pid: child.pid,
    runtime,
    stderr: output.text,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop("SIGKILL");
    },
  };
}

/** Runs the product until it ends by itself, with nothing on stdin. */
export async function runProduct(
  args: string[],
  env: Record<string, string> = {},
  cwd?: string,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = Bun.spawn([...productCommand(), ...args], {
    env: cleanEnvironment(env),
    ...(cwd !== undefined && { cwd }),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, stdout, stderr };
}

function collect(stream: ReadableStream<Uint8Array>): { text(): string; line(pattern: RegExp): Promise<string> } {
  let text = "";
  let changed = Promise.withResolvers<void>();
  void (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      text += decoder.decode(chunk, { stream: true });
      changed.resolve();
      changed = Promise.withResolvers<void>();
    }
  })();
  return {
    text: () => text,
    async line(pattern) {
      for (;;) {
        const found = pattern.exec(text)?.[1];
        if (found !== undefined) return found;
        await changed.promise;
      }
    },
  };
}
