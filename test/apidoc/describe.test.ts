import { describe, expect, test } from "bun:test";
import { describeDifferences } from "../../src/apidoc/cache/versions.ts";
import { describeEndpoint, describeMethods } from "../../src/apidoc/describe/describe.ts";
import { signature } from "../../src/apidoc/describe/signature.ts";
import type { ApiSchema } from "../../src/apidoc/schema.ts";
import type { ApiEndpoint } from "../../src/apidoc/types.ts";
import type { Method } from "../../src/proxmox/message.ts";
import { loadSources } from "./validate/schemas.ts";

const sources = await loadSources();
const tokens = (text: string) => Buffer.byteLength(text) / 4;

function get(schema: ApiSchema, method: Method, template: string): ApiEndpoint {
  const endpoint = schema.endpoint(method, template);
  if (endpoint === undefined) throw new Error(`no ${method} ${template}`);
  return endpoint;
}

/** An endpoint of which only this is of interest. */
function made(endpoint: Partial<ApiEndpoint>): ApiEndpoint {
  return {
    method: "POST",
    template: "/a",
    description: "Does it.",
    parameters: {},
    additional: false,
    returns: { type: "null" },
    permissions: { user: "all" },
    tokens: true,
    ...endpoint,
  };
}

describe.each(sources.map((source) => [source.name, source] as const))("%s", (_, { schema }) => {
  const all = schema.names().map(({ method, template }) => get(schema, method, template));

  test("every endpoint is told in at most 1,500 tokens, the median in 150", () => {
    const costs = all.map((endpoint) => tokens(describeEndpoint(endpoint))).sort((a, b) => a - b);
    expect(costs.at(-1)).toBeLessThanOrEqual(1500);
    expect(costs[Math.floor(costs.length / 2)]).toBeLessThanOrEqual(150);
  });

  test("every parameter of every endpoint is told, and all methods of a path in at most 1,500 tokens", () => {
    for (const endpoint of all) {
      const text = describeEndpoint(endpoint);
      for (const name of Object.keys(endpoint.parameters)) expect(text).toContain(name);
    }
    for (const template of schema.templates) {
      const endpoints = schema.methods(template).map((method) => get(schema, method, template));
      expect(tokens(describeMethods(endpoints))).toBeLessThanOrEqual(1500);
    }
  });

  test("a signature is one short line that names every required parameter", () => {
    for (const endpoint of all) {
      const line = signature(endpoint);
      expect(line).not.toContain("\n");
      expect(line.length).toBeLessThan(260);
      for (const [name, { optional }] of Object.entries(endpoint.parameters)) {
        if (optional !== undefined || name.endsWith("[n]") || endpoint.template.includes(`{${name}}`)) continue;
        expect(line).toContain(`${name}*`);
      }
    }
  });

  test("the groups of the VM's configuration bring every one of its parameters in full", () => {
    const config = get(schema, "PUT", "/nodes/{node}/qemu/{vmid}/config");
    const groups = [...describeEndpoint(config).matchAll(/\(params: "([^"]+)"\)/g)].map(([, params]) => params ?? "");
    expect(groups.length).toBeGreaterThan(4);
    const told = groups.map((params) => describeEndpoint(config, params)).join("\n");
    expect(told).not.toContain("There is no parameter");
    for (const name of Object.keys(config.parameters)) {
      if (name !== "node" && name !== "vmid") expect(told).toContain(`\n${name}`);
    }
  });

  test("a slice has what was asked for, by name, number and pattern", () => {
    const config = get(schema, "PUT", "/nodes/{node}/qemu/{vmid}/config");
    const text = describeEndpoint(config, "net0, memory scsi*,memroy");
    expect(text).toMatch(/^net\[n\]: /m);
    expect(text).toMatch(/^memory: /m);
    expect(text).toMatch(/^scsi\[n\]: /m);
    expect(text).toMatch(/^scsihw: /m);
    expect(text).not.toMatch(/^cores/m);
    expect(text).toContain("There is no parameter memroy: did you mean memory?");
  });
});

const [newest] = sources;

test.if(newest?.whole === true)("the resize of a disk reads as a person would write it", () => {
  if (newest === undefined) return;
  const resize = get(newest.schema, "PUT", "/nodes/{node}/qemu/{vmid}/resize");
  expect(signature(resize)).toBe("PUT /nodes/{node}/qemu/{vmid}/resize  disk* size*(+1G or 20G) digest skiplock");
  const lines = describeEndpoint(resize).split("\n");
  expect(lines).toContain("Extend volume size. Starts a task.");
  expect(lines).toContain("Needs VM.Config.Disk on /vms/{vmid}.");
  expect(lines).toContain(
    "disk*: ide0-3|scsi0-30|virtio0-15|sata0-5|efidisk0|tpmstate0 - The disk you want to resize.",
  );
  expect(lines.at(-1)).toBe("Returns the task's UPID.");
});

describe("what a call needs", () => {
  const needs = (endpoint: Partial<ApiEndpoint>) => describeEndpoint(made(endpoint)).split("\n")[2];
  const check = (...parts: unknown[]) => needs({ permissions: { check: parts } });

  test("is told in words", () => {
    expect(check("perm", "/vms/{vmid}", ["VM.Audit"])).toBe("Needs VM.Audit on /vms/{vmid}.");
    expect(check("perm", "/", ["Sys.Audit", "Datastore.Audit"], "any", 1)).toBe(
      "Needs Sys.Audit or Datastore.Audit on /.",
    );
    expect(check("and", ["perm", "/a", ["X"]], ["or", ["perm", "/b", ["Y"]], ["userid-param", "self"]])).toBe(
      "Needs X on /a and (Y on /b or to be that user).",
    );
    expect(check("perm", "/pool/{pool}", ["VM.Allocate"], "require_param", "pool")).toBe(
      "Needs VM.Allocate on /pool/{pool}, when pool is given.",
    );
    expect(needs({ permissions: { user: "all" } })).toBe("Every user may call it.");
    expect(needs({ permissions: { user: "world" } })).toBe("Anybody may call it, without a login.");
    expect(needs({ permissions: undefined })).toBe("Only root@pam may call it.");
  });

  test("says when no API token will do", () => {
    expect(needs({ tokens: false })).toContain("API tokens may not call it");
  });
});

describe("a type", () => {
  const type = (property: ApiEndpoint["parameters"][string]) =>
    describeEndpoint(made({ parameters: { it: property } })).split("\n")[3];

  test("has its range, choices, default, format and partner", () => {
    expect(type({ type: "integer", minimum: 1, maximum: 8, default: 2, optional: 1 })).toBe(
      "it: integer 1-8, default 2",
    );
    expect(type({ type: "string", enum: ["a1", "a2", "a3", "b"] })).toBe("it*: a1-3|b");
    expect(type({ type: "string", format: "pve-storage-id-list", optional: 1 })).toBe("it: list of storage");
    expect(type({ type: "boolean", optional: 1, requires: "other" })).toBe("it: boolean, with other");
    expect(type({ type: "array", items: { type: "string", enum: ["x", "y"] } })).toBe("it*: array of x|y");
    expect(
      type({
        type: "string",
        optional: 1,
        format: {
          bridge: { type: "string", optional: 1 },
          virtio: { alias: "macaddr", keyAlias: "model" },
          model: { type: "string", default_key: 1 },
          rate: { type: "number" },
        },
      }),
    ).toBe("it: [model=]..,rate=*..,bridge=..");
  });
});

test("clusters of other versions are told apart", () => {
  const here = made({ parameters: { both: {}, fresh: {} } });
  const there = made({ parameters: { both: {}, gone: {} } });
  expect(describeDifferences(here, [{ where: "beta (8.4)", endpoint: there }])).toEqual([
    "Not on beta (8.4): fresh.",
    "Only on beta (8.4): gone.",
  ]);
  expect(describeDifferences(here, [{ where: "beta (8.4)", endpoint: undefined }])).toEqual(["Not on beta (8.4)."]);
  expect(describeDifferences(here, [{ where: "beta (9.1)", endpoint: here }])).toEqual([]);
});
