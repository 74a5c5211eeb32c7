import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { covers } from "../../src/policy/pattern.ts";

describe("a pattern", () => {
  test.each([
    ["GET /nodes/*/qemu", "GET", "nodes/pve1/qemu", true],
    ["GET /nodes/*/qemu", "POST", "nodes/pve1/qemu", false],
    ["* /nodes/*/qemu", "POST", "nodes/pve1/qemu", true],
    ["GET /nodes/*", "GET", "nodes/pve1/qemu", false],
    ["GET /nodes/**", "GET", "nodes", true],
    ["GET /nodes/**", "GET", "nodes/pve1/qemu/100", true],
    ["GET /**/config", "GET", "nodes/pve1/qemu/100/config", true],
    ["GET /**/config", "GET", "nodes/pve1/qemu/100/configs", false],
    ["GET /nodes/{node}/qemu/{vmid}", "GET", "nodes/pve1/qemu/100", true],
    ["GET /**/a/**/b", "GET", "x/a/a/b", true],
    ["GET /", "GET", "", true],
    ["GET /nodes", "GET", "Nodes", false],
  ])("%s over %s %s: %p", (pattern, method, path, expected) => {
    expect(covers(pattern, method, path.split("/").filter(Boolean))).toBe(expected);
  });

  test("covers a volume id or CIDR with a slash, as one segment and as it is written", () => {
    const volume = ["nodes", "pve1", "storage", "local", "content", "local:iso/x.iso"];
    for (const pattern of ["local:iso/x.iso", "*", "{volume}", "**", "local:iso/*"]) {
      expect(covers(`DELETE /nodes/*/storage/*/content/${pattern}`, "DELETE", volume)).toBe(true);
    }
    expect(covers("DELETE /nodes/*/storage/*/content/local:iso/y.iso", "DELETE", volume)).toBe(false);
  });

  test("means what a regular expression of the same form means", () => {
    const part = fc.oneof(fc.constantFrom("*", "**", "a", "b", "{x}"));
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 6 }),
        fc.array(fc.constantFrom("a", "b", "c"), { maxLength: 7 }),
        (parts, path) => {
          const source = parts
            .map((p) => (p === "**" ? "(?:/[^/]+)*" : p === "*" || p === "{x}" ? "/[^/]+" : `/${p}`))
            .join("");
          const wanted = new RegExp(`^${source}$`).test(path.map((segment) => `/${segment}`).join(""));
          expect(covers(`GET /${parts.join("/")}`, "GET", path)).toBe(wanted);
        },
      ),
    );
  });

  test("costs little, however many ** and however long the path", () => {
    const path = Array.from({ length: 4000 }, () => "a");
    expect(covers(`GET /${"**/a/".repeat(20)}**/b`, "GET", path)).toBe(false);
  });

  test("never throws", () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.array(fc.string()),
        (pattern, path) => typeof covers(pattern, "GET", path) === "boolean",
      ),
    );
  });
});
