import { z } from "zod";
import { nearest } from "../config/nearest.ts";
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
  const { $schema: _, ...schema } = z.toJSONSchema(inputSchema(tool, clusters), { io: "input" });
  return { ...schema, type: "object" };
}

function inputSchema(tool: ToolDeclaration, clusters: readonly string[]): z.ZodObject {
  const cluster = clusterSchema(tool, clusters);
  return z.strictObject(cluster === undefined ? tool.input : { cluster, ...tool.input });
}

function clusterSchema(tool: ToolDeclaration, clusters: readonly string[]): z.ZodType | undefined {
  if (tool.cluster === "none" || clusters.length < 2) return undefined;
  const names = tool.cluster === "any" ? [...clusters, "*"] : clusters;
  const name = clusters.length <= mostNamesInEnum ? z.enum(names) : z.string();
  return tool.cluster === "any" ? name.optional().describe("Default: all (`*`)") : name.describe("Which cluster");
}

/**
 * A call's arguments as the tool takes them. What a client adds on its own and nulls are dropped; `cluster` is judged
 * by the policy's floor, which knows the names.
 * @throws {ArgumentError} naming every wrong argument at once.
 */
export function parseArguments<Input extends z.ZodRawShape>(
  tool: ToolDeclaration & { readonly input: Input },
  given: unknown,
): z.output<z.ZodObject<Input>> & { cluster?: string } {
  if (given !== undefined && (typeof given !== "object" || given === null || Array.isArray(given))) {
    throw new ArgumentError(`${tool.name} takes its arguments as an object. ${valid(argumentNames(tool))}`);
  }
  const args = Object.fromEntries(
    Object.entries(given ?? {}).filter(([name, value]) => value !== null && !addedByClients.has(name)),
  );
  const known = argumentNames(tool);
  const wrong: string[] = [];
  for (const name of Object.keys(args)) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    wrong.push(`there is no argument "${name}"${near === undefined ? "" : `: did you mean "${near}"?`}`);
  }
  // Whether the name is right is for the clusters' floor to say, which knows them; here it is only a text.
  const schema = tool.cluster === "none" ? tool.input : { cluster: z.string().optional(), ...tool.input };
  const parsed = z.object(schema).safeParse(args);
  for (const { path, message } of parsed.error?.issues ?? []) {
    const name = path.join(".");
    wrong.push(args[name] === undefined && path.length === 1 ? `${name} is missing` : `${name}: ${message}`);
  }
  if (wrong.length > 0) throw new ArgumentError(`${tool.name}: ${wrong.join("; ")}. ${valid(known)}`);
  return parsed.data as z.output<z.ZodObject<Input>> & { cluster?: string };
}

function argumentNames({ cluster, input }: ToolDeclaration): string[] {
  return [...(cluster === "none" ? [] : ["cluster"]), ...Object.keys(input)];
}

function valid(names: readonly string[]): string {
  return names.length === 0 ? "It takes no arguments." : `Valid arguments: ${names.join(", ")}.`;
}
