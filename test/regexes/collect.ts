import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Expression, type Node, parse } from "acorn";

/** A regular expression of the source. */
export interface FoundRegex {
  /** `src/apidoc/words.ts`. */
  readonly file: string;
  /** From 1, where its text stands; the first such place. */
  readonly line: number;
  readonly source: string;
  readonly flags: string;
}

/** Expressions whose text is put together at run time, so that nobody can check it. */
export interface UnknownRegex {
  readonly file: string;
  readonly text: string;
}

const root = join(import.meta.dir, "../..");
const transpiler = new Bun.Transpiler({ loader: "ts", minifyWhitespace: false, deadCodeElimination: false });

/**
 * All regular expressions below a folder: literals, and `new RegExp(...)` of constants of the same file. Each text is
 * listed once.
 */
export function collectRegexes(folder: string): { found: readonly FoundRegex[]; unknown: readonly UnknownRegex[] } {
  const found = new Map<string, FoundRegex>();
  const unknown: UnknownRegex[] = [];
  const files = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
  for (const name of files.filter((it) => it.endsWith(".ts")).toSorted()) {
    const file = join(folder, name);
    const text = readFileSync(join(root, file), "utf8");
    const add = (source: string, flags: string, shown: string) => {
      const line = text.slice(0, Math.max(0, text.indexOf(shown))).split("\n").length;
      const key = `/${source}/${flags}`;
      if (!found.has(key)) found.set(key, { file, line, source, flags });
    };
    const code = transpiler.transformSync(text);
    const program = parse(code, { ecmaVersion: "latest", sourceType: "module" });
    const constants = new Map<string, Expression>();
    walk(program, (node) => {
      if (node.type === "VariableDeclarator" && node.id.type === "Identifier" && node.init) {
        constants.set(node.id.name, node.init);
      }
    });
    walk(program, (node) => {
      if (node.type === "Literal" && "regex" in node && node.regex) {
        add(node.regex.pattern, node.regex.flags, `/${node.regex.pattern}/`);
      }
      const isCall = node.type === "NewExpression" || node.type === "CallExpression";
      if (!isCall || node.callee.type !== "Identifier" || node.callee.name !== "RegExp") return;
      const shown = code.slice(node.start, node.end);
      const [source, flags] = node.arguments.map((argument) => constantText(argument, constants));
      if (source === undefined) unknown.push({ file, text: shown });
      else add(source, flags ?? "", shown);
    });
  }
  return { found: [...found.values()], unknown };
}

type AnyNode = Extract<Expression, Node> | Exclude<import("acorn").AnyNode, Expression>;

function walk(node: Node, visit: (node: AnyNode) => void): void {
  visit(node as AnyNode);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child === "object" && child !== null && typeof child.type === "string") walk(child, visit);
    }
  }
}

/** The text of an expression that is made of constants; `undefined` for any other. */
function constantText(node: Node, constants: ReadonlyMap<string, Expression>): string | undefined {
  const given = node as AnyNode;
  if (given.type === "Literal") return typeof given.value === "string" ? given.value : undefined;
  if (given.type === "Identifier") {
    const init = constants.get(given.name);
    return init === undefined ? undefined : constantText(init, constants);
  }
  if (given.type !== "TemplateLiteral") return undefined;
  const parts = given.quasis.flatMap(({ value }, index) => {
    const hole = given.expressions[index];
    return [value.cooked ?? undefined, ...(hole === undefined ? [] : [constantText(hole, constants)])];
  });
  return parts.includes(undefined) ? undefined : parts.join("");
}
