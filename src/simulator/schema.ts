import { refused } from "./failure.ts";

/** One parameter, in the words of Proxmox's own API schema (`apidoc.js`). */
export interface Parameter {
  readonly type: "string" | "integer" | "number" | "boolean" | "array";
  readonly description: string;
  readonly optional?: 1;
  readonly default?: string | number;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  /** Anchored at both ends, as Proxmox tests its patterns; its schema prints them without anchors. */
  readonly pattern?: RegExp;
  /** A named format, or the parts of a property string such as `[current=]1024`. */
  readonly format?: string | Readonly<Record<string, Parameter & { readonly default_key?: 1 }>>;
  readonly items?: { readonly type: "string" };
}

/** Parameters by name; `net[n]` stands for `net0`, `net1` and so on. */
export type Parameters = Readonly<Record<string, Parameter>>;

/** A verified value: booleans are 1 and 0, lists are comma-separated text. */
export type Value = string | number;

type More = Omit<Partial<Parameter>, "type" | "description">;

/** One parameter of each type; all are required unless they say `optional`. */
export const text = (description: string, more: More = {}): Parameter => ({ type: "string", description, ...more });
export const integer = (description: string, more: More = {}): Parameter => ({ type: "integer", description, ...more });
export const number = (description: string, more: More = {}): Parameter => ({ type: "number", description, ...more });
export const flag = (description: string, more: More = {}): Parameter => ({ type: "boolean", description, ...more });
export const choice = (description: string, values: readonly string[], more: More = {}): Parameter => ({
  type: "string",
  description,
  enum: values,
  ...more,
});
/** Words separated by commas, semicolons, spaces or NUL; an array of them is taken too. */
export const list = (description: string, more: More = {}): Parameter =>
  text(description, { format: "word-list", ...more });

/** The same parameters, none of them required. */
export function optional(parameters: Parameters): Parameters {
  return Object.fromEntries(Object.entries(parameters).map(([name, it]) => [name, { ...it, optional: 1 }]));
}

const named: Readonly<Record<string, { readonly test: RegExp; readonly wrong: (value: string) => string }>> = {
  "pve-node": {
    test: /^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?$/,
    wrong: () => "value does not look like a valid node name",
  },
  "pve-storage-id": {
    test: /^[a-z][a-z0-9._-]*[a-z0-9]$/i,
    wrong: (it) => `storage ID '${it}' contains illegal characters`,
  },
  "pve-configid": { test: /^[a-z][a-z0-9_-]+$/i, wrong: (it) => `invalid configuration ID '${it}'` },
  "pve-poolid": {
    test: /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/,
    wrong: (it) => `pool name '${it}' contains invalid characters`,
  },
  "pve-userid": {
    test: /^[^\s:/]+@[A-Za-z][A-Za-z0-9._-]+$/,
    wrong: () => "value does not look like a valid user name",
  },
  "dns-name": {
    test: /^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?$/,
    wrong: () => "value does not look like a valid DNS name",
  },
};

/** Verifies `given` as Proxmox does; throws the 400 with one text per wrong parameter. */
export function verify(parameters: Parameters, given: Readonly<Record<string, unknown>>): Record<string, Value> {
  const errors: Record<string, string> = {};
  const values: Record<string, Value> = {};
  for (const [name, raw] of Object.entries(given)) {
    const parameter = parameters[name] ?? parameters[name.replace(/^(\D+)\d+$/, "$1[n]")];
    if (parameter === undefined) {
      errors[name] = "property is not defined in schema and the schema does not allow additional properties";
      continue;
    }
    const value = plain(parameter, raw);
    const wrong = fault(parameter, value, name);
    if (wrong === undefined) values[name] = stored(parameter, value);
    else errors[name] = wrong;
  }
  for (const [name, parameter] of Object.entries(parameters)) {
    if (given[name] === undefined && parameter.optional !== 1 && !name.endsWith("[n]"))
      errors[name] = "property is missing and it is not optional";
  }
  if (Object.keys(errors).length > 0) throw refused(errors);
  return values;
}

function plain(parameter: Parameter, raw: unknown): string {
  if (Array.isArray(raw)) return raw.map(String).join(parameter.type === "array" ? "\0" : ",");
  if (typeof raw === "boolean") return raw ? "1" : "0";
  return String(raw);
}

function stored(parameter: Parameter, value: string): Value {
  return parameter.type === "string" || parameter.type === "array" ? value : Number(value);
}

function fault(parameter: Parameter, value: string, name: string): string | undefined {
  const { type, minimum, maximum, minLength, maxLength, format } = parameter;
  const typed = { integer: /^[+-]?\d+$/, number: /^[+-]?\d+(\.\d+)?$/, boolean: /^[01]$/, string: /^/, array: /^/ }[
    type
  ];
  if (!typed.test(value)) return `type check ('${type}') failed - got '${value}'`;
  if (minLength !== undefined && value.length < minLength) return `value must be at least ${minLength} characters long`;
  if (maxLength !== undefined && value.length > maxLength) return `value may only be ${maxLength} characters long`;
  if (minimum !== undefined && Number(value) < minimum) return `value must have a minimum value of ${minimum}`;
  if (maximum !== undefined && Number(value) > maximum) return `value must have a maximum value of ${maximum}`;
  if (parameter.enum !== undefined && !parameter.enum.includes(value))
    return `value '${value}' does not have a value in the enumeration '${parameter.enum.join(", ")}'`;
  if (parameter.pattern !== undefined && !parameter.pattern.test(value))
    return "value does not match the regex pattern";
  if (typeof format === "object") return partsFault(format, value, name);
  const rule = format === undefined ? undefined : named[format];
  return rule !== undefined && !rule.test.test(value) ? `invalid format - ${rule.wrong(value)}\n` : undefined;
}

function partsFault(format: Exclude<Parameter["format"], string | undefined>, value: string, name: string) {
  const short = Object.keys(format).find((key) => format[key]?.default_key === 1);
  for (const part of value.split(",")) {
    const [left, ...rest] = part.split("=");
    const key = rest.length > 0 ? (left ?? "") : short;
    const schema = key === undefined ? undefined : format[key];
    if (key === undefined || schema === undefined)
      return `invalid format - invalid key in comma-separated list property: ${key ?? part}\n`;
    const wrong = fault(schema, rest.length > 0 ? rest.join("=") : (left ?? ""), `${name}.${key}`);
    if (wrong !== undefined) return `invalid format - format error\n${name}.${key}: ${wrong}\n`;
  }
  return undefined;
}
