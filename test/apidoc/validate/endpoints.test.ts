import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { ApiEndpoint } from "../../../src/apidoc/types.ts";
import { validate } from "../../../src/apidoc/validate/validate.ts";
import { corruptions } from "./corrupt.ts";
import { requests } from "./generate.ts";
import { loadSources } from "./schemas.ts";

const sources = await loadSources();

describe.each(sources.map(({ name, schema }) => [name, schema] as const))("over %s", (_name, schema) => {
  const names = schema.names();
  const endpoints = names.flatMap(({ method, template }) => schema.endpoint(method, template) ?? []);

  test("no endpoint is left out", () => {
    expect(endpoints).toHaveLength(({ "9.1.3": 649, "8.4.2": 605 } as const)[schema.version] ?? names.length);
  });

  test("arguments that keep to the schema pass, for every endpoint", () => {
    const refused = endpoints.flatMap((endpoint) =>
      [...fc.sample(requests(endpoint, true), 12), ...fc.sample(requests(endpoint, false), 3)].flatMap((request) => {
        const complaints = validate(endpoint, request.pathValues, request.params);
        return complaints.length === 0 ? [] : [{ endpoint: nameOf(endpoint), request, complaints }];
      }),
    );
    expect(refused).toEqual([]);
  });

  test("each single corruption is refused with the right name, for every endpoint", () => {
    const missed: unknown[] = [];
    const kinds = new Map<string, number>();
    for (const endpoint of endpoints) {
      for (const { kind, name, part, request } of corruptions(endpoint)) {
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        const complaints = validate(endpoint, request.pathValues, request.params);
        const right = complaints.length === 1 && complaints[0]?.name === name && complaints[0]?.part === part;
        if (!right) missed.push({ endpoint: nameOf(endpoint), kind, name, part, request, complaints });
      }
    }
    expect(missed).toEqual([]);
    expect([...kinds.keys()].sort()).toEqual(["enum", "length", "missing", "range", "type", "unknown"]);
  });
});

function nameOf({ method, template }: ApiEndpoint): string {
  return `${method} ${template}`;
}
