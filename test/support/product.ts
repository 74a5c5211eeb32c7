import { fileURLToPath } from "node:url";

/** How the product is started in tests: the source, or the compiled binary that PROXMOX_MCP_BINARY names. */
export function productCommand(): string[] {
  const binary = process.env["PROXMOX_MCP_BINARY"];
  if (binary !== undefined) return [binary];
  return [process.execPath, fileURLToPath(new URL("../../src/main.ts", import.meta.url))];
}

/** A `serve` of the product in a process of its own. */
export interface Product extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** All of stderr so far. */
  stderr(): string;
  /** Ends it with a signal and gives the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number>;
}

/** The environment of a test's product: nothing of the machine's own settings but what a process needs to run. */
export function cleanEnvironment(extra: Record<string, string> = {}): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", ...extra };
}

/**
 * Starts `serve` on a free loopback port, or the one given, and waits until it says where it listens.
 * @throws with its stderr when it ends instead.
 */
export async function startProduct(args: string[], env: Record<string, string> = {}, port = 0): Promise<Product> {
  const child = Bun.spawn([...productCommand(), "serve", "--port", String(port), ...args], {
    env: cleanEnvironment(env),
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
    return await child.exited;
  };
  return {
    url,
    pid: child.pid,
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
