import { dirname, join } from "node:path";
import { cleanEnvironment } from "../support/product.ts";

/** The packages of the official suite: the stable release, and the one that knows 2026-07-28. */
const releases = { stable: "@modelcontextprotocol/conformance", next: "conformance-next" } as const;

/** Which release is to judge a server by which revision of MCP. */
export interface Judge {
  readonly release: keyof typeof releases;
  readonly revision: "2025-11-25" | "2026-07-28";
}

/** What the suite found, in entries of its expected-failures file: `scenario` or `scenario:check`. */
export interface Verdict {
  readonly code: number;
  /** All scenarios that were run. */
  readonly scenarios: readonly string[];
  /** Listed, and failed indeed. Warnings count as failures. */
  readonly expected: readonly string[];
  /** Failed without being listed. */
  readonly unexpected: readonly string[];
  /** Listed, but passed. */
  readonly stale: readonly string[];
}

/**
 * Runs every scenario of a revision against the MCP endpoint at `url`. Bun runs the suite, since 0.2.0-alpha.12 does not
 * start on node 20 (it wants `fs.globSync`).
 * @param expectedFailures the path of a file of entries that may fail.
 */
export async function runSuite({ release, revision }: Judge, url: string, expectedFailures: string): Promise<Verdict> {
  const options = { url, suite: "all", "spec-version": revision, "expected-failures": expectedFailures };
  const command = [
    process.execPath,
    join(packageFolder(release), "dist/index.js"),
    "server",
    ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]),
  ];
  const child = Bun.spawn(command, { env: cleanEnvironment(), stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  const [, summary] = stdout.split("=== SUMMARY ===");
  if (summary === undefined) throw new Error(`the suite ended with ${code} before its summary: ${stderr}`);
  return {
    code,
    scenarios: matches(summary, /^[✓✗] (\S+): \d+ passed/gm),
    expected: matches(summary, /^ {2}~ (\S+)$/gm),
    unexpected: matches(summary, /^ {2}✗ (\S+)$/gm),
    stale: matches(summary, /^ {2}✓ (\S+)$/gm),
  };
}

/** The scenarios that a server of this revision must pass, as the suite's maintainers froze them. */
export async function requiredScenarios(revision: Judge["revision"]): Promise<string[]> {
  const file = Bun.file(join(packageFolder("next"), "requirements", `${revision}.yaml`));
  return (Bun.YAML.parse(await file.text()) as { server: string[] }).server;
}

function packageFolder(release: Judge["release"]): string {
  return dirname(Bun.resolveSync(`${releases[release]}/package.json`, import.meta.dir));
}

function matches(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, entry = ""]) => entry);
}
