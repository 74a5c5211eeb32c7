import { z } from "zod";
import type { Tool } from "../../src/tools/tool.ts";

/** A JSON schema. */
export type Schema = z.core.JSONSchema.JSONSchema;

/** A place in a tool's arguments, and how a value is put there: `requests.0.path`. */
export interface Place {
  readonly at: string;
  readonly schema: Schema;
  readonly put: (value: unknown) => Record<string, unknown>;
}

/** Every place in the arguments of a tool that takes a value: its arguments, what their lists hold, what those hold. */
export function placesOf(tool: Tool): Place[] {
  const all = { cluster: z.string().max(63), ...tool.input };
  const { cluster, ...input } = all;
  const shape = tool.cluster === "none" || tool.cluster === "each" ? input : { cluster, ...input };
  const { properties = {}, required = [] } = z.toJSONSchema(z.strictObject(shape), { io: "input" });
  const base = Object.fromEntries(required.map((name) => [name, sample(properties[name])]));
  return Object.entries(properties).flatMap(([name, schema]) =>
    below({ at: name, schema: asSchema(schema), put: (value) => ({ ...base, [name]: value }) }),
  );
}

function below(place: Place): Place[] {
  const { at, schema, put } = place;
  const items =
    schema.items === undefined
      ? []
      : below({ at: `${at}.0`, schema: asSchema(schema.items), put: (value) => put([value]) });
  const properties = Object.entries(schema.properties ?? {}).flatMap(([name, each]) => {
    const others = Object.fromEntries((schema.required ?? []).map((key) => [key, sample(schema.properties?.[key])]));
    return below({ at: `${at}.${name}`, schema: asSchema(each), put: (value) => put({ ...others, [name]: value }) });
  });
  return [place, ...items, ...properties];
}

function asSchema(schema: Schema["items"]): Schema {
  if (typeof schema !== "object" || Array.isArray(schema)) throw new Error("a schema is an object");
  return schema;
}

/** A value that a schema takes. */
function sample(given: Schema["items"]): unknown {
  const { type, enum: values, minimum, items } = asSchema(given);
  if (values !== undefined) return values[0];
  return type === "array" ? [sample(items)] : type === "object" ? { path: "/x" } : type === "string" ? "/x" : minimum;
}
