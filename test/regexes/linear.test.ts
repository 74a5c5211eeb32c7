import { beforeAll, describe, expect, test } from "bun:test";
import { collectRegexes, type FoundRegex } from "./collect.ts";

/** The folders whose expressions are checked. */
const folders = ["src"];

/** The checker's own time for one expression, in milliseconds; it ends as "unknown" then, which is a failure here. */
const timeout = 120_000;

/** Large expressions are proven, too: above its own limits the checker only tries texts, which proves nothing. */
const limits = { maxRepeatCount: 10_000, maxPatternSize: 100_000, maxNFASize: 10_000_000 };

type Check = typeof import("recheck").checkSync;
let check: Check;

beforeAll(async () => {
  // The checker itself, not its native or Java builds, which this project does not run.
  process.env["RECHECK_BACKEND"] = "pure";
  check = (await import("recheck")).checkSync;
});

const { found, unknown } = folders.map(collectRegexes).reduce((all, one) => ({
  found: [...all.found, ...one.found],
  unknown: [...all.unknown, ...one.unknown],
}));

/** Why an expression is not surely linear; `undefined` for one that is. */
function fault({ source, flags }: FoundRegex): string | undefined {
  const result = check(source, flags, { timeout, ...limits });
  if (result.status === "safe") return result.checker === "automaton" ? undefined : "not proven";
  return result.status === "vulnerable" ? result.complexity.summary : `unknown: ${result.error.kind}`;
}

test("the checker knows what is not linear", () => {
  const regex = (source: string): FoundRegex => ({ file: "", line: 0, source, flags: "" });
  expect(fault(regex("^(?:\\w|\\w)*!$"))).toContain("exponential");
  expect(fault(regex("\\s+$"))).toContain("2nd degree");
  expect(fault(regex("^a+b$"))).toBeUndefined();
  expect(fault(regex("^[a-z]{1,1000}$"))).toBeUndefined();
  expect(fault(regex("^(?!.*b)a"))).toBe("not proven");
});

test("the text of every expression is known", () => {
  expect(found.length).toBeGreaterThan(400);
  expect(unknown).toEqual([]);
});

describe("matches in linear time", () => {
  test.each(found.map((regex) => [`${regex.file}:${regex.line} /${regex.source}/${regex.flags}`, regex] as const))(
    "%s",
    (_, regex) => {
      expect(fault(regex)).toBeUndefined();
    },
    timeout,
  );
});
