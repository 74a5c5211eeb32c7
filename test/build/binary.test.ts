import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { compile } from "../../scripts/build/compile.ts";
import { drive, startDemo } from "../../scripts/build/drive.ts";
import { type BuiltBinary, builtBinary, testCommit } from "./binary.ts";

let built: BuiltBinary | undefined;
let binary = "";
let folder = "";

beforeAll(async () => {
  built = await builtBinary();
  binary = built.path;
  folder = await mkdtemp(join(tmpdir(), "proxmox-mcp-hostile-"));
});

afterAll(async () => {
  await built?.[Symbol.asyncDispose]();
  if (folder !== "") await rm(folder, { recursive: true, force: true });
});

test("the program says version, commit, Bun and SDK, is healthy and lists its tools", async () => {
  const commit = process.env["PROXMOX_MCP_BINARY"] === undefined ? testCommit : "[0-9a-f]{12}(-dirty)?";
  const sdk = manifest.dependencies["@modelcontextprotocol/server"];
  expect(await drive(binary, manifest.version)).toMatch(
    new RegExp(`^${manifest.version} \\(commit ${commit}, Bun ${Bun.version}, MCP SDK ${sdk}\\)$`),
  );
});

test("a .env, a bunfig.toml, a tsconfig.json and a package.json where it stands and where it is started change nothing", async () => {
  const marker = join(folder, "ran");
  const environment = "MCP_AUTH_TOKEN=hostile\nMCP_LOG_FORMAT=json\nNODE_TLS_REJECT_UNAUTHORIZED=0\n";
  await Promise.all([
    ...[".env", ".env.local", ".env.production", ".env.development"].map((name) =>
      Bun.write(join(folder, name), environment),
    ),
    Bun.write(
      join(folder, "bunfig.toml"),
      'preload = ["./hostile.ts"]\nenv = true\n[run]\npreload = ["./hostile.ts"]\n',
    ),
    Bun.write(join(folder, "hostile.ts"), `await Bun.write(${JSON.stringify(marker)}, "");`),
    Bun.write(join(folder, "tsconfig.json"), '{ "compilerOptions": { "paths": { "*": ["./hostile.ts"] } } }'),
    Bun.write(join(folder, "package.json"), '{ "type": "commonjs", "imports": { "#*": "./hostile.ts" } }'),
    copyFile(binary, join(folder, "proxmox-mcp")),
  ]);
  await using demo = await startDemo(join(folder, "proxmox-mcp"), folder);
  // Neither the hostile token's warning nor JSON, and no token is asked for.
  expect(demo.said).toStartWith(`[info] proxmox-mcp ${manifest.version} at `);
  expect((await fetch(`${demo.url}/mcp`, { method: "POST", body: "{}" })).status).not.toBe(401);
  expect(await Bun.file(marker).exists()).toBeFalse();
});

test.skipIf(process.platform !== "linux")("the program needs glibc alone, and an old one", async () => {
  const libraries = await readelf("--dynamic", binary);
  const needed = [...libraries.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name = ""]) => name).sort();
  const glibc = /^(libc|libm|libdl|libpthread)\.so\.\d+$|^ld-linux.*\.so\.\d+$/;
  expect(needed).toContain("libc.so.6");
  expect(needed.filter((name) => !glibc.test(name))).toEqual([]);
  const versions = [...(await readelf("--version-info", binary)).matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor]) =>
    Number(minor),
  );
  // Debian 10 has 2.28; Proxmox VE 8 and 9 stand on 2.36 and 2.41.
  expect(Math.max(...versions)).toBeLessThanOrEqual(28);
});

async function readelf(option: string, file: string): Promise<string> {
  return await Bun.spawn(["readelf", "--wide", option, file], { stdout: "pipe" }).stdout.text();
}

describe("switches of the Bun in the program", () => {
  /** Runs the program where hostile files lie, without the test's own environment. */
  async function start(env: Record<string, string>, ...args: string[]): Promise<{ code: number; said: string }> {
    await Promise.all([
      Bun.write(join(folder, "switched.ts"), 'process.stderr.write("FOREIGN CODE RAN\\n");'),
      Bun.write(join(folder, "switched.toml"), 'preload = ["./switched.ts"]\n'),
    ]);
    const child = Bun.spawn([binary, ...args], { cwd: folder, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    return { code, said: stdout + stderr };
  }

  test.each([
    ["BUN_OPTIONS", "--preload=./switched.ts"],
    ["BUN_OPTIONS", "--import=./switched.ts"],
    ["BUN_OPTIONS", "--config=./switched.toml"],
    ["BUN_OPTIONS", "--inspect=127.0.0.1:0"],
    ["BUN_OPTIONS", "--smol"],
    ["BUN_INSPECT", "127.0.0.1:0"],
    ["BUN_INSPECT_PRELOAD", "./switched.ts"],
    ["BUN_CONFIG_VERBOSE_FETCH", "curl"],
  ])("%s=%s keeps it from starting, and no other code runs", async (name, value) => {
    const { code, said } = await start({ [name]: value }, "--version");
    expect({ code: code > 0, said }).toEqual({ code: true, said: expect.not.stringContaining("FOREIGN CODE RAN") });
    expect(said).not.toContain(manifest.version);
  });

  test("the refusal names the variable and what it does", async () => {
    expect(await start({ BUN_OPTIONS: "--smol" }, "serve", "--demo")).toEqual({
      code: 2,
      said: `Not started, since the environment changes how the Bun runtime inside this program works. Unset:\n  BUN_OPTIONS, which adds Bun's own flags, such as --preload\n`,
    });
  });

  test("what an editor sets for its terminals, and empty variables, do not keep it from starting", async () => {
    // Bun's extension for VS Code sets the first one for every process; strict connects to nothing.
    const env = { BUN_INSPECT_CONNECT_TO: "ws://127.0.0.1:1", BUN_OPTIONS: "", BUN_INSPECT: "", BUN_BE_BUN: "" };
    const { code, said } = await start(env, "--version");
    expect({ code, said }).toEqual({ code: 0, said: expect.stringContaining(manifest.version) });
  });

  test("a string becomes code nowhere in it", async () => {
    const entry = join(folder, "eval.ts");
    await Bun.write(
      entry,
      'try { new Function("return 1")(); process.stdout.write("ran"); } catch (e) { process.stdout.write(String(e)); }',
    );
    const outfile = join(folder, "eval");
    await compile({ entry, outfile, commit: testCommit });
    expect(await Bun.spawn([outfile], { env: {}, stdout: "pipe" }).stdout.text()).toContain("EvalError");
  });
});
