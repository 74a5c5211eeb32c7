import { inputJsonSchema } from "../../src/tools/arguments.ts";
import { tools } from "../../src/tools/catalog/index.ts";

/** Arguments with which each tool does its work, on the demo. */
const samples: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  list_clusters: {},
  list_nodes: {},
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

/** A place in a tool's arguments: the call's JSON with another value there. */
export interface ArgumentPlace {
  readonly tool: string;
  /** `requests.0.path`. */
  readonly name: string;
  /** The arguments with this JSON in the place. */
  with(json: string): string;
}

/** Stands in a sample for the value; no JSON that a test sends holds it. */
const marker = "@@place@@";

/**
 * Every place of every tool's arguments, of its input schema: a new argument is covered as soon as it exists.
 * @throws {Error} for a tool without a sample.
 */
export function argumentPlaces(clusters: readonly string[]): ArgumentPlace[] {
  return tools.flatMap((tool) => {
    const sample = samples[tool.name];
    if (sample === undefined) throw new Error(`${tool.name} has no sample in test/fuzz/arguments.ts`);
    const whole = { tool: tool.name, name: "(all)", with: (json: string) => json };
    return [
      whole,
      ...placesIn(inputJsonSchema(tool, clusters), []).map((path) => ({
        tool: tool.name,
        name: path.join("."),
        with: (json: string) => JSON.stringify(put(sample, path, marker)).replace(JSON.stringify(marker), () => json),
      })),
    ];
  });
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly type?: unknown;
}

function placesIn(schema: Schema, path: readonly string[]): (readonly string[])[] {
  const keys = Object.entries(schema.properties ?? {});
  const inner = [
    ...keys.map(([key, property]) => [key, property] as const),
    ...(schema.items === undefined ? [] : [["0", schema.items] as const]),
    // An object whose keys are free, such as `data`.
    ...(schema.type === "object" && keys.length === 0 && path.length > 0 ? [["memory", {}] as const] : []),
  ];
  return inner.flatMap(([key, one]) => [[...path, key], ...placesIn(one, [...path, key])]);
}

/** A copy with a value at a path, which is made where it is missing. */
function put(into: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  if (key === "0") return [put((into as readonly unknown[] | undefined)?.[0], rest, value)];
  const object = (into ?? {}) as Readonly<Record<string, unknown>>;
  return { ...object, [key]: put(object[key], rest, value) };
}
