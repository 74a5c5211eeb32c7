import { z } from "zod";
import { inputSchema } from "../../src/tools/arguments.ts";
import type { Tool } from "../../src/tools/tool.ts";

/** A JSON schema. */
export type Schema = z.core.JSONSchema.JSONSchema;

/** A place in a tool's arguments: a call with another value there. */
export interface Place {
  /** `requests.0.path`. */
  readonly at: string;
  readonly schema: Schema;
  readonly put: (value: unknown) => Record<string, unknown>;
}

/** Arguments with which each tool does its work on the demo, and changes nothing. */
const samples: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  list_clusters: {},
  list_nodes: { cluster: "alpha" },
  get_cluster_resources: { cluster: "alpha" },
  cluster_health: { cluster: "alpha" },
  search_api: { query: "start a guest" },
  describe_api: { path: "/nodes/{node}/qemu/{vmid}/config" },
  proxmox_api_read: { requests: [{ cluster: "alpha", path: "/version", data: {} }] },
  proxmox_api_call: { cluster: "alpha", path: "/version", method: "GET", data: {} },
  list_tasks: {},
  wait_for_task: { task: "alpha/UPID:pve1:00000001:00000001:00000001:qmstart:100:root@pam:", timeout: 1 },
  guest_power: { guest: "nothing-has-this-name", action: "start" },
};

/** So many that `cluster` is a string with a limit, not an enum. */
const manyClusters = Array.from({ length: 9 }, (_, index) => `cluster-${index}`);

/**
 * Every place in the arguments of a tool that takes a value, from its input schema: a new argument is covered as soon as
 * it exists. Its arguments, what their lists hold, what those hold.
 * @throws {Error} for a tool without a sample.
 */
export function placesOf(tool: Tool): Place[] {
  const sample = samples[tool.name];
  if (sample === undefined) throw new Error(`${tool.name} has no sample in test/support/tool-arguments.ts`);
  const schema = z.toJSONSchema(inputSchema(tool, manyClusters), { io: "input" });
  return below(schema, []).map(({ path, schema: of }) => ({
    at: path.join("."),
    schema: of,
    put: (value) => put(sample, path, value) as Record<string, unknown>,
  }));
}

interface Inner {
  readonly path: readonly string[];
  readonly schema: Schema;
}

function below({ properties = {}, items }: Schema, path: readonly string[]): Inner[] {
  const parts = Object.entries(items === undefined ? properties : { 0: items });
  return parts.flatMap(([key, part]) => {
    if (typeof part !== "object" || Array.isArray(part)) throw new Error(`${path.join(".")} has no single schema`);
    return [{ path: [...path, key], schema: part }, ...below(part, [...path, key])];
  });
}

/** A copy with a value at a path, which is made where it is missing. */
function put(into: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  if (key === "0") return [put((into as readonly unknown[] | undefined)?.[0], rest, value)];
  const object = (into ?? {}) as Readonly<Record<string, unknown>>;
  return { ...object, [key]: put(object[key], rest, value) };
}
