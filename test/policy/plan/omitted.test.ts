import { describe, expect, test } from "bun:test";
import { type Answers, demoScene, sceneWith } from "./scene.ts";

/** The effect of a `PUT` on an object that a GET of the same path shows. */
async function effectOf(path: string, row: object, params: Record<string, unknown>, more: Answers = {}) {
  const { effect } = await sceneWith({ ...more, [path]: { data: row } }).plan(`PUT ${path}`, params);
  return effect;
}

describe("what a PUT changes although it does not name it:", () => {
  const path = "/cluster/backup/j";

  test.each<[row: object, params: Record<string, unknown>, cleared: string[]]>([
    [{ all: 1, exclude: "100" }, { vmid: "101" }, ["all (1)", "exclude (100)"]],
    [{ pool: "prod" }, { vmid: "101" }, ["pool (prod)"]],
    [{ vmid: "101" }, { all: 1 }, ["vmid (101)"]],
    [{ pool: "prod" }, { all: 1 }, ["pool (prod)"]],
    [{ vmid: "101" }, { pool: "prod" }, ["vmid (101)"]],
    [{ all: 1, exclude: "100" }, { pool: "prod" }, ["all (1)", "exclude (100)"]],
    [{ vmid: "101" }, { schedule: "03:00" }, []],
    [{ pool: "prod" }, { schedule: "03:00" }, []],
    [{ pool: "prod" }, { delete: "pool", all: 1 }, []],
  ])("the other ways to select guests of a backup job: %j %j", async (row, params, cleared) => {
    const effect = await effectOf(path, { id: "j", ...row }, params);
    expect([...effect.matchAll(/clears omitted ([^;]+)/g)].map(([, part]) => part ?? "")).toEqual(cleared);
  });

  test("the name servers of a node", async () => {
    const row = { search: "a.test", dns1: "192.0.2.1", dns2: "192.0.2.2" };
    expect(await effectOf("/nodes/pve1/dns", row, { search: "b.test", dns1: "192.0.2.1" })).toBe(
      "clears omitted dns2 (192.0.2.2); search a.test -> b.test; dns1 192.0.2.1 -> 192.0.2.1",
    );
    const { action, details } = await sceneWith({ "/nodes/pve1/dns": { data: row } }).plan("PUT /nodes/pve1/dns", {
      search: "a.test",
    });
    expect(action).toBe("CHANGE DNS of node pve1 on prod: can be undone");
    expect(details).toContain("The call omits dns1, which clears it (192.0.2.1).");
    expect(details).toContain("The call omits dns2, which clears it (192.0.2.2).");
  });

  test.each<[row: object, params: Record<string, unknown>, effect: string]>([
    [{ method: "static", cidr: "192.0.2.1/24" }, { mtu: 9000 }, "cidr 192.0.2.1/24; sets method to manual (static)"],
    [{ method: "dhcp" }, { mtu: 9000 }, "no addresses; sets method to manual (dhcp)"],
    [{ method: "manual" }, { mtu: 9000 }, "no addresses"],
    [
      { method: "static", cidr: "192.0.2.1/24", method6: "static", cidr6: "2001:db8::1/64", gateway6: "fe80::1" },
      { cidr: "192.0.2.2/24" },
      "cidr 192.0.2.1/24; sets method6 to manual (static); clears omitted cidr6 (2001:db8::1/64); clears omitted gateway6 (fe80::1); cidr 192.0.2.1/24 -> 192.0.2.2/24",
    ],
    [
      { method: "static", cidr: "192.0.2.1/24", method6: "static", cidr6: "2001:db8::1/64" },
      { cidr6: "2001:db8::2/64" },
      "cidr 192.0.2.1/24; sets method to manual (static); clears omitted cidr (192.0.2.1/24); cidr6 2001:db8::1/64 -> 2001:db8::2/64",
    ],
  ])("how an interface gets its addresses: %j %j", async (row, params, effect) => {
    const more: Answers = { "/nodes/pve1/network": { data: [] } };
    const all = { method6: "manual", ...row };
    expect((await effectOf("/nodes/pve1/network/eno1", all, params, more)).replace("; mtu not set -> 9000", "")).toBe(
      effect,
    );
  });

  test("those of the simulator's interfaces, as the plan says", async () => {
    const { admin, plan } = demoScene();
    const path = "/nodes/pve1/network/vmbr0";
    const both = { type: "bridge", cidr: "192.0.2.11/24", cidr6: "2001:db8::1/64", gateway6: "fe80::1" };
    await admin("PUT", path, both);
    expect(await admin("GET", path)).toMatchObject({ method6: "static", families: ["inet", "inet6"] });
    const { effect, details } = await plan(`PUT ${path}`, { type: "bridge", cidr: "192.0.2.12/24" });
    expect(effect).toContain("sets method6 to manual (static); clears omitted cidr6 (2001:db8::1/64); and 3 more");
    expect(details).toContain("The call omits gateway6, which clears it (fe80::1).");
    await admin("PUT", path, { type: "bridge", cidr: "192.0.2.12/24" });
    const now = await admin("GET", path);
    expect(now).toMatchObject({ method: "static", method6: "manual", families: ["inet"], cidr: "192.0.2.12/24" });
    expect(Object.keys(now as object).filter((key) => key.endsWith("6"))).toEqual(["method6"]);
    await admin("PUT", path, { type: "bridge", mtu: "9000" });
    expect(await admin("GET", path)).toMatchObject({ method: "manual", cidr: "192.0.2.12/24" });
  });

  test("host name and guest of an IP in the IPAM", async () => {
    const { plan } = sceneWith({});
    const path = "PUT /cluster/sdn/vnets/v1/ips";
    const mapping = { zone: "z", mac: "BC:24:11:00:00:01", ip: "192.0.2.7" };
    const { action, effect } = await plan(path, mapping);
    expect(action).toBe("CHANGE IP of BC:24:11:00:00:01 in VNet v1 on prod: can be undone");
    expect(effect).toBe("replaces its present IP by 192.0.2.7; clears the host name; clears omitted vmid; zone=z");
    expect((await plan(path, { ...mapping, vmid: 100 })).effect).not.toContain("omitted");
  });

  test("all privileges of a role, unless append is set", async () => {
    const path = "/access/roles/Ops";
    const row = { "VM.Audit": 1, "Sys.Audit": 1 };
    expect(await effectOf(path, row, {})).toBe("takes away Sys.Audit, VM.Audit; ACL entries not readable");
    expect(await effectOf(path, row, { privs: "VM.Audit" })).toStartWith("takes away Sys.Audit; ");
    expect(await effectOf(path, row, { privs: "VM.Clone", append: 1 })).toStartWith("adds VM.Clone; ACL");
    expect((await sceneWith({}).plan(`PUT ${path}`, { privs: "VM.Audit" })).effect).toStartWith(
      "adds VM.Audit; takes away all others; ",
    );
  });

  test("the other groups of a user, unless append is set", async () => {
    const path = "/access/users/a@pve";
    const row = { enable: 1, groups: ["ops", "admins"] };
    const more: Answers = { "/access/acl": { data: [] } };
    expect(await effectOf(path, row, { groups: "audit" }, more)).toBe(
      "group audit has no ACL entries; leaves groups admins, ops; groups admins,ops -> audit",
    );
    expect(await effectOf(path, row, { groups: "ops" }, more)).toBe("leaves group admins; groups admins,ops -> ops");
    expect(await effectOf(path, row, { groups: "audit", append: 1 }, more)).toBe(
      "group audit has no ACL entries; groups admins,ops -> admins,audit,ops; append=1",
    );
  });

  test("the default of another realm", async () => {
    const more: Answers = {
      "/access/domains": {
        data: [{ realm: "pam", default: 1 }, { realm: "ldap" }, { realm: "ad", default: 0 }],
      },
    };
    const path = "/access/domains/ldap";
    expect(await effectOf(path, { type: "ldap" }, { default: 1 }, more)).toBe(
      "realm pam is no longer the default; default -> 1",
    );
    expect(await effectOf(path, { type: "ldap" }, { default: 0 }, more)).not.toContain("no longer");
    expect((await sceneWith(more).plan(`PUT ${path}`, { default: 1 })).facts.get("default realm")).toBe('["pam"]');
  });
});
