import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type Listening, listen } from "../../src/http/listen.ts";
import { createLog } from "../../src/log.ts";
import { Redactor } from "../../src/redact/redactor.ts";
import { Signer } from "../../src/signer.ts";
import { emptyConfig } from "../support/guarded.ts";
import { loopback, unlimited } from "../support/listening.ts";
import { type Product, startProduct } from "../support/product.ts";
import { fixtureServer } from "./fixture-server.ts";
import { type Judge, requiredScenarios, runSuite } from "./suite.ts";

const judges: readonly Judge[] = [
  { release: "stable", revision: "2025-11-25" },
  { release: "next", revision: "2025-11-25" },
  { release: "next", revision: "2026-07-28" },
];
const revisions = ["2025-11-25", "2026-07-28"] as const;
const targets = ["product", "fixtures"] as const;

let product: Product;
let fixtures: Listening;

beforeAll(async () => {
  product = await startProduct(["--demo"]);
  fixtures = listen(loopback, {
    createServer: fixtureServer,
    ...unlimited,
    seal: new Signer(emptyConfig),
    log: createLog({ level: "silent", format: "text" }, new Redactor()),
  });
});

afterAll(async () => {
  await Promise.all([product.stop(), fixtures.close()]);
});

function listPath(target: string, revision: string): string {
  return join(import.meta.dir, `expected-failures.${target}.${revision}.yml`);
}

describe.each(targets)("%s", (target) => {
  test.each(judges)(
    "nothing fails but what is listed, by the $release suite at $revision",
    async (judge) => {
      const { url } = target === "product" ? product : fixtures;
      const list = listPath(target, judge.revision);
      const { server: listed } = Bun.YAML.parse(await Bun.file(list).text()) as { server: string[] };
      const verdict = await runSuite(judge, `${url}/mcp`, list);
      expect(verdict.unexpected).toEqual([]);
      expect(verdict.stale).toEqual([]);
      // The suite itself does not mind an entry that it never came across.
      expect(verdict.expected.toSorted()).toEqual(listed.toSorted());
      expect(verdict.code).toBe(0);
    },
    60_000,
  );

  test.each(revisions)("every failure that is expected at %s has its reason", async (revision) => {
    const lines = (await Bun.file(listPath(target, revision)).text()).split("\n");
    const entries = lines.filter((line) => line.trimStart().startsWith("- "));
    expect(entries.filter((line) => !/ # \S/.test(line))).toEqual([]);
  });
});

test.each(revisions)("every scenario that the suite's maintainers require at %s is run", async (revision) => {
  const { scenarios } = await runSuite(
    { release: "next", revision },
    `${fixtures.url}/mcp`,
    listPath("fixtures", revision),
  );
  const required = await requiredScenarios(revision);
  expect(required.length).toBeGreaterThan(25);
  expect(required.filter((scenario) => !scenarios.includes(scenario))).toEqual([]);
});
