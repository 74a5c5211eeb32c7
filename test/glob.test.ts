import { expect, test } from "bun:test";
import fc from "fast-check";
import { glob } from "../src/glob.ts";
import { expectLinear } from "./support/growth.ts";

test("a star means what `.*` means, whatever the letter case", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "B", "b", "\n"), maxLength: 8 });
  const pattern = fc.array(fc.constantFrom("*", "a", "B", "ab"), { maxLength: 6 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(pattern, text, (written, given) => {
      const expected = new RegExp(`^${written.replaceAll("*", ".*")}$`, "is").test(given);
      expect(glob(written)(given)).toBe(expected);
    }),
    { numRuns: 2000 },
  );
});

test("many stars cost no more than one", async () => {
  const matches = glob(`${"a*".repeat(100)}b`);
  await expectLinear((size) => "a".repeat(size), matches);
});
