import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { encodePath, formatPath, PathError, parsePath } from "../../src/proxmox/path.ts";

const volume = ["nodes", "pve1", "storage", "local", "content", "local:iso/x.iso"];

test.each([
  ["/nodes/pve1/status", ["nodes", "pve1", "status"]],
  ["nodes/pve1/status", ["nodes", "pve1", "status"]],
  ["/api2/json/nodes", ["nodes"]],
  ["api2/json/nodes", ["nodes"]],
  ["/api2/json", []],
  ["/", []],
  ["/access/users/a%40b", ["access", "users", "a@b"]],
  ["/nodes/pve1/%71emu/%31%30%30", ["nodes", "pve1", "qemu", "100"]],
  ["/pools/%2541", ["pools", "%41"]],
  ["/pools/ünï/日本", ["pools", "ünï", "日本"]],
  ["/nodes/pve1/storage/local/content/local:iso/x.iso", volume],
  ["/nodes/pve1/storage/local/content/local%3Aiso%2Fx.iso", volume],
  ["/nodes/pve1/storage/local/content/local:iso%2Fx.iso", volume],
  ["/nodes/pve1/storage/local/content", volume.slice(0, 5)],
  ["/cluster/firewall/ipset/foo/10.0.0.0/8", ["cluster", "firewall", "ipset", "foo", "10.0.0.0/8"]],
  ["/cluster/firewall/ipset/foo/10.0.0.0%2F8", ["cluster", "firewall", "ipset", "foo", "10.0.0.0/8"]],
  ["/nodes/a/lxc/1/firewall/ipset/foo/fd00::/64", ["nodes", "a", "lxc", "1", "firewall", "ipset", "foo", "fd00::/64"]],
  ["/guests/web/firewall/ipset/foo/10.0.0.0/8", ["guests", "web", "firewall", "ipset", "foo", "10.0.0.0/8"]],
  ["/cluster/firewall/groups/a/b", ["cluster", "firewall", "groups", "a", "b"]],
])("reads %s", (text, path) => {
  expect(parsePath(text)).toEqual(path);
});

describe.each([
  ["", "is empty"],
  ["nodes//qemu", "empty segment"],
  ["//nodes", "empty segment"],
  ["/nodes/pve1/qemu/", "ends in a slash"],
  ["/nodes/./pve1", 'holds "."'],
  ["/nodes/../access", 'holds ".."'],
  ["/nodes/%2e%2E/access", 'holds ".."'],
  ["/nodes/%2e", 'holds "."'],
  ["/nodes/pve1/storage/local/content/local:iso/../../x", 'holds ".."'],
  ["/nodes/pve1/storage/local/content/local:iso%2F..%2Fx", 'holds ".."'],
  ["/nodes/pve1/storage/local/content/local:iso//x", "empty segment"],
  ["/nodes/pve1/storage/local/content/%2Fetc%2Fpasswd", "empty segment"],
  ["/nodes/pve1/storage/a%2Fb/content", "holds a slash (%2F)"],
  ["/nodes/pve1/qemu/100%2fconfig", "holds a slash (%2F)"],
  ["/nodes?type=vm", 'put the parameters of the query into "data"'],
  ["/nodes/a%3Fb", '"?", "#" or backslash'],
  ["/nodes/a#b", '"?", "#" or backslash'],
  ["/nodes/a%23b", '"?", "#" or backslash'],
  ["/nodes\\pve1", '"?", "#" or backslash'],
  ["/nodes/a%5Cb", '"?", "#" or backslash'],
  ["/nodes/a%00", "control character"],
  ["/nodes/a\nb", "control character"],
  ["/nodes/a%7f", "control character"],
  ["/nodes/a%C2%85", "control character"],
  ["/nodes/a%zz", "encodes no UTF-8"],
  ["/nodes/100%", "encodes no UTF-8"],
  ["/nodes/%ff", "encodes no UTF-8"],
  ["/nodes/%c0%ae", "encodes no UTF-8"],
  ["/nodes/\ud800", "lone surrogate"],
  ["/nodes/localhost/status", 'names the node "localhost"'],
  ["/nodes/%6cocalhost", 'names the node "localhost"'],
  ["/api2/extjs/nodes", 'leave "/api2/..." out'],
  ["/%61pi2/extjs/nodes", 'leave "/api2/..." out'],
  ["/api2", 'leave "/api2/..." out'],
  ["https://pve1:8006/api2/json/nodes", "is a URL"],
  [`/nodes/${"x".repeat(2100)}`, "at most 2048"],
])("refuses %j", (text, why) => {
  test(`saying ${why}, in one line`, () => {
    expect(() => parsePath(text)).toThrow(PathError);
    expect(() => parsePath(text)).toThrow(why);
    expect(() => parsePath(text)).not.toThrow("\n");
  });
});

test("encodes nothing that it would not have read", () => {
  for (const path of [["a", ""], [".."], ["a/b"], ["nodes", "localhost"], ["a\u0000"], ["x".repeat(2100)]]) {
    expect(() => encodePath(path)).toThrow(PathError);
  }
});

test("reads back what it encodes, segment by segment, whatever the segments hold", () => {
  const segment = fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" });
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 6 }), (path) => {
      let wire: string;
      try {
        wire = encodePath(path);
      } catch (error) {
        expect(error).toBeInstanceOf(PathError);
        return;
      }
      fc.pre(path[0] !== "api2");
      expect(parsePath(wire)).toEqual(path);
      expect(new URL(`https://h/api2/json${wire}`).pathname).toBe(`/api2/json${wire}`);
    }),
  );
});

test("whatever a text reads as goes out as exactly these segments", () => {
  const piece = fc.oneof(
    fc.constantFrom("/", "//", "%2F", "%2e", "..", "nodes", "content", "storage", "%25", "api2", "?", "localhost"),
    fc.string({ maxLength: 3 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 10 }), (pieces) => {
      let path: readonly string[];
      try {
        path = parsePath(pieces.join(""));
      } catch (error) {
        expect(error).toBeInstanceOf(PathError);
        return;
      }
      expect(path).not.toContain("");
      expect(path).not.toContain("..");
      const wire = new URL(`https://h/api2/json${encodePath(path)}`).pathname.split("/").slice(3);
      expect(wire.map(decodeURIComponent).filter((segment) => segment !== "")).toEqual([...path]);
      expect(formatPath(path)).toBe(`/${path.join("/")}`);
    }),
  );
});
