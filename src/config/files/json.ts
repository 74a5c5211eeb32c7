import {
  findNodeAtLocation,
  type Node,
  parseTree,
  printParseErrorCode,
  type ParseError as SyntaxMistake,
} from "jsonc-parser";
import { ConfigError } from "../error.ts";
import { shownLocation } from "../wording.ts";

/** A parsed JSON text that still knows where everything stands. */
export interface JsonDocument {
  readonly value: unknown;
  /** The line, from 1, of what stands at `path`, or of the nearest thing around it that exists. */
  line(path: readonly PropertyKey[]): number;
  /** Keys that stand more than once in their object; `JSON.parse` would silently keep the last. */
  readonly duplicates: readonly { readonly path: readonly (string | number)[]; readonly text: string }[];
}

/**
 * Parses JSON as RFC 8259 has it: no comments, no commas at the end.
 * @throws ConfigError with line and column, and what stands there (never a piece of a text or a word).
 */
export function readJson(text: string): JsonDocument {
  const lineAt = (offset: number) => text.slice(0, offset).split("\n").length;
  const syntax: SyntaxMistake[] = [];
  try {
    const tree = parseTree(text, syntax, { disallowComments: true });
    const first = syntax[0];
    if (tree === undefined || first !== undefined) throw syntaxError(text, first);
    return {
      value: JSON.parse(text),
      line: (path) => lineAt(startOf(tree, path)),
      duplicates: duplicates(tree, [], lineAt),
    };
  } catch (error) {
    // Both parsers recurse; JSON.parse is the stricter of the two where they differ.
    if (error instanceof RangeError) throw new ConfigError("is not a configuration: it is nested too deeply.");
    if (error instanceof SyntaxError) throw new ConfigError("is not valid JSON");
    throw error;
  }
}

function startOf(tree: Node, path: readonly PropertyKey[]): number {
  for (let length = path.length; length > 0; length--) {
    const steps = path.slice(0, length).map((part) => (typeof part === "number" ? part : String(part)));
    const node = findNodeAtLocation(tree, steps);
    if (node !== undefined) return node.parent?.type === "property" ? node.parent.offset : node.offset;
  }
  return tree.offset;
}

function duplicates(node: Node, path: readonly (string | number)[], lineAt: (offset: number) => number) {
  const twice: { path: readonly (string | number)[]; text: string }[] = [];
  if (node.type === "array") {
    for (const [index, child] of (node.children ?? []).entries()) {
      twice.push(...duplicates(child, [...path, index], lineAt));
    }
  }
  if (node.type === "object") {
    const lines = new Map<string, number>();
    for (const { offset, children } of node.children ?? []) {
      const [key, value] = children ?? [];
      if (key === undefined || value === undefined) continue;
      const name = String(key.value);
      const earlier = lines.get(name);
      const here = [...path, name];
      if (earlier !== undefined) {
        const text = `stands twice, on line ${earlier} and on line ${lineAt(offset)}; keep one.`;
        twice.push({ path: here, text });
      }
      lines.set(name, lineAt(offset));
      twice.push(...duplicates(value, here, lineAt));
    }
  }
  return twice;
}

/** By the names of jsonc-parser's `ParseErrorCode`. */
const expected: Readonly<Record<string, string>> = {
  PropertyNameExpected: "a key in double quotes",
  ValueExpected: "a value",
  ColonExpected: 'a ":"',
  CommaExpected: 'a ","',
  CloseBraceExpected: 'a "}"',
  CloseBracketExpected: 'a "]"',
  EndOfFileExpected: "the end of the file",
};

const insideText: Readonly<Record<string, string>> = {
  UnexpectedEndOfString: "a text that does not end on its line; its closing quote is missing",
  InvalidEscapeCharacter: 'a "\\" that begins no JSON escape; write "\\\\" for a backslash',
  InvalidUnicode: 'a "\\u" without four hex digits',
  InvalidCharacter: "a control character inside a text",
};

function syntaxError(text: string, mistake: SyntaxMistake | undefined): ConfigError {
  if (text.trim() === "") return new ConfigError("is empty.");
  const offset = mistake?.offset ?? 0;
  const before = text.slice(0, offset).split("\n");
  const where = `line ${before.length}, column ${(before.at(-1) ?? "").length + 1}`;
  const code = mistake === undefined ? "" : printParseErrorCode(mistake.error);
  const afterComma = /,\s*$/.test(text.slice(0, offset)) && /^[}\]]/.test(text.slice(offset));
  const reason =
    insideText[code] ?? `${standing(text, offset)}${code in expected ? ` where ${expected[code]} should stand` : ""}`;
  return new ConfigError(
    `is not valid JSON: ${where}: found ${reason}.${afterComma ? " Remove the comma before it." : ""}`,
  );
}

function standing(text: string, offset: number): string {
  const char = text.charAt(offset);
  if (char === "") return "the end of the file";
  if ("{}[],:".includes(char)) return `"${char}"`;
  if (char === "/" || char === "#") return "a comment; JSON has none";
  if (char === "'" || char === "`") return "a single quote; JSON knows only double quotes";
  if (char === '"') return "a text";
  return /[0-9-]/.test(char) ? "a number" : "a word without quotes";
}

/** A mistake in a document: `line 7, clusters.prod.url: must be ...`. */
export function located(document: JsonDocument, path: readonly PropertyKey[], text: string): string {
  const location = shownLocation(path);
  return `line ${document.line(path)}${location === "" ? "" : `, ${location}`}: ${text}`;
}
