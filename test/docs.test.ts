import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { access } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../package.json" with { type: "json" };
import { fileOf, pages, withTables } from "../scripts/docs.ts";
import { parseClusters } from "../src/config/clusters/clusters.ts";
import { loadServerConfig } from "../src/config/server/server.ts";
import { httpClient } from "./support/clients.ts";
import { type ConfigFile, configFile } from "./support/config-file.ts";
import { makeAuthority } from "./support/pki.ts";
import { cleanEnvironment, type Product, runProduct, startProduct } from "./support/product.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
/** The text of each page. */
const texts = new Map<string, string>();
for (const page of Object.keys(pages)) texts.set(page, await Bun.file(fileOf(page)).text());
const readme = texts.get("README.md") ?? "";
const text = [...texts.values()].join("\n");

/** The blocks of code in a language, of all pages. */
function blocks(language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map(([, block = ""]) => block);
}

/** Every line of the shell blocks, without comments. */
const commands = blocks("sh")
  .flatMap((block) => block.split("\n"))
  .map((line) => line.replace(/\s+#.*$/, "").trim())
  .filter((line) => line !== "" && !line.startsWith("#"));

/** Commands for other machines and programs, which no test of ours can run, and what is checked instead. */
const elsewhere: [RegExp, string][] = [
  [/^pveum /, "on a Proxmox node"],
  [/^claude mcp add /, "Claude Code; its arguments are those of the commands that run below"],
  [/^docker /, "a container engine; the image is proved by prove:image"],
  [/^MCP_ALLOWED_HOSTS=\S+ docker compose /, "a container engine"],
  [/^(sha256sum|gunzip|install|openssl|cp|systemctl|journalctl) /, "an installation as root, with systemd"],
];

test.each([...texts])("the tables of %s are those of the definitions (else run `bun run docs`)", (page, content) => {
  expect(withTables(page, content)).toBe(content);
});

test("the README is short enough to be read", () => {
  expect(Buffer.byteLength(readme)).toBeLessThan(10_000);
});

/** Figures, ages and ids differ from answer to answer. */
function fixedPart(line: string): string {
  return line.replaceAll(/\b[0-9A-F]{8}\b/g, "HEX").replaceAll(/\d+(?:\.\d+)?/g, "N");
}

test("every answer that the README shows is what the demo answers", async () => {
  await using product = await startProduct(["--demo"]);
  await using client = await httpClient(product);
  const examples = [...readme.matchAll(/^`(\w+) (\{[^\n]*\})`\n\n```text\n(.*?)^```/gms)];
  expect(examples.length).toBe(5);
  for (const [, tool = "", args = "", shown = ""] of examples) {
    const answer = (await client.call(tool, JSON.parse(args))).text.split("\n").map(fixedPart);
    const lines = shown
      .trimEnd()
      .split("\n")
      .filter((line) => line !== "...")
      .map(fixedPart);
    expect(lines.filter((line) => !answer.includes(line))).toEqual([]);
  }
});

describe("every command of the pages", () => {
  /** Those that CI, `check` and the tests of the build run as they stand. */
  const scripts = commands.flatMap((line) => /^npx -y bun@\S+ run (\S+)$/.exec(line)?.[1] ?? []);
  const install = "npx -y bun@1.4.5 install --frozen-lockfile";
  const own = commands.filter((line) => /^(proxmox-mcp|npx -y bun@\S+ src\/main\.ts)( |$)/.test(line));

  test("is run here, is a script of the project, or stands in the list of those that cannot be", () => {
    const known = (line: string) =>
      own.includes(line) ||
      line === install ||
      /^npx -y bun@\S+ run /.test(line) ||
      elsewhere.some(([form]) => form.test(line));
    expect(commands.filter((line) => !known(line))).toEqual([]);
    expect(elsewhere.filter(([form]) => !commands.some((line) => form.test(line)))).toEqual([]);
    expect(scripts).toEqual(["demo", "check", "build", "build:all"]);
    expect(Object.keys(manifest.scripts)).toEqual(expect.arrayContaining(scripts));
  });

  test("names the version of Bun that the project is made for", () => {
    const versions = new Set([...text.matchAll(/bun@([\d.]+)/g)].map(([, version]) => version));
    expect([...versions]).toEqual([Bun.version]);
  });

  describe("of the program", () => {
    let config: ConfigFile;
    /** What `status` and `consents` ask. */
    let running: Product;
    beforeAll(async () => {
      running = await startProduct(["--demo"]);
      const cluster = { url: "http://127.0.0.1:9", user: "mcp@pve", token_id: "t", token_secret: "s" };
      config = await configFile({ clusters: { home: cluster } });
    });
    afterAll(async () => {
      await Promise.all([config[Symbol.asyncDispose](), running.stop()]);
    });

    test.each(own)("%s", async (line) => {
      const args = line
        .replace(/^(proxmox-mcp|npx -y bun@\S+ src\/main\.ts) ?/, "")
        .split(" ")
        .filter(Boolean);
      const [command] = args;
      if (command === undefined || command === "serve") {
        await using product = await startProduct(args.slice(1), {
          PROXMOX_MCP_CONFIG: args.includes("--demo") ? "" : config.path,
        });
        expect((await fetch(`${product.url}/healthz`)).status).toBe(200);
        return;
      }
      // Without a cluster at hand `check` says that none answers, which is its job, too.
      const { code, stderr } = await runProduct(args, {
        PROXMOX_MCP_CONFIG: config.path,
        MCP_RUNTIME_DIR: running.runtime,
      });
      expect({ line, code, stderr }).toEqual({ line, code: command === "check" ? 1 : 0, stderr: expect.any(String) });
      expect(stderr).not.toContain("not understood");
    });
  });

  test("for stdio starts the server, whatever folder it is started in", async () => {
    const line = commands.find((command) => command.startsWith("claude mcp add proxmox -- ")) ?? "";
    const [, given = ""] = /bun@\S+ (.*)$/.exec(line) ?? [];
    const hostile = {
      ".env": "PROXMOX_URL=evil.invalid\n",
      "bunfig.toml": 'preload = ["./evil.ts"]\n',
      "evil.ts": 'console.log("evil")\n',
    };
    await using file = await configFile(
      { clusters: { home: { url: "pve1.invalid", user: "a@pve", token_id: "t", token_secret: "s" } } },
      hostile,
    );
    const args = given.replace("/path/to/proxmox-mcp", root).replace("/path/to/clusters.json", file.path).split(" ");
    const child = Bun.spawn([process.execPath, ...args], {
      cwd: file.folder,
      env: cleanEnvironment(),
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" })}\n`);
    const { value } = await child.stdout.getReader().read();
    const answer = new TextDecoder().decode(value);
    expect(answer).toStartWith('{"');
    expect(answer).not.toContain("evil");
    await child.stdin.end();
    await child.exited;
  });
});

describe("every example of settings", () => {
  test("is JSON; the clusters.json loads; the Gemini CLI's name our endpoints", async () => {
    const [clusters = "", ...gemini] = blocks("json");
    await using folder = await configFile({}, { "pve-root-ca.pem": (await makeAuthority()).pem });
    const read = parseClusters(clusters, { source: "README", folder: folder.folder, env: {} });
    expect(read.clusters.map(({ name }) => name)).toEqual(["home"]);
    const servers = gemini.map((block) => JSON.parse(block).mcpServers.proxmox);
    expect(servers).toMatchObject([
      { url: "http://127.0.0.1:8000/sse", type: "sse" },
      { httpUrl: "http://127.0.0.1:8000/mcp" },
      { command: "npx", args: expect.arrayContaining(["stdio"]) },
    ]);
    const { host, port } = loadServerConfig({ flags: {}, env: {} });
    expect(`http://${host}:${port}`).toBe("http://127.0.0.1:8000");
  });

  test("and every file that it links to is there", async () => {
    for (const [page, content] of texts) {
      const links = [...content.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, path = ""]) => path);
      for (const path of links) await access(join(dirname(fileOf(page)), path));
    }
  });
});

test("what Troubleshooting quotes stands in our own texts, or in those that other tests expect", async () => {
  const sources: string[] = [];
  for await (const file of new Bun.Glob("{src,test}/**/*.{ts,snap}").scan(root))
    if (file !== "test/docs.test.ts") sources.push(await Bun.file(`${root}/${file}`).text());
  const all = sources.join("\n").replaceAll(/" \+\s+"/g, "");
  const rows = (texts.get("docs/troubleshooting.md") ?? "").split("\n");
  const quotes = rows.flatMap((row) =>
    [...(row.split("|")[1] ?? "").matchAll(/`([^`]+)`/g)].map(([, quote = ""]) => quote),
  );
  /** Words that stand between values of the moment; and what others say. */
  const fixed = (quote: string) =>
    quote.split(/\.\.\.|"[^"]*"|\d{3}, |VM\.PowerMgmt.*|\d+|pve1|127\.0\.0\.1|\/run\S*/).map((part) => part.trim());
  const others = ["No such file or directory", "url"];
  for (const quote of quotes.filter((candidate) => !others.includes(candidate))) {
    for (const part of fixed(quote).filter((words) => words.length > 3))
      expect({ quote, part, found: all.includes(part) }).toEqual({ quote, part, found: true });
  }
});
