import { z } from "zod";
import { didYouMean } from "../config/wording.ts";
import type { ToolDeclaration } from "./declaration.ts";
import { ArgumentError } from "./failure.ts";

/** Arguments that clients add to every call on their own: Gemini CLI 0.61 sends `wait_for_previous`. */
const addedByClients = new Set(["wait_for_previous"]);

/** The longest name of a cluster, in characters (`clusterName` of the configuration's schema). */
const maxClusterNameLength = 63;

/** Maximum wrong arguments that an error names. */
const maxNamed = 8;

/** Maximum characters of an unknown argument's name in an error. */
const maxShownNameLength = 64;

/** More names than this in an enum cost more tokens on every turn than one wrong name does once. */
const maxNamesInEnum = 8;

/**
 * A tool's whole input schema as tools/list shows it: its own arguments, and `cluster` as it takes it. An object at the
 * top, without `$schema`, which no client needs.
 */
export function inputJsonSchema(
  tool: ToolDeclaration,
  clusters: readonly string[],
): { type: "object"; [key: string]: unknown } {
  const showClusterOfEach = tool.cluster === "each" ? clusterOfEach(clusters) : undefined;
  const { $schema: _, ...schema } = z.toJSONSchema(inputSchema(tool, clusters), {
    io: "input",
    override(shown) {
      // No model counts characters, and every byte costs on every turn; an error names the limit to who exceeds it.
      delete shown.jsonSchema.maxLength;
      showClusterOfEach?.(shown);
    },
  });
  return { ...schema, type: "object" };
}

/** Where each of a tool's requests takes a `cluster` of its own, it is shown there as other tools show theirs. */
function clusterOfEach(clusters: readonly string[]): NonNullable<z.core.ToJSONSchemaParams["override"]> {
  const names = [...clusters, "*"];
  const shown = { type: "string", ...(clusters.length <= maxNamesInEnum && { enum: names }) } as const;
  return ({ path, jsonSchema }) => {
    if (path.at(-1) !== "items" || jsonSchema.properties === undefined) return;
    const { cluster: _, ...properties } = jsonSchema.properties;
    const several = clusters.length > 1;
    jsonSchema.properties = several ? { cluster: shown, ...properties } : properties;
  };
}

/** The name of a cluster as an argument; which there are, the clusters' floor knows. */
export const clusterArgument = z.string().max(maxClusterNameLength);

/** A list of at most `most` items as an argument; `toList` makes it of what models write instead of one. */
export function listArgument<Item extends z.ZodType>(item: Item, most: number, toList: (given: unknown) => unknown) {
  return z.preprocess((given, context) => {
    const list = toList(given);
    // Before the items are read, each of which could be wrong.
    if (!Array.isArray(list) || list.length <= most) return list;
    context.addIssue({ code: "too_big", origin: "array", maximum: most, input: list });
    return z.NEVER;
  }, z.array(item).min(1).max(most));
}

/** A tool's whole input schema, with the limits of its arguments. */
export function inputSchema(tool: ToolDeclaration, clusters: readonly string[]): z.ZodObject {
  const cluster = clusterSchema(tool, clusters);
  return z.strictObject({ ...(cluster !== undefined && { cluster }), ...tool.input, ...consentArgument(tool) });
}

/** What changes things may have to be agreed to; how is the policy's matter, so every tool takes it the same way. */
function consentArgument({ annotations }: ToolDeclaration): z.ZodRawShape {
  if (annotations.readOnlyHint) return {};
  return { consent: z.string().max(2000).optional().describe("Only what an answer NOT EXECUTED asks for") };
}

/** The `consent` argument of a call, as it came; the policy judges it. */
export function givenConsent(given: unknown): string | undefined {
  const consent = typeof given === "object" && given !== null ? (given as { consent?: unknown }).consent : undefined;
  return typeof consent === "string" ? consent : undefined;
}

function clusterSchema(tool: ToolDeclaration, clusters: readonly string[]): z.ZodType | undefined {
  if (tool.cluster === "none" || tool.cluster === "each" || clusters.length < 2) return undefined;
  const names = tool.cluster === "any" ? [...clusters, "*"] : clusters;
  const name = clusters.length <= maxNamesInEnum ? z.enum(names) : clusterArgument;
  switch (tool.cluster) {
    case "any":
      return name.optional().describe("Default: all (`*`)");
    case "found":
      return name.optional().describe("Default: the one that has it");
    case "one":
      return name.describe("Which cluster");
  }
}

/**
 * Makes the reader of a tool's arguments. It drops what a client adds on its own, and nulls; `cluster` is judged by the
 * clusters' floor, which knows the names. It throws {@link ArgumentError}, naming every wrong argument at once.
 */
export function argumentReader<Input extends z.ZodRawShape>(declaration: ToolDeclaration & { readonly input: Input }) {
  const { name: tool, cluster, input } = declaration;
  const own = { ...input, ...consentArgument(declaration) };
  const schema = z.object(
    cluster === "none" || cluster === "each" ? own : { cluster: clusterArgument.optional(), ...own },
  );
  const known = Object.keys(schema.shape);
  const valid = known.length === 0 ? "It takes no arguments." : `Valid arguments: ${known.join(", ")}.`;
  return (given: unknown): z.output<z.ZodObject<Input>> & { cluster?: string } => {
    if (given !== undefined && (typeof given !== "object" || given === null || Array.isArray(given))) {
      throw new ArgumentError(`${tool} takes its arguments as an object. ${valid}`);
    }
    const args = Object.fromEntries(
      Object.entries(given ?? {}).filter(([name, value]) => value !== null && !addedByClients.has(name)),
    );
    const unknown = Object.keys(args).filter((name) => !known.includes(name));
    const parsed = schema.safeParse(args, { reportInput: true });
    // One for each argument, the last: what exceeds its limit may exceed all whole numbers, too.
    const issues = [...new Map(parsed.error?.issues.map((issue) => [issue.path.join("."), issue])).values()];
    const wrong = [
      ...unknown.slice(0, maxNamed).map((name) => noSuchArgument(name, known)),
      ...issues.slice(0, maxNamed).map((issue) => worded(issue, args)),
    ];
    const more = unknown.length + issues.length - wrong.length;
    if (more > 0) wrong.push(`${count(more)} more ${more === 1 ? "is" : "are"} wrong.`);
    if (wrong.length > 0) throw new ArgumentError(`${tool}: ${wrong.join(" ")} ${valid}`);
    return parsed.data as z.output<z.ZodObject<Input>> & { cluster?: string };
  };
}

function noSuchArgument(name: string, known: readonly string[]): string {
  if (name.length > maxShownNameLength)
    return `there is no argument of this name, which has ${count(name.length)} characters.`;
  return `there is no argument "${name}".${didYouMean(name, known)}`;
}

/** The kinds of values that arguments have, by zod's names. */
const kinds: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  int: "a whole number",
  array: "a list",
  object: "an object",
};

/** What is wrong with an argument. Its value is not repeated: it may be long, or a secret. */
function worded(issue: z.core.$ZodIssue, args: Readonly<Record<string, unknown>>): string {
  const name = issue.path.join(".");
  if (issue.path.length === 1 && args[name] === undefined) return `${name} is missing.`;
  if (issue.code === "invalid_type" && issue.input === undefined) return `${name} is missing.`;
  if (issue.code === "invalid_type") return `${name} must be ${kinds[issue.expected] ?? issue.expected}.`;
  if (issue.code === "invalid_value") return `${name} must be one of ${issue.values.join(", ")}.`;
  if (issue.code === "too_big") return `${name}: at most ${limit(issue.maximum, issue)}.`;
  if (issue.code === "too_small") return `${name}: at least ${limit(issue.minimum, issue)}.`;
  return `${name}: ${issue.message}.`;
}

/** `64 characters, got 900,000` */
function limit(
  bound: number | bigint,
  { origin, input }: { readonly origin: string; readonly input?: unknown },
): string {
  const unit = { string: " character", array: " item" }[origin];
  const given = typeof input === "string" || Array.isArray(input) ? input.length : Number(input);
  const plural = unit === undefined || bound === 1 ? (unit ?? "") : `${unit}s`;
  return `${count(bound)}${plural}, got ${count(given)}`;
}

/** A number with commas between thousands; one that has no use for them as JavaScript writes it, `1e+300`. */
function count(number: number | bigint): string {
  return number < Number.MAX_SAFE_INTEGER ? number.toLocaleString("en") : String(number);
}
