import { expect, test } from "bun:test";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Glob } from "bun";

const src = fileURLToPath(new URL("../src", import.meta.url));

/** The house from the ground up: a floor imports itself and those before it. What stands in one list is one floor. */
const floors = [
  [
    "config",
    "descriptors.ts",
    "glob.ts",
    "line-queue.ts",
    "log.ts",
    "sanitize.ts",
    "version.ts",
    "signer.ts",
    "within.ts",
    "redact",
  ],
  ["proxmox"],
  ["clusters.ts", "simulator", "apidoc"],
  ["policy"],
  ["tools"],
  ["mcp"],
  ["http", "control"],
  ["cli"],
  ["main.ts"],
];

interface Import {
  readonly from: string;
  readonly to: string;
}

/** Every import of one file of src by another, types included: a type that goes up is a floor that leaks, too. */
const imports: Import[] = [];
for (const file of new Glob("**/*.ts").scanSync(src)) {
  const text = await Bun.file(join(src, file)).text();
  for (const [, specifier = ""] of text.matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)) {
    imports.push({ from: file, to: relative(src, normalize(join(src, dirname(file), specifier))) });
  }
}

function floorOf(file: string): number {
  const top = file.split("/")[0] ?? "";
  return floors.findIndex((floor) => floor.includes(top));
}

function roomOf(file: string): string {
  return file.split("/")[0] ?? "";
}

test("every file of src stands on a floor", () => {
  const homeless = [...new Glob("**/*.ts").scanSync(src)].filter((file) => floorOf(file) < 0);
  expect(homeless).toEqual([]);
});

test("imports go down only, or stay in their room", () => {
  expect(imports.length).toBeGreaterThan(50);
  const wrong = imports.filter(
    ({ from, to }) => roomOf(from) !== roomOf(to) && floorOf(from) <= floorOf(to) && floorOf(to) !== 0,
  );
  expect(wrong.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
});

test("only the command line imports the simulator", () => {
  const others = imports.filter(
    ({ from, to }) => roomOf(to) === "simulator" && !["simulator", "cli"].includes(roomOf(from)),
  );
  expect(others).toEqual([]);
});

test("no tool sees the clusters but through the policy", () => {
  const allowed =
    /^(config\/|policy\/|apidoc\/(?!library)|proxmox\/(cancellation|errors|message|params|path|stable-order|task|upid|waiting)\.ts$|(clusters|glob|plain)\.ts$)/;
  const around = imports.filter(
    ({ from, to }) => roomOf(from) === "tools" && roomOf(to) !== "tools" && !allowed.test(to),
  );
  expect(around).toEqual([]);
  const manager = imports.filter(({ from, to }) => roomOf(from) === "tools" && to === "clusters.ts");
  // It takes the error class from there; the clusters themselves come with the policy around them.
  expect(manager.map(({ from }) => from)).toEqual(["tools/failure.ts"]);
});

test("only config reads the environment, only main and cli exit", async () => {
  const wrong: string[] = [];
  for (const file of new Glob("**/*.ts").scanSync(src)) {
    const text = await Bun.file(join(src, file)).text();
    if (/\b(process|Bun)\.env\b/.test(text) && roomOf(file) !== "config") wrong.push(`${file} reads the environment`);
    if (/\bprocess\.exit\b/.test(text) && !["cli", "main.ts"].includes(roomOf(file))) wrong.push(`${file} exits`);
  }
  expect(wrong).toEqual([]);
});

/** Where texts leave this process, and nowhere else: each of these files redacts what it writes. */
const outlets: readonly (readonly [what: string, pattern: RegExp, files: readonly string[]])[] = [
  [
    "writes to a file descriptor",
    /\bwriteSync\(|\bwrite\(descriptor|\bfile\.write\(/,
    ["line-queue.ts", "policy/audit/audit.ts"],
  ],
  [
    "queues lines for stderr",
    /\b(?:lines|stderr)\.write\(/,
    ["log.ts", "policy/audit/audit.ts", "control/code-display.ts"],
  ],
  ["writes to a stream", /\b(?:stream|stdout)\.(?:write|end)\(/, ["cli/output.ts"]],
  ["prints", /\bconsole\.\w+\(|\bBun\.(?:write|stdout|stderr)\b/, []],
  ["makes a log", /\bcreateConsola\(/, ["log.ts"]],
  ["prompts on a terminal", /\bcreateInterface\(/, ["cli/consent.ts"]],
  ["writes a file", /\bwriteFile(?:Sync)?\(/, ["apidoc/cache/schema-disk-cache.ts"]],
  ["makes content of an answer", /\btype: "text"/, ["mcp/result.ts"]],
  ["asks through the client", /\binputRequired\(/, ["mcp/elicitation.ts"]],
  ["notifies a client", /\bnotify\(/, ["mcp/progress.ts"]],
  ["makes a protocol error", /\bnew ProtocolError\(/, ["mcp/server.ts"]],
  ["makes an error response", /\bResponse\.json\(/, ["http/error-response.ts", "control/listen.ts"]],
];

test("texts leave through few places only, and each of them redacts", async () => {
  const found: string[] = [];
  for (const file of [...new Glob("**/*.ts").scanSync(src)].filter((each) => roomOf(each) !== "simulator")) {
    const text = await Bun.file(join(src, file)).text();
    for (const [what, pattern, files] of outlets) {
      if (pattern.test(text) && !files.includes(file)) found.push(`${file} ${what}`);
    }
  }
  expect(found).toEqual([]);
  // A queue gets lines that were redacted; what reaches the disk cache was redacted where it came in; the control socket
  // and the terminal are where the operator reads codes, and plans have lost the secrets that came from Proxmox.
  const elsewhere = [
    "line-queue.ts",
    "apidoc/cache/schema-disk-cache.ts",
    "control/code-display.ts",
    "control/listen.ts",
  ];
  for (const file of new Set(outlets.flatMap(([, , files]) => files)).difference(new Set(elsewhere))) {
    expect(await Bun.file(join(src, file)).text()).toContain("redactor.outgoing(");
  }
});

test("everything that reads from a cluster is given the process's redactor", async () => {
  const makers = /\bnew (?:ProxmoxClient|ClusterManager)\(|\binspect(?:Certificates|Page)\(/;
  const without: string[] = [];
  for (const file of [...new Glob("**/*.ts").scanSync(src)].filter(
    (each) => !["proxmox", "simulator"].includes(roomOf(each)),
  )) {
    const text = await Bun.file(join(src, file)).text();
    // The manager passes on what it is given.
    if (makers.test(text) && !/\bredactor\b/.test(text) && file !== "clusters.ts") without.push(file);
  }
  expect(without).toEqual([]);
});
