import type { Properties, Property } from "../types.ts";

/** Whether there is a property, or a set of them: a schema may hold null, and a later one what we have never seen. */
export function isObject(given: unknown): given is object {
  return typeof given === "object" && given !== null && !Array.isArray(given);
}

/**
 * The property of that name, or of its family: the schema writes `net0`, `net1`, ... once, as `net[n]`. How many there
 * are it does not say, so every number passes.
 */
export function findProperty(properties: Properties, name: string): Property | undefined {
  if (name.endsWith("[n]")) return undefined;
  const family = /^([a-z]+)(?:0|[1-9]\d*)$/.exec(name)?.[1];
  const key = Object.hasOwn(properties, name) ? name : `${family}[n]`;
  const found = Object.hasOwn(properties, key) ? properties[key] : undefined;
  return isObject(found) ? found : undefined;
}

/** The names that a request may have, families with this number. */
export function nameProperties(properties: Properties, number: string): readonly string[] {
  return Object.keys(properties).map((name) => name.replace("[n]", number));
}
