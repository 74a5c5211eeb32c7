import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Glob } from "bun";
import { classify } from "../../../src/policy/endpoint-classes/classify.ts";
import { rows } from "../../../src/policy/endpoint-classes/index.ts";
import { undoText } from "../../../src/policy/plan/undo.ts";
import type { Method } from "../../../src/proxmox/message.ts";
import { parseParams } from "../../../src/proxmox/params.ts";
import { parsePath } from "../../../src/proxmox/path.ts";

function classifiedOf(request: string, params: Record<string, unknown> = {}) {
  const [method = "", path = ""] = request.split(" ");
  return classify({ method: method as Method, path: parsePath(path), params: parseParams(params) });
}

function textOf(request: string, params: Record<string, unknown> = {}, definition?: unknown): string {
  return undoText(request.split(" ")[0] ?? "", classifiedOf(request, params), { how: "by something", definition });
}

const asked = rows.filter((row) => row.class === "destructive" || row.class === "change");

test.each(asked.map(({ endpoint, irreversible }) => [endpoint, irreversible] as const))(
  "%s cannot be undone: %p, whatever its describer notes",
  (endpoint, irreversible) => {
    const request = endpoint.replaceAll(/\{\w+\}/g, "x1");
    for (const notes of [{}, { how: "by something" }, { caveat: "data is lost" }]) {
      const text = undoText(endpoint.split(" ")[0] ?? "", classifiedOf(request), notes);
      expect(text === "cannot be undone").toBe(irreversible);
    }
  },
);

test.each<[request: string, params: Record<string, unknown>, definition: unknown, text: string]>([
  ["PUT /storage/nas", { password: "x" }, undefined, "cannot be undone"],
  ["PUT /access/domains/ldap", { password: "x" }, undefined, "cannot be undone"],
  ["DELETE /access/domains/ldap", {}, undefined, "cannot be undone"],
  ["DELETE /access/domains/ldap", {}, { type: "ldap", bind_dn: "cn=x" }, "cannot be undone"],
  ["DELETE /access/domains/ldap", {}, { type: "ldap" }, "can be undone by something"],
  ["PUT /nodes/pve1/qemu/100/config", { template: 1 }, undefined, "can be undone by something"],
  ["POST /nodes/pve1/qemu/100/remote_migrate", {}, undefined, "can be undone by something"],
  ["POST /nodes/pve1/qemu/100/remote_migrate", { delete: 1 }, undefined, "cannot be undone"],
])("%s %j", (request, params, definition, text) => {
  expect(textOf(request, params, definition)).toBe(text);
});

describe("a sensitive call says what it does, never that it only reads:", () => {
  test.each([
    ["GET /nodes/pve1/qemu/100/agent/file-read", "exposes data"],
    ["GET /nodes/pve1/storage/s/file-restore/download", "exposes data"],
    ["GET /access/domains/sso", "exposes data"],
    ["POST /access/ticket", "exposes data"],
    ["GET /nodes/pve1/qemu/100/vncwebsocket", "opens a console"],
    ["POST /nodes/pve1/lxc/200/termproxy", "opens a console"],
    ["POST /nodes/pve1/vncshell", "opens a console"],
    ["GET /nodes/pve1/scan/nfs", "connects elsewhere"],
    ["GET /nodes/pve1/query-url-metadata", "connects elsewhere"],
    ["POST /cluster/metrics/server/x", "connects elsewhere"],
    ["GET /something/new", "exposes data or connects elsewhere"],
  ])("%s %s", (request, text) => {
    expect(textOf(request)).toBe(text);
  });
});

test("no describer says by itself that a call cannot be undone", async () => {
  const folder = join(import.meta.dir, "../../../src/policy/plan/targets");
  for await (const file of new Glob("**/*.ts").scan(folder)) {
    expect({ file, text: await Bun.file(join(folder, file)).text() }).toEqual({
      file,
      text: expect.not.stringMatching(/["`'](?:cannot|can) be undone/),
    });
  }
});
