import { tmpdir } from "node:os";

/** How long a program may take to answer `--version`, and to listen, in milliseconds: a hundred times what it needs. */
const maxMs = 10_000;

/** A `serve --demo` on a free port. */
export interface Demo extends AsyncDisposable {
  readonly url: string;
  /** What it wrote on stderr until it listened. */
  readonly said: string;
}

/**
 * Runs a program that was built, as its users do: `--version`, then the demo over HTTP.
 * @param version how what `--version` says begins.
 * @returns what it said.
 * @throws {Error} when an answer is not the expected one.
 */
export async function drive(binary: string, version: string): Promise<string> {
  const said = await run(binary, "--version");
  if (!said.startsWith(version))
    throw new Error(`${binary} --version says ${said}, which should begin with ${version}`);
  await using demo = await startDemo(binary, tmpdir());
  const health = await fetch(`${demo.url}/healthz`);
  if (health.status !== 200) throw new Error(`${binary}: /healthz answers ${health.status}`);
  const names = await toolNames(`${demo.url}/mcp`);
  if (!names.includes("list_clusters")) throw new Error(`${binary}: tools/list names ${names.join(", ") || "nothing"}`);
  return said;
}

/**
 * Starts a program's demo in a folder, with no variable set.
 * @throws {Error} with what it wrote when it ends instead.
 */
export async function startDemo(binary: string, cwd: string): Promise<Demo> {
  const child = Bun.spawn([binary, "serve", "--demo", "--port", "0"], {
    cwd,
    env: {},
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    timeout: maxMs,
  });
  // Read by hand: leaving a loop over it would close the pipe that the program goes on writing to.
  const stderr = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  for (;;) {
    const { done, value } = await stderr.read();
    if (done) throw new Error(`${binary} ended with ${await child.exited} before it listened: ${said}`);
    said += value;
    const url = / at (https?:\/\/[^\s"]+)/.exec(said)?.[1];
    if (url === undefined) continue;
    const end = async () => {
      child.kill();
      await child.exited;
    };
    return { url, said, [Symbol.asyncDispose]: end };
  }
}

async function run(...command: string[]): Promise<string> {
  const child = Bun.spawn(command, { cwd: tmpdir(), env: {}, stdin: "ignore", stderr: "pipe", timeout: maxMs });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${stderr}`);
  return stdout.trim();
}

/** By hand, since the image is built without the packages of the tests, MCP's clients among them. */
async function toolNames(url: string): Promise<string[]> {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json", Accept: "application/json, text/event-stream" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
  });
  const data = (await answer.text()).replace(/^(event: .*|data: )/gm, "");
  const message = JSON.parse(data) as { result?: { tools: { name: string }[] } };
  return message.result?.tools.map(({ name }) => name) ?? [];
}
