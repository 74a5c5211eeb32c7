import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { describeEndpoint, describeMethods } from "../../src/apidoc/describe/describe.ts";
import { signature } from "../../src/apidoc/describe/signature.ts";
import { nearestTemplates } from "../../src/apidoc/nearest.ts";
import { readSchema } from "../../src/apidoc/schema.ts";
import { ApiSearch } from "../../src/apidoc/search/search.ts";
import { words } from "../../src/apidoc/search/words.ts";
import type { ApiEndpoint, Properties, Property } from "../../src/apidoc/types.ts";
import { validate } from "../../src/apidoc/validate/validate.ts";
import { wordComplaints } from "../../src/apidoc/validate/wording.ts";
import { httpClient, type McpClient } from "../support/clients.ts";
import { expectLinear, hostileTexts } from "../support/growth.ts";
import { type Product, startProduct } from "../support/product.ts";
import { loadSources } from "./validate/schemas.ts";

const [{ schema: real } = { schema: undefined }] = await loadSources();
if (real === undefined) throw new Error("there is no schema");
const config = real.endpoint("PUT", "/nodes/{node}/qemu/{vmid}/config");
if (config === undefined) throw new Error("there is no endpoint");
const path = { node: "pve1", vmid: "100" };

/** An endpoint as a far end could write it, with this text wherever one may stand. */
async function endpointOf(text: string): Promise<ApiEndpoint | undefined> {
  const property = { type: "string", description: text, verbose_description: text, typetext: text, default: text };
  const properties = {
    a: property,
    b: { ...property, pattern: text.slice(0, 200), optional: 1 },
    c: { ...property, enum: [text, `${text}1`], format: text },
    d: { type: "string", format: { e: { ...property, default_key: 1, format_description: text } } },
  };
  const info = { description: text, parameters: { properties }, returns: property, permissions: { description: text } };
  const schema = await readSchema("9.1", `a = ${JSON.stringify([{ path: "/x", info: { POST: info } }])}`);
  return schema?.endpoint("POST", "/x");
}

describe.each(hostileTexts)("%s", (_, text) => {
  test("as words of a text", async () => {
    await expectLinear(text, words, { small: 10_000 });
  });

  test("as a value of any kind of parameter, and as a name", async () => {
    const names = ["memory", "net0", "scsi0", "machine", "tags", "description", "vga", "delete", "boot", "cores"];
    const run = ({ values, params }: { values: Record<string, string>; params: Record<string, string> }) =>
      wordComplaints(validate(config, values, params));
    const all = (value: string) => Object.fromEntries(names.map((name) => [name, value]));
    await expectLinear((size) => ({ values: path, params: all(text(size / names.length)) }), run);
    await expectLinear((size) => ({ values: path, params: { [text(size)]: "1" } }), run);
    await expectLinear((size) => ({ values: { node: text(size), vmid: text(size) }, params: {} }), run);
  });

  test("as segments of a path that does not exist", async () => {
    const segments = (size: number) => text(size).split("/");
    await expectLinear(segments, (given) => nearestTemplates(given, real.templates, 3));
    await expectLinear(segments, (given) => real.find(given));
  });

  test("as a question", async () => {
    const search = await ApiSearch.of(real);
    await expectLinear(text, (question) => search.find(question, { limit: 8 }));
  });

  test("as every text of an endpoint", async () => {
    const made = new Map([
      [700, await endpointOf(text(700))],
      [7_000, await endpointOf(text(7_000))],
    ]);
    const run = (endpoint: ApiEndpoint) => [
      describeEndpoint(endpoint),
      describeEndpoint(endpoint, "*"),
      describeMethods([endpoint, endpoint]),
      wordComplaints(validate(endpoint, {}, { a: "1", b: "2", c: "3", d: "e=1,f=2" }), signature(endpoint)),
    ];
    const make = (size: number) => {
      const endpoint = made.get(size);
      if (endpoint === undefined) throw new Error("there is no endpoint");
      return endpoint;
    };
    await expectLinear(make, run, { small: 700 });
  });
});

describe("many", () => {
  test("unknown parameters", async () => {
    await expectLinear(
      (count) => Object.fromEntries(Array.from({ length: count }, (_, at) => [`nosuch${at}`, "1"])),
      (params) => wordComplaints(validate(config, path, params)),
      { small: 10_000 },
    );
  });

  test("values of a list", async () => {
    const parameters = { it: { type: "array", items: { type: "string", enum: ["a", "b"] } } };
    await expectLinear(
      (count) => Array.from({ length: count }, () => "c"),
      (it) => validate({ parameters, additional: false }, {}, { it }),
    );
  });

  test("values for a property of many variants", async () => {
    let property: Property = { type: "string", pattern: "a+b" };
    for (let depth = 0; depth < 7; depth++) property = { oneOf: [property, property], items: property, type: "array" };
    await expectLinear(
      (count) => Array.from({ length: count }, () => "c"),
      (it) => validate({ parameters: { it: property }, additional: false }, {}, { it }),
    );
  });

  test("parts of property strings in property strings", async () => {
    let format: Properties = { a: { type: "string", default_key: 1, optional: 1 } };
    for (let depth = 0; depth < 11; depth++) format = { a: { type: "string", default_key: 1, optional: 1, format } };
    const parameters: Properties = { it: { type: "string", format } };
    await expectLinear(
      (size) => "x".repeat(size),
      (it) => validate({ parameters, additional: false }, {}, { it }),
    );
  });

  test("names in params of describe_api", async () => {
    await expectLinear(
      (count) => "nte1,".repeat(count),
      (params) => describeEndpoint(config, params),
      { small: 100 },
    );
  });
});

describe("an argument's limit is named by its error", () => {
  let product: Product;
  let client: McpClient;

  beforeAll(async () => {
    product = await startProduct(["--demo"]);
    client = await httpClient(product);
  });

  afterAll(async () => {
    await client[Symbol.asyncDispose]();
    await product.stop();
  });

  test.each([
    ["search_api", { query: "x".repeat(1_000_000) }, /query.*400/],
    ["search_api", { query: "disk", limit: 1_000_000 }, /limit.*50/],
    ["describe_api", { path: "/x".repeat(500_000) }, /path.*2,048/],
    ["describe_api", { path: "/nodes", params: "x".repeat(1_000_000) }, /params.*2,000/],
    ["describe_api", { path: "/nodes", params: "a,".repeat(900) }, /params.*at most 100/],
  ])("%s %#", async (tool, args, named) => {
    const { text, isError } = await client.call(tool, args);
    expect(isError).toBe(true);
    expect(text).toMatch(named);
    expect(text.length).toBeLessThan(1000);
  });
});
