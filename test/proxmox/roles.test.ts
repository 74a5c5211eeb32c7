import { expect, test } from "bun:test";
import { roleFor } from "../../src/proxmox/roles.ts";
import alphaReads from "../recordings/alpha-reads.json" with { type: "json" };

const recorded = alphaReads.find(({ request }) => request.path === "/access/roles")?.response.body as {
  data: { roleid: string; privs: string; special: number }[];
};
const holds = new Map(recorded.data.map(({ roleid, privs }) => [roleid, privs.split(",")]));
const all = holds.get("Administrator") ?? [];

const recommended = [
  "PVEPoolUser",
  "PVEAuditor",
  "PVETemplateUser",
  "PVEDatastoreUser",
  "PVESDNUser",
  "PVEMappingUser",
  "PVEVMUser",
];

test.each(recommended)("%s holds what a real server says, and nothing else", (role) => {
  const privileges = holds.get(role) ?? [];
  expect(roleFor(privileges)).toBe(role);
  expect(all.filter((privilege) => roleFor([...privileges, privilege]) === role).sort()).toEqual(privileges.sort());
});

test("what only an administrator's role holds gets no role", () => {
  const covered = new Set(recommended.flatMap((role) => holds.get(role) ?? []));
  for (const privilege of all)
    expect([privilege, roleFor([privilege]) !== undefined]).toEqual([privilege, covered.has(privilege)]);
  expect(roleFor(["VM.Audit", "VM.Allocate"])).toBeUndefined();
});
