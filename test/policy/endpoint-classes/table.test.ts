import { describe, expect, test } from "bun:test";
import { areas, findRow, rows } from "../../../src/policy/endpoint-classes/index.ts";
import type { Method } from "../../../src/proxmox/message.ts";
import { parsePath } from "../../../src/proxmox/path.ts";
import { loadSources } from "../../apidoc/validate/schemas.ts";

const sources = await loadSources();

test("the table reads as a page, for whoever reviews it", () => {
  const page = Object.entries(areas).map(([area, own]) => {
    const lines = own.map(({ endpoint, class: name, irreversible, codeRequired, reason }) => {
      const [method = "", template = ""] = endpoint.split(" ");
      const mark = irreversible ? "!" : codeRequired ? "*" : " ";
      return `${name.padEnd(11)} ${mark} ${method.padEnd(6)} ${template.padEnd(74)} ${name === "read" ? "" : reason}`.trimEnd();
    });
    return [`# ${area}, ${own.length} endpoints`, ...lines].join("\n");
  });
  expect(`\n${page.join("\n\n")}\n`).toMatchSnapshot();
});

test("no endpoint stands twice, and whatever is more than a read says why", () => {
  expect(new Set(rows.map(({ endpoint }) => endpoint)).size).toBe(rows.length);
  for (const { endpoint, class: name, reason } of rows) {
    expect(endpoint).toMatch(/^(GET|POST|PUT|DELETE) \/\S+$/);
    if (name !== "read") expect({ endpoint, reason }).toEqual({ endpoint, reason: expect.stringMatching(/^it /) });
  }
});

test("whatever deletes is destructive, and nothing but a GET or a question to the guest agent is a read", () => {
  const isRead = ({ class: name }: (typeof rows)[number]) => name === "read";
  expect(rows.filter((row) => row.endpoint.startsWith("DELETE") && row.class !== "destructive")).toEqual([]);
  const others = rows.filter((row) => isRead(row) && !row.endpoint.startsWith("GET ")).map(({ endpoint }) => endpoint);
  expect(others).toEqual([
    "POST /nodes/{node}/qemu/{vmid}/agent/fsfreeze-status",
    "POST /nodes/{node}/qemu/{vmid}/agent/ping",
  ]);
});

describe.each(sources.map((source) => [source.name, source] as const))("%s", (_, { schema, whole }) => {
  test("has no endpoint that the table does not name", () => {
    const fresh = schema
      .names()
      .filter(({ method, template }) => !rows.some(({ endpoint }) => endpoint === `${method} ${template}`))
      .map(({ method, template }) => {
        const about = schema.endpoint(method, template)?.description.split("\n")[0] ?? "";
        return `${method} ${template}: ${about}`;
      });
    // Each is to be read, classed, and added to the file of its area.
    expect(fresh).toEqual([]);
  });

  test("every endpoint is found by a path with values in it", () => {
    expect(schema.names().length).toBeGreaterThan(whole ? 600 : 50);
    for (const { method, template } of schema.names()) {
      const path = parsePath(template.replaceAll(/\{[\w-]+\}/g, "x1"));
      expect(findRow(method as Method, path).row?.endpoint).toBe(`${method} ${template}`);
    }
  });
});

test.skipIf(!sources.every(({ whole }) => whole))("the table names no endpoint that no Proxmox has", () => {
  const known = new Set(
    sources.flatMap(({ schema }) => schema.names().map(({ method, template }) => `${method} ${template}`)),
  );
  expect(rows.map(({ endpoint }) => endpoint).filter((endpoint) => !known.has(endpoint))).toEqual([]);
});
