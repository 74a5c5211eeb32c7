import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import manifest from "../../package.json" with { type: "json" };
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
