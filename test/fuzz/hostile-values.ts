/** A JSON value as text, so that it can be nested deeper than `JSON.stringify` goes, and what it is. */
export interface HostileValue {
  readonly name: string;
  readonly json: string;
}

/** Fills a message of the largest size that is taken (1 MiB), with room for what surrounds the value. */
const maxBytes = 1_000_000;

/** The depth at which recursion over a value overflows the stack of Bun 1.4.5 many times over. */
const depth = 100_000;

const elements = 100_000;

/** Units that texts are built of, by what they attack. */
const units: Readonly<Record<string, string>> = {
  letters: "a",
  spaces: " ",
  "line ends": "\n",
  digits: "1",
  "commas and equal signs": "a=b,",
  slashes: "/",
  "parent folders": "../",
  braces: "{{",
  wildcards: "a*",
  quotes: '\\"',
  "percent codes": "%00",
  "control characters": "\u0000",
  "a combining mark": "\u0301",
  "lone surrogates": "\ud800",
  "emoji joined to families": "\u{1f468}\u200d",
  "right to left": "\u202e",
  "tag characters": "\u{e0041}",
  words: "hard take bring reset drop ",
  filters: "cpu>80 ",
  "a UPID": "UPID:pve1:0000AB12:",
};

/** A text of one unit over and over, as many as fit. */
function textOf(unit: string): string {
  const written = JSON.stringify(unit).slice(1, -1);
  return `"${written.repeat(Math.floor(maxBytes / Buffer.byteLength(written)))}"`;
}

function list(element: string): string {
  const count = Math.min(elements, Math.floor(maxBytes / (element.length + 1)));
  return `[${`${element},`.repeat(count).slice(0, -1)}]`;
}

function manyKeys(): string {
  const keys = Array.from({ length: 75_000 }, (_, index) => `"k${index}":1`);
  return `{${keys.join(",")}}`;
}

function nested(open: string, close: string): string {
  const times = Math.min(depth, Math.floor(maxBytes / (open.length + close.length)));
  return `${open.repeat(times)}1${close.repeat(times)}`;
}

/** Values that parsers, patterns and recursion fail on: at most some 1 MB each. */
export const hostileValues: readonly HostileValue[] = [
  ...Object.entries(units).map(([name, unit]) => ({ name: `1 MB of ${name}`, json: textOf(unit) })),
  { name: "a text of 300 characters", json: JSON.stringify("a".repeat(300)) },
  { name: "100,000 numbers", json: list("1") },
  { name: "100,000 texts", json: list('"a"') },
  { name: "100,000 nulls", json: list("null") },
  { name: "100,000 objects", json: list("{}") },
  { name: "100,000 requests", json: list('{"path":"/x"}') },
  { name: "very many keys", json: manyKeys() },
  { name: "a key of 1 MB", json: `{${textOf("a")}:1}` },
  { name: "a list in a list of texts", json: `[${textOf("a,")}]` },
  { name: "lists 100,000 deep", json: nested("[", "]") },
  { name: "objects 100,000 deep", json: nested('{"a":', "}") },
  { name: "an object in a list, over and over", json: nested('[{"a":', "}]") },
  { name: "a prototype", json: '{"__proto__":{"toString":1},"constructor":{"prototype":1}}' },
  { name: "a number beyond all", json: "1e999" },
  { name: "a large whole number", json: "18446744073709551616" },
  { name: "minus zero", json: "-0" },
  { name: "a fraction", json: "0.1" },
  { name: "a negative number", json: "-1" },
  { name: "true", json: "true" },
  { name: "null", json: "null" },
  { name: "an empty text", json: '""' },
  { name: "an empty list", json: "[]" },
  { name: "an empty object", json: "{}" },
];
