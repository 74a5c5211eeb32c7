import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { checkPattern, checkProtect } from "../../../src/config/clusters/pattern.ts";
import { ConfigError } from "../../../src/config/error.ts";

const anything = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.stringMatching(/^(GET|PUT|get|\*) \/[a-z*/{}.?%# ]{0,12}$/),
  fc.stringMatching(/^(vmid|tag|pool|name):[0-9a-z*-]{0,12}$/),
);

describe("a pattern of allow and deny", () => {
  test.each([
    "GET /",
    "* /**",
    "GET /nodes/*/qemu",
    "DELETE /nodes/{node}/qemu/{vmid}",
    "PUT /storage/local-lvm",
    "POST /access/users/a@pve",
  ])("%j is one", (text) => {
    expect(() => checkPattern(text)).not.toThrow();
  });

  test.each([
    ["", "METHOD /path"],
    ["GET", "METHOD /path"],
    ["/nodes", "METHOD /path"],
    ["get /nodes", 'Did you mean "GET"?'],
    ["PATCH /nodes", "Valid: GET, POST, PUT, DELETE, *."],
    ["GET nodes", 'starts with "/"'],
    ["GET  /nodes", 'starts with "/"'],
    ["GET /nodes/pve*", "inside a segment"],
    ["GET /nodes/***", "inside a segment"],
    ["GET /nodes?x", "without white space"],
    ["GET /nodes /x", "without white space"],
    ["GET /a%2fb", "without white space"],
    ["GET /nodes/", "empty"],
    ["GET //nodes", "empty"],
    ["GET /nodes/../access", '".."'],
    ["GET /guests/web-01/**", "/nodes/*/qemu/100"],
    ["GET /api2/json/nodes", "/api2"],
  ])("%j is none: %s", (text, reason) => {
    expect(() => checkPattern(text)).toThrow(reason);
  });
});

describe("an entry of protect", () => {
  test.each([
    "vmid:100",
    "vmid:100-199",
    "vmid:100-100",
    "tag:prod",
    "pool:infra/web",
    "node:pve1",
    "name:db-*",
    "name:*",
  ])("%j is one", (text) => {
    expect(() => checkProtect(text)).not.toThrow();
  });

  test.each([
    ["", "protects nothing"],
    ["100", "protects nothing"],
    ["tags:prod", 'Did you mean "tag"?'],
    ["vmid:99", "vmid:100-199"],
    ["vmid:200-100", "the lower one first"],
    ["vmid:1*", "vmid:100-199"],
    ["vmid:1000000000", "999999999"],
    ["tag:", "a name of letters"],
    ["name:a b", "a name of letters"],
    ["name:?", "a name of letters"],
  ])("%j is none: %s", (text, reason) => {
    expect(() => checkProtect(text)).toThrow(reason);
  });
});

test("whatever the text is, judging it does nothing or throws a ConfigError", () => {
  fc.assert(
    fc.property(anything, (text) => {
      for (const check of [checkPattern, checkProtect]) {
        try {
          check(text);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }
    }),
  );
});

test("every path of plain segments, with any method and any wildcards, is a pattern", () => {
  const segment = fc.oneof(fc.constantFrom("*", "**", "{node}"), fc.stringMatching(/^[a-z][a-z0-9_:@-]{0,8}$/));
  fc.assert(
    fc.property(fc.constantFrom("GET", "POST", "PUT", "DELETE", "*"), fc.array(segment), (method, segments) => {
      checkPattern(`${method} /${segments.join("/")}`);
    }),
  );
});
