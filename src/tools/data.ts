import { z } from "zod";
import { type Params, parseParams } from "../proxmox/params.ts";

/** The largest body that Proxmox takes is 512 KiB; here in characters, of names and values together. */
const maxCharacters = 524_288;

/** A guest's configuration has some 400 parameters at most. */
const maxParameters = 1000;

/** The longest name that an endpoint declares has 30 characters. */
const maxNameLength = 128;

/** Lists name guests, and a cluster has at most some thousands of them. */
const maxItems = 10_000;

/** The parameters of a request, as an argument of a tool; {@link readData} reads it. */
export function dataArgument(description: string) {
  // What it may hold is for the floor to say that sends it; a record of zod's would drop the name `__proto__`.
  const parameters = z.unknown().check(({ value, issues }) => {
    const message = excess(value);
    if (message !== undefined) issues.push({ code: "custom", message, input: value });
  });
  return jsonText(parameters, maxCharacters).optional().meta({ type: "object", description });
}

/** A schema over what was given, or over what it holds as JSON text of at most so many characters. */
export function jsonText<Schema extends z.ZodType>(schema: Schema, longest: number) {
  return z.preprocess((given, context) => {
    if (typeof given !== "string" || given.length <= longest) return fromJsonText(given);
    context.addIssue({ code: "too_big", origin: "string", maximum: longest, input: given });
    return z.NEVER;
  }, schema);
}

/** Which limit something exceeds that was given as parameters; `undefined` for none. */
function excess(given: unknown): string | undefined {
  if (typeof given !== "object" || given === null || Array.isArray(given)) return undefined;
  const entries = Object.entries(given);
  if (entries.length > maxParameters) return over(entries.length, maxParameters, "parameters");
  let characters = 0;
  for (const [name, value] of entries) {
    if (name.length > maxNameLength) return over(name.length, maxNameLength, "characters in a name");
    const items: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (items.length > maxItems) return over(items.length, maxItems, "items in a list");
    characters += items.reduce<number>((sum, item) => sum + sizeOf(item), name.length);
  }
  return characters > maxCharacters ? over(characters, maxCharacters, "characters") : undefined;
}

/** The characters of a value; other values than texts are short, or refused by their kind. */
function sizeOf(value: unknown): number {
  return typeof value === "string" ? value.length : 0;
}

function over(given: number, most: number, what: string): string {
  return `at most ${most.toLocaleString("en")} ${what}, got ${given.toLocaleString("en")}`;
}

/**
 * The parameters that were given as {@link dataArgument}.
 * @throws {ParamsError} that names what Proxmox could not read.
 */
export function readData(given: unknown): Params {
  // Models write nothing as an empty text, or as null.
  return parseParams(given === null || (typeof given === "string" && given.trim() === "") ? undefined : given);
}

/** Models often send an object or a list as its JSON text. What does not parse stays a string, and is refused as one. */
function fromJsonText(given: unknown): unknown {
  if (typeof given !== "string") return given;
  try {
    return JSON.parse(given);
  } catch {
    return given;
  }
}
