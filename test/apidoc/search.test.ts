import { beforeAll, describe, expect, test } from "bun:test";
import type { ApiSchema } from "../../src/apidoc/schema.ts";
import { ApiSearch } from "../../src/apidoc/search/search.ts";
import { blindQuestions } from "./blind-questions.ts";
import { harder, heldOut, type Question, questions } from "./questions.ts";
import { loadSources } from "./validate/schemas.ts";

const sources = await loadSources();

function has(schema: ApiSchema, endpoint: string): boolean {
  const [method, template = ""] = endpoint.split(" ");
  return schema.methods(template).some((one) => one === method);
}

describe.each(sources.map((source) => [source.name, source] as const))("%s", (_, { schema, whole }) => {
  let search: ApiSearch;
  /** For each question that this schema can answer, where the first right endpoint stands; from 0. */
  const places = (list: readonly Question[]) =>
    list
      .map(({ asks, right }) => ({ asks, right: right.filter((endpoint) => has(schema, endpoint)) }))
      .filter(({ right }) => right.length > 0)
      .map(({ asks, right }) => {
        const found = search.find(asks, { limit: 8 }).map(({ method, template }) => `${method} ${template}`);
        return { asks, at: found.findIndex((endpoint) => right.includes(endpoint)) };
      });

  beforeAll(async () => {
    search = await ApiSearch.of(schema);
  });

  test.each([
    ["the operator's questions", questions],
    ["the hard ones", harder],
    ["the ones that nobody tuned for", heldOut],
    ["the ones of somebody who did not know the search", blindQuestions],
  ])("%s: 95 in 100 among the first eight, 80 among the first three", (_, list) => {
    const asked = places(list);
    expect(asked.length).toBeGreaterThanOrEqual(whole ? 80 : 20);
    const lost = asked.filter(({ at }) => at < 0).map(({ asks }) => asks);
    const late = asked.filter(({ at }) => at < 0 || at > 2).map(({ asks }) => asks);
    expect({ lost, many: lost.length > asked.length * 0.05 }).toEqual({ lost, many: false });
    expect({ late, many: late.length > asked.length * 0.2 }).toEqual({ late, many: false });
  });

  test("a method leaves the others out, and a limit holds", () => {
    const found = search.find("snapshot of a vm", { method: "DELETE", limit: 2 });
    expect(found.map(({ method }) => method)).toEqual(["DELETE", "DELETE"]);
    expect(found[0]?.template).toBe("/nodes/{node}/qemu/{vmid}/snapshot/{snapname}");
  });

  test("the kind of guest that is named comes first", () => {
    const first = (question: string) => search.find(question, { limit: 1 })[0]?.template;
    expect(first("start the virtual machine")).toBe("/nodes/{node}/qemu/{vmid}/status/start");
    expect(first("start the container")).toBe("/nodes/{node}/lxc/{vmid}/status/start");
  });

  test("a slip of the pen is forgiven", () => {
    const found = search.find("snapshott of a vm", { limit: 3 });
    expect(found.map(({ template }) => template)).toContain("/nodes/{node}/qemu/{vmid}/snapshot");
  });

  test("what the API has not is not answered with the next best word", () => {
    expect(search.find("screenshot of a vm", { limit: 3 })).toEqual([]);
  });

  test("what no endpoint has to do with finds nothing, and nothing breaks it", () => {
    for (const question of ["", "   ", "?!", "the of and", "xyzzyqwert", "__proto__", "constructor", "🐑", "日本"]) {
      expect(() => search.find(question, { limit: 8 })).not.toThrow();
    }
    expect(search.find("xyzzyqwert", { limit: 8 })).toEqual([]);
  });
});
