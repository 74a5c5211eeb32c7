import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compile } from "../scripts/build/compile.ts";
import { embeddedDemo } from "../src/cli/demo.ts";

/** The programs that are compared, all compiled with the options of the product: their paths. */
export interface Programs {
  /** The product. */
  readonly ours: string;
  /** Answers a constant. */
  readonly hello: string;
  /** Runs the same tools without SDK, gates and policy; its demo also answers as a Proxmox under `/api2/json`. */
  readonly bare: string;
  /** A folder for more files, gone in the end. */
  readonly folder: string;
}

/** A program that listens. */
export interface Running extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** From its start to its first answer, in milliseconds. */
  readonly startMs: number;
}

/** Compiles the programs into a folder. */
export async function buildPrograms(folder: string): Promise<Programs> {
  const build = async (name: string, source: string) => {
    const outfile = join(folder, name);
    await compile({ entry: fileURLToPath(new URL(source, import.meta.url)), outfile, commit: "bench" });
    return outfile;
  };
  return {
    ours: await build("ours", "../src/main.ts"),
    hello: await build("hello", "programs/hello.ts"),
    bare: await build("bare", "programs/bare.ts"),
    folder,
  };
}

/** What the demo's Proxmox takes as a token. */
export function demoCredentials(): { user: string; tokenId: string; tokenSecret: string } {
  const [cluster] = embeddedDemo().config.clusters;
  if (cluster === undefined) throw new Error("the demo has no cluster");
  return { user: cluster.user, tokenId: cluster.tokenId, tokenSecret: cluster.tokenSecret.reveal() };
}

/** Nothing listens here. */
const nowhere = "http://127.0.0.1:9";

/** Arguments of the product: clusters `alpha` and `beta`, both at one address. */
export async function twoClusters(folder: string, url = nowhere): Promise<string[]> {
  const { user, tokenId, tokenSecret } = demoCredentials();
  const cluster = { url, user, token_id: tokenId, token_secret: tokenSecret, access: "full" };
  const file = join(folder, "clusters.json");
  await Bun.write(file, JSON.stringify({ clusters: { alpha: cluster, beta: cluster } }), { mode: 0o600 });
  return ["--config", file];
}

/** How long a program may take to listen, in milliseconds. */
const patienceMs = 10_000;

/**
 * Starts a program on a free port of this machine and waits for its first answer. It is not asked before it says that
 * it listens: asking again and again takes processor time from it, and made the product look 20 ms slower.
 * @throws {Error} with its stderr when it does not listen.
 */
export async function start(program: string, args: readonly string[] = []): Promise<Running> {
  const begin = performance.now();
  const child = Bun.spawn([program, "serve", ...args, "--port", "0"], {
    env: {},
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const stop = async () => {
    child.kill("SIGKILL");
    await child.exited;
  };
  const patience = setTimeout(stop, patienceMs);
  const url = await listening(child.stderr);
  clearTimeout(patience);
  const response = await fetch(`${url}/healthz`, { keepalive: false });
  await response.bytes();
  return { url, pid: child.pid, startMs: performance.now() - begin, [Symbol.asyncDispose]: stop };
}

async function listening(stderr: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  const reader = stderr.getReader();
  let said = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`it does not listen: ${said}`);
    said += decoder.decode(value, { stream: true });
    const url = / at (https?:\/\/\S+)/.exec(said)?.[1];
    if (url !== undefined) return url;
  }
}
