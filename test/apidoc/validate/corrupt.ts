import fc from "fast-check";
import type { ApiEndpoint, Properties, Property } from "../../../src/apidoc/types.ts";
import type { ParamValue } from "../../../src/proxmox/params.ts";
import { anyOf, isNeeded, type Request, requests } from "./generate.ts";

/** A request with exactly one fault, and where that is. */
export interface Corruption {
  readonly kind: "missing" | "type" | "range" | "length" | "enum" | "unknown";
  readonly name: string;
  readonly part?: string;
  readonly request: Request;
}

const unknownName = "quite-unknown";

/** Every single corruption of a request with nothing but what the endpoint needs. */
export function corruptions(endpoint: ApiEndpoint): readonly Corruption[] {
  const { parameters, additional } = endpoint;
  const [base] = fc.sample(requests(endpoint, false), { numRuns: 1, seed: 1 });
  if (base === undefined) throw new Error("no request");
  const found: Corruption[] = [];
  for (const [key, property] of Object.entries(parameters)) {
    const name = key.replace("[n]", "0");
    const inPath = Object.hasOwn(base.pathValues, name);
    if (!inPath && Object.hasOwn(base.params, name) && isNeeded(key, property)) {
      const { [name]: _left, ...params } = base.params;
      found.push({ kind: "missing", name, request: { ...base, params } });
    }
    const { requires } = property;
    const other = requires === undefined ? undefined : parameters[requires];
    if (requires !== undefined && other !== undefined && !Object.hasOwn(base.params, requires)) {
      const value = fc.sample(anyOf(property), { numRuns: 1, seed: 1 })[0] ?? "";
      found.push({ kind: "missing", name: requires, request: { ...base, params: { ...base.params, [name]: value } } });
    }
    for (const { kind, part, value } of wrongValues(property)) {
      if (inPath && typeof value === "object") continue;
      const more = companions(endpoint, property);
      found.push({
        kind,
        name,
        ...(part === undefined ? {} : { part }),
        request: inPath
          ? { ...base, pathValues: { ...base.pathValues, [name]: String(value) } }
          : { ...base, params: { ...base.params, ...more, [name]: value } },
      });
    }
  }
  if (!additional) {
    found.push({
      kind: "unknown",
      name: unknownName,
      request: { ...base, params: { ...base.params, [unknownName]: "1" } },
    });
  }
  return found;
}

/** What must be given beside a parameter that is not in the smallest request. */
function companions({ parameters }: ApiEndpoint, { requires }: Property): Record<string, ParamValue> {
  const other = requires === undefined ? undefined : parameters[requires];
  if (requires === undefined || other === undefined) return {};
  return { [requires]: fc.sample(anyOf(other), { numRuns: 1, seed: 1 })[0] ?? "" };
}

interface Wrong {
  readonly kind: Corruption["kind"];
  readonly part?: string;
  readonly value: ParamValue;
}

function wrongValues(property: Property): readonly Wrong[] {
  const { type, format, items, oneOf } = property;
  if (oneOf !== undefined) return [];
  if (type === "array") return items === undefined ? [] : wrongTexts(items);
  const isList = typeof format === "string" && format.endsWith("-list");
  const several: readonly Wrong[] = isList ? [] : [{ kind: "type", value: ["1", "2"] }];
  return [...several, ...wrongTexts(property)];
}

function wrongTexts(property: Property): readonly Wrong[] {
  const { type, enum: values, minimum, maximum, minLength, maxLength, format, pattern } = property;
  if (typeof format === "object") return wrongParts(format);
  const wrong: Wrong[] = [];
  if (type === "integer") wrong.push({ kind: "type", value: "lots" }, { kind: "type", value: "1.5" });
  if (type === "number") wrong.push({ kind: "type", value: "lots" });
  if (type === "boolean") wrong.push({ kind: "type", value: "maybe" }, { kind: "type", value: "2" });
  if (minimum !== undefined) wrong.push({ kind: "range", value: Number(minimum) - 1 });
  if (maximum !== undefined) wrong.push({ kind: "range", value: Number(maximum) + 1 });
  if (Array.isArray(values)) wrong.push({ kind: "enum", value: "certainly-not" });
  if (minLength !== undefined && minLength > 1) wrong.push({ kind: "length", value: "x".repeat(minLength - 1) });
  if (maxLength !== undefined) wrong.push({ kind: "length", value: "x".repeat(maxLength + 1) });
  if (pattern === "\\S+") wrong.push({ kind: "type", value: "a b" });
  return wrong;
}

function wrongParts(format: Properties): readonly Wrong[] {
  const wrong: Wrong[] = [{ kind: "unknown", part: unknownName, value: `${unknownName}=1` }];
  for (const [part, property] of Object.entries(format)) {
    if (property.alias !== undefined) continue;
    const others = smallest(format, part, property.requires);
    if (!isOptional(property)) wrong.push({ kind: "missing", part, value: others === "" ? "," : others });
    for (const { kind, value } of wrongTexts(property)) {
      wrong.push({ kind, part, value: others === "" ? `${part}=${value}` : `${others},${part}=${value}` });
    }
  }
  return wrong;
}

/** A property string of nothing but what is needed, without one part, with another. */
function smallest(format: Properties, without: string, also: string | undefined): string {
  const parts = Object.entries(format).filter(
    ([name, it]) => it.alias === undefined && name !== without && (name === also || !isOptional(it)),
  );
  if (parts.length === 0) return "";
  const all = Object.fromEntries(parts.map(([name, it]) => [name, { ...it, optional: 0 as const }]));
  return String(fc.sample(anyOf({ type: "string", format: all }), { numRuns: 1, seed: 1 })[0]);
}

function isOptional({ optional }: Property): boolean {
  return optional !== undefined && Number(optional) !== 0;
}
