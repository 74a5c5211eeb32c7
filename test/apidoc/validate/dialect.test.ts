import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Properties, Property } from "../../../src/apidoc/types.ts";
import { validate } from "../../../src/apidoc/validate/validate.ts";
import type { Params, ParamValue } from "../../../src/proxmox/params.ts";
import { expectLinear } from "../../support/growth.ts";

const check = (parameters: Properties, params: Params, pathValues = {}, additional = false) =>
  validate({ parameters, additional }, pathValues, params);
const takes = (property: Property, value: ParamValue) => check({ it: property }, { it: value }).length === 0;

// Each row as PVE::JSONSchema of pve-common (April 2025 and 9.2.1) judges it, which was run to find out.
const values: readonly [
  name: string,
  property: Property,
  taken: readonly ParamValue[],
  refused: readonly ParamValue[],
][] = [
  ["a boolean", { type: "boolean" }, [true, false, 1, 0, "1", "0"], ["true", "on", "yes", "", 2, ["1", "0"]]],
  ["an integer", { type: "integer" }, [1, "-1", "+5", "007", true, "5\n"], ["1.5", "1e3", "", " 5", "5 ", "0x10"]],
  ["a number", { type: "number" }, [1.5, ".5", "5.", "1e3"], ["", "1,5", "1G"]],
  ["a range", { type: "integer", minimum: 1, maximum: "8" }, [1, 8], [0, 9, -3]],
  ["a range for text that looks like a number", { type: "string", minimum: 16 }, ["16", "many"], ["15"]],
  ["lengths", { type: "string", minLength: 2, maxLength: 3 }, ["ab", "äöü", "🙂🙂🙂"], ["", "a", "abcd"]],
  ["an enumeration", { type: "string", enum: ["on", "off"] }, ["on"], ["ON", "", "on ", 1]],
  ["an absent enumeration", { type: "string", enum: null } as unknown as Property, ["x"], []],
  [
    "a list as text",
    { type: "string", format: "pve-vmid-list" },
    ["100", "100,101;102 103", "100\u0000101", [100, "101"], ""],
    ["99", [100, "x"], "100\u0000x"],
  ],
  [
    "a list as array",
    { type: "array", items: { type: "integer", minimum: 1 } },
    [[1, 2], 1],
    [["1", "x"], [0, 1], "1,2"],
  ],
  ["text that is no list", { type: "string" }, ["a,b"], [["a", "b"]]],
  ["a format that may be empty", { type: "string", format: "email-opt" }, ["", "0", "a@b"], ["a"]],
  ["another name for a parameter", { alias: "other", type: "integer" }, ["x"], []],
  ["no type at all", { minimum: 5 }, ["x", ["a", "b"], 5], [4]],
  ["an unknown format", { type: "string", format: "pve-something-new" }, ["x", ""], []],
  ["a node", { type: "string", format: "pve-node" }, ["pve1", "a", "pve1\n"], ["-a", "a_b", ""]],
  [
    "an IP address",
    { type: "string", format: "ip" },
    ["::", "1:2:3:4:5:6:7::", "::1.2.3.4"],
    ["fe80::1%eth0", "01.2.3.4", "1::2::3"],
  ],
  ["a network", { type: "string", format: "CIDR" }, ["10.0.0.0/8", "fd00::/128"], ["10.0.0.0/7", "10.0.0.0", "::/129"]],
  ["a netmask", { type: "string", format: "ipv4mask" }, ["255.255.254.0", "0.0.0.0"], ["255.0.255.0", "24"]],
  [
    "a MAC address",
    { type: "string", format: "mac-addr" },
    ["bc:24:11:00:00:0A"],
    ["bd:24:11:00:00:01", "bc-24-11-00-00-01"],
  ],
  ["a size", { type: "string", format: "disk-size" }, ["32G", "1.5T", "100", "1GiB"], ["32GB", "+1G", "big"]],
  ["a pattern", { type: "string", pattern: "\\+?\\d+(\\.\\d+)?[KMGT]?" }, ["+1G", "20"], ["1 G", "-1G", ""]],
  [
    "a pattern anchored as Perl does it",
    { type: "string", pattern: "/dev/a\\d+|/dev/b\\d+" },
    ["/dev/a1x", "x/dev/b1"],
    ["x/dev/a1", "/dev/b1x"],
  ],
  ["a compiled pattern", { type: "string", pattern: "(?^i:a(?^:b))" }, ["Ab", "ab"], ["AB", "b"]],
  ["a pattern of Perl's own", { type: "string", pattern: "(?>a+)b++" }, ["anything"], []],
  ["a count without its lower end", { type: "string", pattern: "x{,3}" }, ["", "xxx"], ["xxxx"]],
  ["text that Perl's classes know and JavaScript's do not", { type: "string", pattern: "\\w+" }, ["größe"], ["a b"]],
];

describe("takes what Proxmox takes and refuses what it refuses:", () => {
  test.each(values)("%s", (_name, property, taken, refused) => {
    expect(taken.filter((value) => !takes(property, value))).toEqual([]);
    expect(refused.filter((value) => takes(property, value))).toEqual([]);
  });
});

test("families take any number, written as Proxmox writes it", () => {
  const family: Properties = { "net[n]": { type: "integer" } };
  expect(check(family, { net0: 1, net31: 1 })).toEqual([]);
  expect(check(family, { net01: 1 })).toEqual([{ name: "net01", problem: "is unknown", nearest: "net1" }]);
  expect(check(family, { "net[n]": 1 })).toEqual([{ name: "net[n]", problem: "is unknown", valid: "net0" }]);
  expect(check(family, { net7: "x" }).map(({ name }) => name)).toEqual(["net7"]);
});

test("a placeholder may be repeated with its own value, and no other", () => {
  const parameters: Properties = { vmid: { type: "integer", format: "pve-vmid" } };
  expect(check(parameters, { vmid: 100 }, { vmid: "100" })).toEqual([]);
  expect(check(parameters, { vmid: "web" }, { vmid: "100" })).toEqual([
    { name: "vmid", problem: "differs from the value in the path", valid: "100, or leave it out" },
  ]);
  expect(check(parameters, {}, { vmid: "web" }).map(({ name }) => name)).toEqual(["vmid"]);
});

test("what another parameter requires is asked for once", () => {
  const parameters: Properties = {
    size: { type: "string", optional: 1 },
    one: { type: "string", optional: 1, requires: "size" },
    two: { type: "string", optional: 1, requires: "size" },
  };
  expect(check(parameters, { one: "1", two: "1" })).toEqual([
    { name: "size", problem: 'is missing, and "one" needs it' },
  ]);
  expect(check(parameters, { one: "1", size: "" })).toEqual([]);
});

test("variants are judged by the type that is given, and left to Proxmox without it", () => {
  const items = (...names: string[]): Property => ({ type: "string", enum: names });
  const parameters: Properties = {
    protocol: { type: "string", optional: 1 },
    delete: {
      type: "array",
      "type-property": "protocol",
      oneOf: [
        { type: "array", "instance-types": ["ospf"], items: items("area") },
        { type: "array", "instance-types": ["openfabric"], items: items("hello") },
      ],
    },
  };
  expect(check(parameters, {})).toEqual([]);
  expect(check(parameters, { delete: "whatever" })).toEqual([]);
  expect(check(parameters, { protocol: "ospf", delete: "area" })).toEqual([]);
  expect(check(parameters, { protocol: "ospf", delete: ["area", "hello"] }).map(({ name }) => name)).toEqual([
    "delete",
  ]);
});

test("unknown names pass where the schema lets them, and the browsers' _dc everywhere", () => {
  expect(check({}, { anything: 1 }, {}, true)).toEqual([]);
  expect(check({}, { _dc: 1 })).toEqual([]);
  expect(check({}, { anything: 1 }).map(({ name }) => name)).toEqual(["anything"]);
  expect(check({ x: { type: "string", optional: 1 } }, { constructor: "1" } as Params).map(({ name }) => name)).toEqual(
    ["constructor"],
  );
});

test.each<[string, Property]>([
  ["a pattern of nested repetitions", { type: "string", pattern: "(?:[-]*[a-z\\d]+)*(?:a|a?)+", optional: 1 }],
  ["a pattern of adjacent repetitions", { type: "string", pattern: "a*a*a*b" }],
  ["a format", { type: "string", format: "dns-name" }],
  ["a list of choices", { type: "string", enum: Array.from({ length: 200 }, (_, at) => `value-${at}`) }],
])("no text makes %s hold the event loop", async (_, property) => {
  await expectLinear(
    (size) => `${"a".repeat(size)}!`,
    (text) => takes(property, text),
    { small: 40_000 },
  );
});

test("never throws, whatever a cluster serves as its schema", () => {
  const properties = fc.dictionary(
    fc.string(),
    fc.object({ key: fc.constantFrom("type", "format", "enum", "pattern", "items", "oneOf", "requires") }),
  );
  fc.assert(
    fc.property(properties, fc.string(), (parameters, value) => {
      const params = Object.fromEntries(Object.keys(parameters).map((name) => [name, value]));
      expect(check(parameters as Properties, params)).toBeArray();
    }),
    { numRuns: 300 },
  );
});
