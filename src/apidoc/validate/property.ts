import { isSet } from "../endpoint.ts";
import type { Properties, Property } from "../types.ts";
import type { Budget } from "./budget.ts";
import { findProperty, isObject } from "./family.ts";
import { mayFit } from "./formats.ts";
import { near } from "./near.ts";
import { mayMatch } from "./pattern.ts";
import { parsePropertyString } from "./property-string.ts";
import { validWords } from "./valid.ts";
import type { Value } from "./value.ts";

/** What is wrong with one value, in whole or in one part of it. */
export interface InvalidValue {
  /** The part of a property string that is meant, such as `bridge` in `net0`. */
  readonly part?: string;
  /** Completes a sentence that begins with the name: `is not in the list`. */
  readonly problem: string;
  readonly valid?: string;
  readonly nearest?: string;
}

/** A fault and the parameter, or the part of one, that has it. */
export interface NamedFault extends InvalidValue {
  readonly name: string;
}

/**
 * Checks all that the schema knows of a request's parameters, or of a property string's parts, as
 * PVE::JSONSchema::check_object does: what is missing, what another one needs, and every value, as far as the budget
 * goes.
 */
export function checkKnown(
  properties: Properties,
  values: ReadonlyMap<string, Value>,
  budget: Budget,
): readonly NamedFault[] {
  if (!budget.spend(Object.keys(properties).length)) return [];
  const missing = new Map<string, NamedFault>();
  for (const [name, property] of Object.entries(properties)) {
    if (isObject(property) && isRequired(name, property) && !values.has(name)) {
      missing.set(name, { name, problem: "is missing", ...validOf(property) });
    }
  }
  const faults: NamedFault[] = [];
  for (const [name, value] of values) {
    const property = findProperty(properties, name);
    if (property === undefined) continue;
    const { requires, "type-property": typeProperty } = property;
    if (typeof requires === "string" && !values.has(requires) && !missing.has(requires)) {
      const problem = `is missing, and "${name}" needs it`;
      missing.set(requires, { name: requires, problem, ...validOf(findProperty(properties, requires)) });
    }
    const type = typeof typeProperty !== "string" ? undefined : values.get(typeProperty);
    faults.push(...checkValue(property, value, budget, type).map((fault) => ({ ...fault, name })));
  }
  return [...missing.values(), ...faults];
}

/** A variant's own word decides whether it is needed, and which variant it is Proxmox knows better. */
function isRequired(name: string, property: Property): boolean {
  const { optional, alias, "type-property": typeProperty } = property;
  const sure = typeof alias !== "string" && typeof typeProperty !== "string" && !name.endsWith("[n]");
  return sure && !isSet(optional);
}

/**
 * Checks a value the way PVE::JSONSchema::check_prop does, and in its order; the first finding ends it.
 * `type` is the value of the parameter that the schema's `type-property` names.
 */
function checkValue(property: Property, value: Value, budget: Budget, type?: Value): readonly InvalidValue[] {
  if (typeof property.alias === "string" || !budget.spend(1)) return [];
  const wrong = checkVariants(property, value, type, budget);
  if (wrong.length > 0) return wrong;
  if (property.type === "array") return checkItems(property, typeof value === "string" ? [value] : value, budget);
  if (typeof value === "string") return checkText(property, value, budget);
  // PVE::RESTHandler makes one text of them, for this kind of format alone.
  if (isList(property)) return checkText(property, value.join(","), budget);
  return singles.has(String(property.type)) ? fault(property, "takes one value, not a list") : [];
}

/** So many characters of a value cost one unit of the budget. */
const unitCharacters = 16;

/** The types that are surely one value; a property without a type takes all. */
const singles: ReadonlySet<string> = new Set(["string", "integer", "number", "boolean"]);

function isList({ type, format }: Property): boolean {
  return type === "string" && typeof format === "string" && format.endsWith("-list");
}

function checkVariants(
  property: Property,
  value: Value,
  type: Value | undefined,
  budget: Budget,
): readonly InvalidValue[] {
  const given: readonly Property[] = Array.isArray(property.oneOf) ? property.oneOf : [];
  const variants = given.filter((it): it is Property => isObject(it));
  const chosen = variants.filter(({ "instance-types": types }) => Array.isArray(types) && types.includes(type));
  if (typeof property["type-property"] === "string")
    return chosen.flatMap((variant) => checkValue(variant, value, budget));
  const found = variants.map((variant) => checkValue(variant, value, budget));
  return found.some((faults) => faults.length === 0) ? [] : (found[0] ?? []);
}

/** So many faults of one list are told. */
const maxFaults = 100;

function checkItems({ items }: Property, values: readonly string[], budget: Budget): readonly InvalidValue[] {
  if (!isObject(items)) return [];
  const faults: InvalidValue[] = [];
  for (const [index, value] of values.entries()) {
    const found = checkValue(items, value, budget);
    const place = values.length === 1 ? "" : ` (item ${index + 1})`;
    faults.push(...found.map((fault) => ({ ...fault, problem: `${fault.problem}${place}` })));
    if (faults.length >= maxFaults) break;
  }
  return faults;
}

function checkText(property: Property, value: string, budget: Budget): readonly InvalidValue[] {
  const { type, format, pattern, minLength, maxLength, enum: values } = property;
  const choices = Array.isArray(values) ? values.length : 0;
  if (!budget.spend(Math.ceil(value.length / unitCharacters) + choices)) return [];
  if (!isOfType(type, value)) return fault(property, `is ${quoted(value)}`);
  if (isObject(format)) {
    const wrong = checkParts(property, format, value, budget);
    if (wrong.length > 0) return wrong;
  }
  if (typeof format === "string" && !mayFit(format, value)) return fault(property, "is of the wrong form");
  if (typeof pattern === "string" && !mayMatch(pattern, value, budget)) return fault(property, "is of the wrong form");
  if (typeof maxLength === "number" && value.length > maxLength && charactersOf(value) > maxLength) {
    return [{ problem: `has ${charactersOf(value)} characters`, valid: `at most ${maxLength} characters` }];
  }
  if (typeof minLength === "number" && charactersOf(value) < minLength) {
    return [{ problem: `has ${charactersOf(value)} characters`, valid: `at least ${minLength} characters` }];
  }
  // Proxmox compares whatever looks like a number, even where text is wanted.
  if (isNumber(value)) {
    const [least, most] = [toBound(property.minimum), toBound(property.maximum)];
    if (most !== undefined && Number(value) > most) return outOfRange(property, value, `at most ${most}`);
    if (least !== undefined && Number(value) < least) return outOfRange(property, value, `at least ${least}`);
  }
  if (!Array.isArray(values) || values.some((it) => String(it) === value)) return [];
  return fault(property, `is ${quoted(value)}`, budget.suggest() ? near(value, values.map(String)) : undefined);
}

function checkParts(property: Property, format: Properties, value: string, budget: Budget): readonly InvalidValue[] {
  const names = Object.keys(format);
  if (!budget.spend(names.length)) return [];
  const { parts, wrong } = parsePropertyString(format, value);
  if (wrong === undefined) {
    return checkKnown(format, parts, budget).map(({ name, ...found }) => ({ ...found, part: name }));
  }
  const { part, problem } = wrong;
  const [found] = fault(property, problem, part !== undefined && budget.suggest() ? near(part, names) : undefined);
  return found === undefined ? [] : [{ ...found, ...(part === undefined ? {} : { part }) }];
}

/** Bounds of what is no number by its type stand in no other words. */
function outOfRange(property: Property, value: string, bound: string): readonly InvalidValue[] {
  const isNumeric = property.type === "integer" || property.type === "number";
  return isNumeric ? fault(property, `is ${quoted(value)}`) : [{ problem: `is ${quoted(value)}`, valid: bound }];
}

/** The schema writes some bounds as text. */
function toBound(given: unknown): number | undefined {
  return typeof given === "number" || (typeof given === "string" && isNumber(given)) ? Number(given) : undefined;
}

// All digits that Perl knows, and the newline that its `$` lets pass.
const digits = /^[+-]?\p{Nd}+\n?$/u;

function isOfType(type: Property["type"], value: string): boolean {
  if (type === "boolean") return value === "1" || value === "0";
  if (type === "integer") return digits.test(value);
  if (type === "number") return isNumber(value) || digits.test(value);
  return true;
}

function isNumber(value: string): boolean {
  return /^[+-]?(?:\p{Nd}+\.\p{Nd}+|\p{Nd}+\.|\.\p{Nd}+|\p{Nd}+)(?:[eE][+-]?\p{Nd}+)?\n?$/u.test(value);
}

function fault(property: Property, problem: string, nearest?: string): readonly InvalidValue[] {
  return [{ problem, ...validOf(property), ...(nearest === undefined ? {} : { nearest }) }];
}

function validOf(property: Property | undefined): { readonly valid?: string } {
  const valid = property === undefined ? undefined : validWords(property);
  return valid === undefined ? {} : { valid };
}

/** How many characters Perl counts: a pair of surrogates is one. */
function charactersOf(value: string): number {
  let count = 0;
  for (const _ of value) count += 1;
  return count;
}

function quoted(value: string): string {
  return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
}
