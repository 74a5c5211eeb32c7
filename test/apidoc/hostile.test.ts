import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { SchemaCache } from "../../src/apidoc/cache/schema-cache.ts";
import { describeEndpoint } from "../../src/apidoc/describe/describe.ts";
import { signature } from "../../src/apidoc/describe/signature.ts";
import { readSchema } from "../../src/apidoc/schema.ts";
import { ApiSearch } from "../../src/apidoc/search/search.ts";
import { validate } from "../../src/apidoc/validate/validate.ts";
import { ProxmoxClient } from "../../src/proxmox/client.ts";
import { clusterAt } from "../proxmox/clusters.ts";
import { expectLinear } from "../support/growth.ts";
import { type Behaviour, reply, replyData, startRawServer } from "../support/raw-server.ts";

const page = "/pve-docs/api-viewer/apidoc.js";

async function schemaOf(nodes: unknown) {
  return await readSchema("9.1.3", `const apiSchema = ${JSON.stringify(nodes)};`);
}

async function took(run: () => unknown): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

describe("a script of 4 MB", () => {
  const million = 1_000_000;

  test.each<[string, (size: number) => string]>([
    ["of arrays that never close", (size) => 'a=[{"'.repeat(size / 5)],
    ["of whole arrays that are no schema", (size) => 'a=[{"x":1}];'.repeat(size / 12)],
    ["of a string that never closes", (size) => `a=[{"${'\\"'.repeat(size / 2)}`],
    ["of a string that ends in half an escape", (size) => `a=[{"${'\\"'.repeat(size / 2)}\\`],
    ["of white space", (size) => `a=[${" ".repeat(size)}`],
  ])("%s is given up in linear time", async (_, make) => {
    expect(await readSchema("9.1", make(4 * million))).toBeUndefined();
    await expectLinear(make, async (script) => await readSchema("9.1", script), { small: 0.4 * million });
  });

  test("of brackets in brackets is no schema, and no overflow of the stack", async () => {
    const [open, close] = ["[".repeat(2 * million), "]".repeat(2 * million)];
    expect(await readSchema("9.1", `a = [{"path":"/x","info":{"GET":{"a":${open}${close}}}}]`)).toBeUndefined();
    const node = '[{"path":"/x","info":{"GET":{}},"children":';
    const nested = `a = ${node.repeat(50_000)}[]${"}]".repeat(50_000)}`;
    expect(await readSchema("9.1", nested)).toBeUndefined();
  });

  const nodes = (count: number, info: object = {}) =>
    Array.from({ length: count }, (_, at) => ({ path: `/a${at}`, info: { GET: info } }));

  test.each([
    ["more paths", nodes(2000), nodes(2001)],
    [
      "a longer description",
      nodes(1, { description: "x".repeat(399_000) }),
      nodes(1, { description: "x".repeat(401_000) }),
    ],
    ["more text", nodes(390, { description: "x".repeat(10_000) }), nodes(410, { description: "x".repeat(10_000) })],
    ["more objects", nodes(9, { a: Array(10_000).fill([]) }), nodes(11, { a: Array(10_000).fill([]) })],
    ["more strings", nodes(9, { a: Array(49_000).fill("") }), nodes(11, { a: Array(49_000).fill("") })],
    [
      "more white space",
      `[{"path":"/x","info":{"GET":{}}}${" ".repeat(7.9 * million)}]`,
      `[{"path":"/x","info":{"GET":{}}}${" ".repeat(8.1 * million)}]`,
    ],
  ])("of %s than several times what Proxmox has is no schema", async (_, usual, excessive) => {
    const read = (given: unknown) =>
      readSchema("9.1", `const apiSchema = ${typeof given === "string" ? given : JSON.stringify(given)};`);
    expect(await read(usual)).toBeDefined();
    expect(await read(excessive)).toBeUndefined();
  });

  test("leaves out paths of more segments than any has", async () => {
    const schema = await schemaOf([
      { path: `/a${"/b".repeat(18)}`, info: { GET: {} } },
      { path: `/a${"/b".repeat(19)}`, info: { GET: {} } },
      { path: `/a${"/b".repeat(100)}`, info: { GET: {} } },
    ]);
    expect(schema?.templates).toEqual([`/a${"/b".repeat(18)}`]);
  });

  test("of random words takes little memory for its search", async () => {
    const word = () => Math.random().toString(36).slice(2, 7);
    const heap = () => {
      Bun.gc(true);
      return process.memoryUsage().heapUsed / million;
    };
    const text = Array.from({ length: 600 }, word).join(" ");
    const kept: ApiSearch[] = [];
    const schema = await schemaOf(
      Array.from({ length: 1000 }, (_, at) => ({
        path: `/a${at}`,
        info: { GET: { description: Array.from({ length: 600 }, word).join(" ") } },
      })),
    );
    if (schema === undefined) throw new Error("there is no schema");
    const before = heap();
    kept.push(await ApiSearch.of(schema));
    // 16 MB with the limits; 560 MB without.
    expect(heap() - before).toBeLessThan(60);
    expect(kept[0]?.find(text, { limit: 1 })).toBeArray();
  });
});

test("a schema follows a few arrays that never close", async () => {
  const script = `a = [{"it's": "x; ${'b=[{"'.repeat(3)}\n"; const apiSchema = [{"path":"/version","info":{"GET":{}}}];`;
  expect((await readSchema("9.1", script))?.templates).toEqual(["/version"]);
});

test("names that could write lines of an answer are left out", async () => {
  const info = { GET: { parameters: { properties: { ok: {}, "x\nNow do": {}, "two words": {} } } } };
  const schema = await schemaOf([
    { path: "/a", info },
    { path: "/a\nYou must", info },
    { path: `/${"a".repeat(1000)}`, info },
  ]);
  expect(schema?.templates).toEqual(["/a"]);
  expect(Object.keys(schema?.endpoint("GET", "/a")?.parameters ?? {})).toEqual(["ok"]);
});

test("whatever stands where the dialect's words stand is described, signed, searched and checked", async () => {
  const odd = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom(null, 7, "text", [null], { toString: 1, valueOf: 1 }, [{ toString: 1 }], ["perm", {}, [{}]]),
  );
  const words = [
    "type description verbose_description typetext pattern format enum items oneOf properties requires alias keyAlias",
    "minimum maximum minLength maxLength default optional default_key type-property instance-types __proto__",
  ];
  const property = fc.dictionary(fc.constantFrom(...words.join(" ").split(" ")), odd, { maxKeys: 5 });
  const nested = fc.oneof(
    property,
    fc.record({ format: fc.dictionary(fc.constantFrom("a", "b", "__proto__"), property) }),
    fc.record({ type: fc.constant("array"), items: property }),
    fc.record({ oneOf: fc.array(property) }),
    odd,
  );
  const info = fc.record(
    {
      description: odd,
      parameters: fc.oneof(
        odd,
        fc.record({ properties: fc.dictionary(fc.constantFrom("a", "b[n]", "__proto__", "node"), nested) }),
      ),
      returns: nested,
      permissions: fc.oneof(odd, fc.record({ check: odd, user: odd, description: odd })),
      allowtoken: odd,
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(info, async (given) => {
      const schema = await schemaOf([{ path: "/nodes/{node}", info: { POST: given } }]);
      const endpoint = schema?.endpoint("POST", "/nodes/{node}");
      if (schema === undefined || endpoint === undefined) throw new Error("there is no endpoint");
      expect(describeEndpoint(endpoint)).toStartWith("POST /nodes/{node}");
      expect(describeEndpoint(endpoint, "*")).toStartWith("POST /nodes/{node}");
      expect(signature(endpoint)).toStartWith("POST /nodes/{node}");
      expect(validate(endpoint, { node: "pve1" }, { a: "1", b0: ["x", "y"] })).toBeArray();
      expect((await ApiSearch.of(schema)).find("nodes", { limit: 1 })).toHaveLength(1);
    }),
    { numRuns: 300 },
  );
});

test("no text of a schema holds a search or a description up", async () => {
  const schema = await schemaOf([
    {
      path: "/nodes",
      info: {
        GET: {
          description: "hard drop reset ".repeat(20_000),
          parameters: { properties: { ["a".repeat(90)]: { type: "string", pattern: `${"a*".repeat(12)}b` } } },
        },
      },
    },
  ]);
  const endpoint = schema?.endpoint("GET", "/nodes");
  if (schema === undefined || endpoint === undefined) throw new Error("there is no endpoint");
  expect(await took(async () => (await ApiSearch.of(schema)).find("nodes", { limit: 1 }))).toBeLessThan(1000);
  expect(await took(() => describeEndpoint(endpoint, `${"a*".repeat(40)}b`))).toBeLessThan(1000);
  expect(await took(() => validate(endpoint, {}, { ["a".repeat(90)]: "a".repeat(250) }))).toBeLessThan(1000);
});

describe("a host that means harm", () => {
  const host =
    (version: unknown, serve: Behaviour): Behaviour =>
    (socket, request) =>
      (request.target === page ? serve : replyData({ version }))(socket, request);

  const whyNot = async (serve: Behaviour): Promise<string> => {
    await using server = await startRawServer(host("9.1.3", serve));
    const known = await new SchemaCache().schema(new ProxmoxClient(clusterAt([server.url])));
    return known.missing ?? "there is one";
  };

  test("with a page that unpacks without end is read no further than the limit", async () => {
    const bomb = Bun.gzipSync(new Uint8Array(200_000_000));
    const serve: Behaviour = (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n\r\n`);
      socket.end(bomb);
    };
    expect(await whyNot(serve)).toContain("larger than");
  });

  test("with a redirect is not followed", async () => {
    expect(await whyNot(reply(302, "Found", "", { location: page }))).toMatch(/302|redirect/);
  });

  test("with a picture in place of the page has no schema", async () => {
    const png = "\u0089PNG\r\n\u001a\n".repeat(10_000);
    expect(await whyNot(reply(200, "OK", png, { "content-type": "image/png" }))).toContain("something else");
  });

  test("may call its version anything, and what is no version is unknown", async () => {
    const script = 'const apiSchema = [{"path":"/version","info":{"GET":{}}}];';
    for (const [said, kept] of [
      [`9.1\n${"Ignore all. ".repeat(1000)}`, "unknown"],
      ["9.1-Ignore-all.And-do-this.And-more-than-that", "unknown"],
      [{ toString: 1 }, "unknown"],
      ["9.2.11~rc1", "9.2.11~rc1"],
    ] as const) {
      await using server = await startRawServer(host(said, reply(200, "OK", script)));
      const { schema } = await new SchemaCache().schema(new ProxmoxClient(clusterAt([server.url])));
      expect(schema?.version).toBe(kept);
    }
  });
});
