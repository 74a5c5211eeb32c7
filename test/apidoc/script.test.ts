import { expect, test } from "bun:test";
import fc from "fast-check";
import { cutSchema } from "../../src/apidoc/cache/script.ts";
import { readSchema } from "../../src/apidoc/schema.ts";

/** Any schema of one path, with whatever text in it. */
const nodes = fc
  .record({ text: fc.string({ unit: "grapheme" }), more: fc.jsonValue() })
  .map(({ text, more }) => [
    { info: { GET: { description: text, method: "GET", more } }, leaf: 1, path: "/version", text: "version" },
  ]);

/** What may stand around it: code, comments, strings with brackets. None of it is an array of objects with paths. */
const around = fc
  .array(
    fc.constantFrom(
      "// const apiSchema = [\n",
      "/* const apiSchema = [{ */\n",
      "let a = [1, [2]];\n",
      'const b = [{ "a": "]" }];\n',
      "var s = '[{';\n",
      'var t = "}]";\n',
      "const re = /[\\]}]/;\n",
      "Ext.onReady(function() { return [{}]; });\n",
      "\ufeff",
    ),
  )
  .map((lines) => lines.join(""));

test("the schema is cut out whole, whatever stands in it and around it", () => {
  const name = fc.constantFrom("const apiSchema = ", "var apiSchema=", "let  apiSchema\t=\n", "const pveapi = ");
  const indent = fc.constantFrom(undefined, 3);
  fc.assert(
    fc.property(around, name, nodes, indent, around, (before, assignment, schema, spaces, after) => {
      const cut = cutSchema(`${before}${assignment}${JSON.stringify(schema, null, spaces)}\n;\n${after}`);
      expect(JSON.parse(cut ?? "null")).toEqual(JSON.parse(JSON.stringify(schema)));
    }),
  );
});

test("a script without a schema, or with half of one, gives none", async () => {
  const whole = `const apiSchema = [{"path":"/version","info":{"GET":{"description":"a ] b"}}}];`;
  expect(await readSchema("9.1", whole)).toBeDefined();
  for (let end = 0; end < whole.length - 1; end++) {
    expect(await readSchema("9.1", whole.slice(0, end))).toBeUndefined();
  }
  for (const page of [
    "<!DOCTYPE html><title>Login</title><form></form>",
    "const apiSchema = [];",
    'const apiSchema = [{"path": "/a", info: {}}];',
    'const apiSchema = [{"path":"/version","info":{}}];',
    'const apiSchema = [{"path":7,"info":{"GET":{}}},null,3];',
  ]) {
    expect(await readSchema("9.1", page)).toBeUndefined();
  }
});

test("nothing of the script is run", async () => {
  const script = `globalThis.ran = true; const apiSchema = [{"path":"/version","info":{"GET":{}}}]; globalThis.ran = true;`;
  expect((await readSchema("9.1", script))?.templates).toEqual(["/version"]);
  expect("ran" in globalThis).toBe(false);
});

test("a schema in the wrong form is read as far as it goes", async () => {
  const odd = [
    {
      path: "/a",
      info: { GET: { parameters: { properties: { x: null, y: 3, z: { type: "string" } } }, returns: [] } },
    },
    { path: "/b", info: { GET: "no object", PATCH: {}, POST: { description: 7, permissions: null } } },
    { info: { GET: {} }, children: "none" },
  ];
  const schema = await readSchema("9.1", `const apiSchema = ${JSON.stringify(odd)}`);
  expect(schema?.names()).toEqual([
    { method: "GET", template: "/a" },
    { method: "POST", template: "/b" },
  ]);
  expect(Object.keys(schema?.endpoint("GET", "/a")?.parameters ?? {})).toEqual(["z"]);
  expect(schema?.endpoint("POST", "/b")?.description).toBe("");
});
