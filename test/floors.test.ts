import { expect, test } from "bun:test";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Glob } from "bun";

const src = fileURLToPath(new URL("../src", import.meta.url));

/** The folders of src from the bottom up: each imports itself and those above it in this list. One row is one floor. */
const floors = [
  [
    "config",
    "descriptors.ts",
    "glob.ts",
    "line-queue.ts",
    "log.ts",
    "redact",
    "sanitize.ts",
    "signer.ts",
    "version.ts",
    "within.ts",
  ],
  ["proxmox"],
  ["clusters.ts", "apidoc"],
  ["policy"],
  ["tools"],
  ["mcp"],
  ["http", "control"],
  ["simulator"],
  ["cli"],
  ["main.ts"],
];

interface Import {
  readonly from: string;
  readonly to: string;
}

const files = [...new Glob("**/*.ts").scanSync(src)].sort();

/** Every import of one file of src by another, types included: a type that is imported upwards breaks the order, too. */
const imports: Import[] = [];
for (const file of files) {
  const text = await Bun.file(join(src, file)).text();
  for (const [, specifier = ""] of text.matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)) {
    imports.push({ from: file, to: relative(src, normalize(join(src, dirname(file), specifier))) });
  }
}

/** The folder or file directly below src. */
function topOf(file: string): string {
  return file.split("/")[0] ?? "";
}

function floorOf(file: string): number {
  return floors.findIndex((floor) => floor.includes(topOf(file)));
}

function worded({ from, to }: Import): string {
  return `${from} imports ${to}`;
}

test("every file of src belongs to a floor", () => {
  expect(files.filter((file) => floorOf(file) < 0)).toEqual([]);
});

test("imports go down only, or stay in their folder", () => {
  expect(imports.length).toBeGreaterThan(50);
  const wrong = imports.filter(
    ({ from, to }) => topOf(from) !== topOf(to) && floorOf(from) <= floorOf(to) && floorOf(to) !== 0,
  );
  expect(wrong.map(worded)).toEqual([]);
});

/** Files that import each other in a circle: for each, the path from it back to itself. */
function circles(): string[] {
  const targets = Map.groupBy(imports, ({ from }) => from);
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) found.push([...path.slice(path.indexOf(file)), file].join(" -> "));
    if (done.has(file)) return;
    done.add(file);
    for (const { to } of targets.get(file) ?? []) visit(to, [...path, file]);
  };
  for (const file of files) visit(file, []);
  return found;
}

test("no files import each other in a circle", () => {
  expect(circles()).toEqual([]);
});

test("the simulator imports nothing else of src, and only the command line imports it", () => {
  const across = imports.filter(({ from, to }) => topOf(from) !== topOf(to));
  expect(across.filter(({ from }) => topOf(from) === "simulator").map(worded)).toEqual([]);
  expect(across.filter(({ from, to }) => topOf(to) === "simulator" && topOf(from) !== "cli").map(worded)).toEqual([]);
});

/** What says something about Proxmox without asking it: errors, paths, parameters, tasks. */
const pure =
  /^proxmox\/(?:cancellation|message|params|path|stable-order|errors\/proxmox-error|tasks\/(?:task|upid|wait-for-task))\.ts$/;

test("tools and transports reach Proxmox through the guard only", () => {
  const above = imports.filter(({ from }) => ["tools", "mcp", "http", "control"].includes(topOf(from)));
  const around = above.filter(({ to }) => topOf(to) === "proxmox" && !pure.test(to));
  expect(around.map(worded)).toEqual([]);
  // The clusters themselves come with the policy around them; one file takes the error class from there.
  const clusters = above.filter(({ to }) => to === "clusters.ts" || to === "apidoc/cache/schema-cache.ts");
  expect(clusters.map(worded)).toEqual(["tools/failure.ts imports clusters.ts"]);
});

/** A newcomer can take in so many at a glance. */
const maxFilesInFolder = 15;

test("no folder of src holds more files than can be taken in at a glance", () => {
  const byFolder = Map.groupBy(files, dirname);
  const crowded = [...byFolder].filter(([, own]) => own.length > maxFilesInFolder);
  expect(crowded.map(([folder, own]) => `${folder}: ${own.length}`)).toEqual([]);
});

test("only config reads the environment, only main and cli exit", async () => {
  const wrong: string[] = [];
  for (const file of files) {
    const text = await Bun.file(join(src, file)).text();
    if (/\b(process|Bun)\.env\b/.test(text) && topOf(file) !== "config") wrong.push(`${file} reads the environment`);
    if (/\bprocess\.exit\b/.test(text) && !["cli", "main.ts"].includes(topOf(file))) wrong.push(`${file} exits`);
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
  for (const file of files.filter((each) => topOf(each) !== "simulator")) {
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
  for (const file of files.filter((each) => !["proxmox", "simulator"].includes(topOf(each)))) {
    const text = await Bun.file(join(src, file)).text();
    // The manager passes on what it is given.
    if (makers.test(text) && !/\bredactor\b/.test(text) && file !== "clusters.ts") without.push(file);
  }
  expect(without).toEqual([]);
});
