import { isSet } from "../endpoint.ts";
import type { Property } from "../types.ts";
import { isObject } from "./family.ts";
import { formatWords } from "./formats.ts";

/** The most that are listed of an enumeration or of a property string's parts. */
const most = 40;

/** So many characters of one listed word, or of a pattern, are shown: the far end writes them. */
const maxCharacters = 300;

/** What a property takes, for people: `an integer from 1 to 128`; `undefined` when the schema does not say. */
export function validWords(property: Property): string | undefined {
  const { type, enum: values, format, pattern, items, minLength, maxLength } = property;
  if (Array.isArray(values)) return `one of ${listed(values.map(String))}`;
  if (type === "array") {
    const each = !isObject(items) ? undefined : validWords(items);
    return each === undefined ? "a list" : `a list, each ${each}`;
  }
  if (type === "boolean") return "true or false (1 or 0)";
  if (isObject(format)) return `${listed(partNames(format))} as name=value, separated by commas`;
  const named = typeof format !== "string" ? undefined : formatWords(format);
  if (named !== undefined) return named;
  if (type === "integer" || type === "number") return numberWords(property);
  if (typeof pattern === "string") return `text that matches ${shorten(pattern)}`;
  if (typeof minLength === "number" && typeof maxLength === "number") return `${minLength} to ${maxLength} characters`;
  if (typeof maxLength === "number") return `at most ${maxLength} characters`;
  if (typeof minLength === "number") return `at least ${minLength} characters`;
  return undefined;
}

/** The first few of many, separated by commas. */
export function listed(words: readonly string[]): string {
  const more = words.length - most;
  return words.slice(0, most).map(shorten).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function shorten(text: string): string {
  return text.length > maxCharacters ? `${text.slice(0, maxCharacters)}...` : text;
}

/** The names of a property string's parts as somebody would write them: the nameless one in brackets, no aliases. */
function partNames(format: Exclude<Property["format"], string | undefined>): readonly string[] {
  return Object.entries(format)
    .filter(([, part]) => isObject(part) && typeof part.alias !== "string")
    .sort(([, a], [, b]) => Number(isSet(b.default_key)) - Number(isSet(a.default_key)))
    .map(([name, part]) => (isSet(part.default_key) ? `[${name}]` : name));
}

function numberWords({ type, minimum, maximum }: Property): string {
  const kind = type === "integer" ? "an integer" : "a number";
  const [hasMin, hasMax] = [minimum, maximum].map((it) => typeof it === "number" || typeof it === "string");
  if (hasMin && hasMax) return `${kind} from ${minimum} to ${maximum}`;
  if (hasMin) return `${kind} of at least ${minimum}`;
  return hasMax ? `${kind} of at most ${maximum}` : kind;
}
