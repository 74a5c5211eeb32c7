import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parsePath } from "../../src/proxmox/path.ts";
import { loadSources } from "./validate/schemas.ts";

const sources = await loadSources();

describe.each(sources.map((source) => [source.name, source] as const))("%s", (_, { schema, whole }) => {
  test("has all of its endpoints, and each can be read", () => {
    const names = schema.names();
    expect(names.length).toBe(whole ? (schema.version === "9.1.3" ? 649 : 605) : names.length);
    for (const { method, template } of names) expect(schema.endpoint(method, template)?.template).toBe(template);
  });

  test("every path is found by real values, by its template, and by a mixture", () => {
    const value = fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,8}\d$/);
    fc.assert(
      fc.property(
        fc.constantFrom(...schema.templates),
        fc.array(value, { minLength: 9, maxLength: 9 }),
        (template, values) => {
          const segments = template.split("/").slice(1);
          const filled = segments.map((segment, at) => (segment.startsWith("{") ? (values[at] ?? "") : segment));
          const half = segments.map((segment, at) => (at % 2 === 0 ? segment : (filled[at] ?? "")));
          for (const path of [segments, filled, half]) expect(schema.find(path)?.template).toBe(template);
          const names = segments.flatMap((segment) => /^\{(.+)\}$/.exec(segment)?.[1] ?? []);
          expect(Object.keys(schema.find(filled)?.values ?? {}).sort()).toEqual([...new Set(names)].sort());
          expect(schema.find(segments)?.values).toEqual({});
        },
      ),
    );
  });

  test("gives the values that stand in a path", () => {
    const found = schema.find(parsePath("/nodes/pve1/storage/local/content/local:iso/x.iso"));
    expect(found?.template).toBe("/nodes/{node}/storage/{storage}/content/{volume}");
    expect(found?.values).toEqual({ node: "pve1", storage: "local", volume: "local:iso/x.iso" });
  });

  test("a path that does not exist has neighbours", () => {
    const near = (path: string) => schema.nearest(parsePath(path));
    expect(near("/nodes/pve1/qemu/100/start")[0]).toBe("/nodes/{node}/qemu/{vmid}/status/start");
    expect(near("/nodes/pve1/qemu/100/snapshots")[0]).toBe("/nodes/{node}/qemu/{vmid}/snapshot");
    expect(near("/cluster/resource")[0]).toBe("/cluster/resources");
    expect(near("/qemu/100/config")).toContain("/nodes/{node}/qemu/{vmid}/config");
    expect(near("/nonsense/at/all")).toEqual([]);
    expect(schema.find(parsePath("/nodes/pve1/qemu/100/start"))).toBeUndefined();
    expect(schema.methods("/no/such")).toEqual([]);
    expect(schema.endpoint("DELETE", "/version")).toBeUndefined();
  });
});
