import type { Properties, Property } from "../types.ts";

/** Deeper than Proxmox's own, which go to 8; what stands below counts as absent. */
const deepest = 12;

/** The most properties of one object: Proxmox's largest endpoint has 93. What comes after them counts as absent. */
const maxProperties = 1000;

/** Names as all of Proxmox's are: whoever serves others could write lines of an answer with them. */
const name = /^[\x21-\x7e]{1,100}$/;

const isText = (given: unknown): boolean => typeof given === "string";
const isNumber = (given: unknown): boolean => typeof given === "number";
const isBound = (given: unknown): boolean => isNumber(given) || isText(given);
const isList = (given: unknown): boolean => Array.isArray(given) && !given.some((it) => typeof it === "object");

/** What the words of the dialect may hold that are read as more than a truth value. */
const kinds = new Map<string, (given: unknown) => boolean>(
  Object.entries({
    type: isText,
    description: isText,
    verbose_description: isText,
    typetext: isText,
    pattern: isText,
    format_description: isText,
    alias: isText,
    keyAlias: isText,
    requires: isText,
    "type-property": isText,
    minLength: isNumber,
    maxLength: isNumber,
    minimum: isBound,
    maximum: isBound,
    enum: isList,
    "instance-types": isList,
  }),
);

/** A property of a schema that a stranger may have written: what is of the wrong form counts as absent. */
export function toProperty(given: unknown, depth = 0): Property {
  const entries = Object.entries(record(given)).flatMap(([word, value]) => {
    const read = readWord(word, value, depth + 1);
    return read === undefined ? [] : [[word, read] as const];
  });
  return Object.fromEntries(entries);
}

/** Properties by name; what is none is left out. */
export function toProperties(given: unknown, depth = 0): Properties {
  const known = Object.entries(record(given)).filter(([key, value]) => name.test(key) && isRecord(value));
  return Object.fromEntries(known.slice(0, maxProperties).map(([key, value]) => [key, toProperty(value, depth)]));
}

/** An object's own entries; of anything else none. */
export function record(given: unknown): Readonly<Record<string, unknown>> {
  return isRecord(given) ? given : {};
}

function readWord(word: string, value: unknown, depth: number): unknown {
  switch (word) {
    case "format":
      return isText(value) ? value : readProperties(value, depth);
    case "properties":
      return readProperties(value, depth);
    case "items":
      return isRecord(value) && depth <= deepest ? toProperty(value, depth) : undefined;
    case "oneOf":
      if (!Array.isArray(value) || depth > deepest) return undefined;
      return value.filter(isRecord).map((variant) => toProperty(variant, depth));
    default:
      return (kinds.get(word)?.(value) ?? true) ? value : undefined;
  }
}

function readProperties(value: unknown, depth: number): Properties | undefined {
  return isRecord(value) && depth <= deepest ? toProperties(value, depth) : undefined;
}

function isRecord(given: unknown): given is Readonly<Record<string, unknown>> {
  return typeof given === "object" && given !== null && !Array.isArray(given);
}
