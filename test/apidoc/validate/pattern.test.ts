import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { translate } from "../../../src/apidoc/validate/perl.ts";
import { validate } from "../../../src/apidoc/validate/validate.ts";
import { expectLinear } from "../../support/growth.ts";
import { loadSources } from "./schemas.ts";

/** Whether a value of a parameter with this pattern is refused. */
function refuses(pattern: string, value: string | readonly string[]): boolean {
  const it =
    typeof value === "string" ? { type: "string", pattern } : { type: "array", items: { type: "string", pattern } };
  return validate({ parameters: { it }, additional: false }, {}, { it: value }).length > 0;
}

/** Patterns that a backtracking engine takes forever for, with a value of any length that does not match. */
const attacks: readonly (readonly [pattern: string, value: (length: number) => string])[] = [
  ["(?:\\w|\\w)*!", (length) => "a".repeat(length)],
  ["(a+)+", (length) => `${"a".repeat(length)}b`],
  ["(?:a|aa|aaa)*b", (length) => "a".repeat(length)],
  [`${"a*".repeat(12)}b`, (length) => "a".repeat(length)],
  [`${"a?".repeat(30)}a{30}b`, (length) => "a".repeat(length)],
  ["(?:(?:a*)*)*b", (length) => "a".repeat(length)],
  [".*.*.*.*x", (length) => "y".repeat(length)],
  ["(?:[01]*1[01]{12})2", (length) => Array.from({ length }, (_, at) => ((at * at) % 7) % 2).join("")],
];

describe.each(attacks)("%s", (pattern, value) => {
  test("is decided for values of a usual length", () => {
    for (const length of [1, 30, 300]) expect(refuses(pattern, value(length))).toBe(true);
  });

  test("costs no more than linear time", async () => {
    const run = (given: string) => refuses(pattern, given);
    await expectLinear(value, run);
    await expectLinear(value, run, { small: 1000 });
  });

  test("costs no more for many values than for a few", async () => {
    await expectLinear(
      (size) => Array.from({ length: size / 50 }, () => value(50)),
      (values) => refuses(pattern, values),
    );
  });
});

test.each([
  ["look-ahead", "(?=a)b", "x"],
  ["a back reference", "(a)\\1", "ab"],
  ["an atomic group", "(?>a+)b", "c"],
  ["a possessive count", "a*+b", "c"],
  ["a named class, which Perl reads by its locale", "[[:alpha:]]", "1"],
  ["an escape of Perl's", "\\h+", "x"],
  ["a count above 1000", "a{1001}", "b"],
  ["an automaton too large", `${"(?:a{9}){9}".repeat(80)}`, "b"],
  ["a pattern too long", "a".repeat(3000), "b"],
  ["brackets too deep", `${"(".repeat(1500)}a${")".repeat(400)}`, "b"],
  ["a bracket that is not closed", "(a", "b"],
  ["a bracket that was not opened", "a)", "b"],
  ["a class that is not closed", "[a", "b"],
])("%s is left to Proxmox", (_, pattern, value) => {
  expect(refuses(pattern, value)).toBe(false);
});

test("a schema of many patterns is left to Proxmox beyond the budget", async () => {
  const run = (count: number) => {
    const names = Array.from({ length: count }, (_, at) => `p${at}`);
    const parameters = Object.fromEntries(
      names.map((name, at) => [name, { type: "string", pattern: `${"(?:a|b)*".repeat(100)}${at}` }]),
    );
    const params = Object.fromEntries(names.map((name) => [name, "a"]));
    return validate({ parameters, additional: false }, {}, params).length;
  };
  expect(run(10)).toBe(10);
  expect(run(900)).toBeLessThan(900);
  await expectLinear((count) => count, run, { small: 90 });
});

describe.each((await loadSources()).map(({ name, schema, whole }) => [name, schema, whole] as const))(
  "%s",
  (_, schema, whole) => {
    const patterns = [...new Set(schema.texts.flatMap((text) => patternsIn(JSON.parse(text))))];
    /** The same in JavaScript's syntax, which has modifiers but neither Perl's `^` among them nor `{,n}`. */
    const script = (pattern: string) =>
      new RegExp(
        `^${pattern
          .replaceAll("(?^i:", "(?i:")
          .replaceAll("(?^:", "(?-i:")
          .replaceAll(/\{,(\d+)\}/g, "{0,$1}")}$`,
      );

    test("almost all of its patterns are translated", () => {
      const left = patterns.filter((pattern) => translate(pattern) === undefined);
      expect(patterns.length).toBeGreaterThan(whole ? 45 : 2);
      expect(left.length).toBeLessThanOrEqual(2);
    });

    test("they decide as Perl's and JavaScript's own engines do", () => {
      for (const pattern of patterns.filter((it) => translate(it) !== undefined)) {
        const expected = script(pattern);
        const letters = [...new Set([...pattern, ..."aZ09-._:;, /=+!"])].filter((it) => it >= " " && it <= "~");
        const piece = fc.oneof(
          fc.constantFrom(...letters),
          fc.constantFrom(...(pattern.match(/[\w-]{2,9}/g) ?? ["x"])),
          fc.constantFrom("1", "0x0123456789abcdef", "ABCD", "aa:bb", "1.2"),
        );
        fc.assert(
          fc.property(fc.array(piece, { maxLength: 5 }), (pieces) => {
            const value = pieces.join("");
            expect([pattern, value, refuses(pattern, value)]).toEqual([pattern, value, !expected.test(value)]);
          }),
          { numRuns: 100 },
        );
      }
    });
  },
);

function patternsIn(given: unknown): string[] {
  if (typeof given !== "object" || given === null) return [];
  const own = "pattern" in given && typeof given.pattern === "string" ? [given.pattern] : [];
  return [...own, ...Object.values(given).flatMap(patternsIn)];
}
