import { z } from "zod";
import { didYouMean } from "../config/wording.ts";
import type { ToolDeclaration } from "./tool.ts";

/** A tool was called with arguments it does not take. The message names every one, and the valid ones. */
export class ArgumentError extends Error {
  override readonly name = "ArgumentError";
}

/** Arguments that clients add to every call on their own: Gemini CLI 0.61 sends `wait_for_previous`. */
const addedByClients = new Set(["wait_for_previous"]);

/** More names than this in an enum cost more tokens on every turn than one wrong name does once. */
const mostNamesInEnum = 8;

/**
 * A tool's whole input schema as tools/list shows it: its own arguments, and `cluster` as it takes it. An object at the
 * top, without `$schema`, which no client needs.
 */
export function inputJsonSchema(
  tool: ToolDeclaration,
  clusters: readonly string[],
): { type: "object"; [key: string]: unknown } {
  const override = tool.cluster === "each" ? showClusterOfEach(clusters) : undefined;
  const { $schema: _, ...schema } = z.toJSONSchema(inputSchema(tool, clusters), {
    io: "input",
    ...(override && { override }),
  });
  return { ...schema, type: "object" };
}

/** Where each of a tool's requests takes a `cluster` of its own, it is shown there as other tools show theirs. */
function showClusterOfEach(clusters: readonly string[]): z.core.ToJSONSchemaParams["override"] {
  const names = [...clusters, "*"];
  const shown = { type: "string", ...(clusters.length <= mostNamesInEnum && { enum: names }) } as const;
  return ({ path, jsonSchema }) => {
    if (path.at(-1) !== "items" || jsonSchema.properties === undefined) return;
    const { cluster: _, ...properties } = jsonSchema.properties;
    const several = clusters.length > 1;
    jsonSchema.properties = several ? { cluster: shown, ...properties } : properties;
  };
}

function inputSchema(tool: ToolDeclaration, clusters: readonly string[]): z.ZodObject {
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
  const name = clusters.length <= mostNamesInEnum ? z.enum(names) : z.string();
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
  const schema = z.object(cluster === "none" || cluster === "each" ? own : { cluster: z.string().optional(), ...own });
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
    const parsed = schema.safeParse(args);
    const wrong = [
      ...unknown.map((name) => `there is no argument "${name}".${didYouMean(name, known)}`),
      ...(parsed.error?.issues ?? []).map((issue) => worded(issue, args)),
    ];
    if (wrong.length > 0) throw new ArgumentError(`${tool}: ${wrong.join(" ")} ${valid}`);
    return parsed.data as z.output<z.ZodObject<Input>> & { cluster?: string };
  };
}

function worded(issue: z.core.$ZodIssue, args: Readonly<Record<string, unknown>>): string {
  const name = issue.path.join(".");
  if (issue.path.length === 1 && args[name] === undefined) return `${name} is missing.`;
  if (issue.code === "invalid_value") return `${name} must be one of ${issue.values.join(", ")}.`;
  return `${name}: ${issue.message}.`;
}
