import { expect, test } from "bun:test";
import { tools } from "../../src/tools/catalog/index.ts";
import type { Tool } from "../../src/tools/tool.ts";
import { agreeable, httpClient } from "../support/clients.ts";
import { startProduct } from "../support/product.ts";
import { placesOf, type Schema } from "../support/tool-arguments.ts";

/** Values that exceed the limit that a schema names; `undefined` where it names none, although it should. */
function excesses({
  type,
  enum: values,
  maxLength,
  maxItems,
  minimum,
  maximum,
  properties,
  additionalProperties,
}: Schema) {
  if (values !== undefined) return [];
  switch (type) {
    case "string":
      return maxLength === undefined ? undefined : ["x".repeat(maxLength + 1), "x".repeat(900_000)];
    case "array":
      return maxItems === undefined ? undefined : [Array.from({ length: 900_000 }, () => "x")];
    case "integer":
    case "number":
      return maximum === undefined || minimum === undefined ? undefined : [maximum + 1, minimum - 1, 1e300];
    case "object":
      if (properties !== undefined) return additionalProperties === false ? [] : undefined;
      // What takes any object has a limit for everything that an object may have too much of.
      return [
        { x: "x".repeat(900_000) },
        { ["x".repeat(900_000)]: "x" },
        { x: Array.from({ length: 900_000 }, () => "x") },
        Object.fromEntries(Array.from({ length: 200_000 }, (_, at) => [`x${at}`, "x"])),
        JSON.stringify({ x: "x".repeat(900_000) }),
      ];
    default:
      return undefined;
  }
}

const places = tools.flatMap((tool) =>
  placesOf(tool).map((place) => ({ name: `${tool.name} ${place.at}`, tool, place })),
);

test.each(places)("$name has a limit", ({ place }) => {
  expect(excesses(place.schema)).toBeDefined();
});

test.each(places)("$name: an error names the limit, and not what was given", async ({ tool, place }) => {
  for (const value of excesses(place.schema) ?? []) {
    // Nothing is asked of any cluster before all arguments are read.
    const error = await tool.call(place.put(value), {} as Parameters<Tool["call"]>[1]).catch((reason: Error) => reason);
    expect(error).toBeInstanceOf(Error);
    const { name, message } = error as Error;
    expect({ name, message }).toEqual({ name: "ArgumentError", message: expect.stringContaining(`${place.at}: at `) });
    expect(message).toMatch(/: at (?:most|least) [\d,.-]+( [a-z ]+)?, got [\d,.e+-]+\./);
    expect(message.length).toBeLessThan(300);
  }
});

test("an error names at most eight unknown and eight wrong arguments, and no long name", async () => {
  await using product = await startProduct(["--demo"]);
  await using client = await httpClient({ url: product.url, human: agreeable });
  const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, at) => [`nosuch${at}`, "x"]));
  for (const args of [
    many,
    { ["x".repeat(900_000)]: "x" },
    { requests: Array.from({ length: 20 }, () => ({ y: 1 })) },
  ]) {
    const { text, isError } = await client.call("proxmox_api_read", { requests: ["/version"], ...args });
    expect(isError).toBe(true);
    expect(text.length).toBeLessThan(1200);
    expect(text.match(/there is no argument/g)?.length ?? 0).toBeLessThanOrEqual(8);
    expect(text.match(/requests\.\d+\.path/g)?.length ?? 0).toBeLessThanOrEqual(8);
  }
});
