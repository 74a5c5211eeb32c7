import { expect, test } from "bun:test";
import fc from "fast-check";
import { ConfigError } from "../../../src/config/error.ts";
import { readJson } from "../../../src/config/files/json.ts";

function refusal(text: string): string {
  try {
    readJson(text);
    return "accepted";
  } catch (error) {
    return error instanceof ConfigError ? error.message : `not a ConfigError: ${error}`;
  }
}

test("a syntax error says line, column, what stands there and what should", () => {
  const texts = [
    '{\n  "a": 1,\n}',
    '{"a" 1}',
    '{"a": 1\n "b": 2}',
    "{'a': 1}",
    '{"a": topsecret}',
    '{"a": "topsecret\n"}',
    '{"a": "top\\secret"}',
    "// the clusters\n{}",
    '{"a": 1',
    '{"a": 1} x',
    '{"a": 01}',
    "[1, ]",
    " \n",
  ];
  expect(texts.map(refusal).join("\n")).toMatchInlineSnapshot(`
    "is not valid JSON: line 3, column 1: found "}" where a key in double quotes should stand. Remove the comma before it.
    is not valid JSON: line 1, column 6: found a number where a ":" should stand.
    is not valid JSON: line 2, column 2: found a text where a "," should stand.
    is not valid JSON: line 1, column 2: found a single quote; JSON knows only double quotes.
    is not valid JSON: line 1, column 7: found a word without quotes.
    is not valid JSON: line 1, column 7: found a text that does not end on its line; its closing quote is missing.
    is not valid JSON: line 1, column 7: found a "\\" that begins no JSON escape; write "\\\\" for a backslash.
    is not valid JSON: line 1, column 1: found a comment; JSON has none.
    is not valid JSON: line 1, column 8: found the end of the file where a "}" should stand.
    is not valid JSON: line 1, column 10: found a word without quotes.
    is not valid JSON: line 1, column 8: found a number where a "," should stand.
    is not valid JSON: line 1, column 5: found "]" where a value should stand. Remove the comma before it.
    is empty."
  `);
});

test("deep nesting is refused, not a crash", () => {
  expect(refusal("[".repeat(200_000))).toBe("is not a configuration: it is nested too deeply.");
});

test("a key that stands twice in one object is found at any depth, with both lines", () => {
  const { duplicates } = readJson('{\n"a": [{"x": 1,\n"x": 2}],\n"b": {"c": {}, "\\u0063": 1},\n"c": 1}');
  expect(duplicates).toEqual([
    { path: ["a", 0, "x"], text: "stands twice, on line 2 and on line 3; keep one." },
    { path: ["b", "c"], text: "stands twice, on line 4 and on line 4; keep one." },
  ]);
});

test("every value that JSON.stringify writes is read back, and has no key twice", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.integer({ min: 0, max: 3 }), (value, indent) => {
      const document = readJson(JSON.stringify(value, undefined, indent));
      expect(document.value).toEqual(JSON.parse(JSON.stringify(value)));
      expect(document.duplicates).toEqual([]);
    }),
  );
});

test("a text is accepted exactly when JSON.parse accepts it, and otherwise gives a ConfigError", () => {
  const pieces = fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    '"a"',
    '"',
    "\\",
    "1",
    "-",
    "e5",
    "true",
    "nul",
    " ",
    "\n",
    "//",
    "\u0001",
    "\u00a0",
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 10 }), (parts) => {
      const text = parts.join("");
      let isJson = true;
      try {
        JSON.parse(text);
      } catch {
        isJson = false;
      }
      const result = refusal(text);
      expect(result === "accepted").toBe(isJson);
      expect(result).not.toStartWith("not a ConfigError");
    }),
    { numRuns: 3000 },
  );
});
