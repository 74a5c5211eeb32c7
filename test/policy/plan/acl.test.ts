import { describe, expect, test } from "bun:test";
import { formLine } from "../../../src/policy/plan/wording.ts";
import { type Answers, demoScene, sceneWith } from "./scene.ts";

const path = "/vms/100";
const entry = (path: string, roleid: string, type: string, ugid: string, propagate = 1) => ({
  path,
  roleid,
  type,
  ugid,
  propagate,
});
const answers = (...acl: object[]): Answers => ({
  "/access/acl": { data: acl },
  "/access/users/a@pve": { data: { groups: ["ops"] } },
  "/access/groups/ops": { data: { members: ["a@pve"] } },
  "/access/roles/NoAccess": { data: {} },
});
const planOf = async (params: Record<string, unknown>, ...acl: object[]) =>
  await sceneWith(answers(...acl)).plan("PUT /access/acl", { path, ...params });

describe("NoAccess", () => {
  const denied = "NoAccess overrules all other roles that its holder has on a path, also those from a pool.";

  test("takes all rights away where it is given", async () => {
    const { effect, details, fitsForm } = await planOf({ roles: "NoAccess", users: "a@pve" });
    expect(effect).toBe("denies all rights (NoAccess) to user a@pve and below; nothing there now");
    expect(effect.length).toBeLessThanOrEqual(formLine);
    expect(fitsForm).toBe(true);
    expect(details).toContain(denied);
    expect((await planOf({ roles: "NoAccess", groups: "ops", propagate: 0 })).effect).toStartWith(
      "denies all rights (NoAccess) to group ops, not below; ",
    );
  });

  test("overrules the roles that are given with it", async () => {
    expect((await planOf({ roles: "PVEAdmin,NoAccess", users: "a@pve" })).effect).toStartWith(
      "denies all rights (NoAccess, which overrules PVEAdmin) to user a@pve and below; ",
    );
  });

  test("gives rights back where it is taken", async () => {
    const there = entry(path, "NoAccess", "user", "a@pve");
    const lift = { roles: "NoAccess", users: "a@pve", delete: 1 };
    expect((await planOf(lift, there)).effect).toBe(
      "lifts NoAccess (denies all rights) from user a@pve; now: NoAccess here",
    );
    const both = entry(path, "PVEAdmin", "user", "a@pve");
    expect((await planOf({ ...lift, roles: "NoAccess,PVEAdmin" }, there, both)).effect).toStartWith(
      "lifts NoAccess (denies all rights) and takes PVEAdmin from user a@pve; now: ",
    );
  });

  test("leaves a role without effect that is given beside it, but not one of a user whose group has it", async () => {
    const give = { roles: "PVEAdmin", users: "a@pve" };
    expect((await planOf(give, entry(path, "NoAccess", "user", "a@pve"))).effect).toBe(
      "gives PVEAdmin to user a@pve and below; no effect while NoAccess is there; now: NoAccess here",
    );
    expect((await planOf(give, entry(path, "NoAccess", "group", "ops"))).effect).toBe(
      "gives PVEAdmin to user a@pve and below; now: 1 ACL entry",
    );
  });

  test("is what a user loses its rights by who joins a group that has it", async () => {
    const { plan } = sceneWith({
      ...answers(entry("/vms", "NoAccess", "group", "banned")),
      "/access/users/a@pve": { data: { groups: [] } },
    });
    const { effect, details } = await plan("PUT /access/users/a@pve", { groups: "banned", append: 1 });
    expect(effect).toStartWith("group banned has NoAccess (denies all rights) on /vms; ");
    expect(details).toContain("Gains group banned: NoAccess (denies all rights) on /vms.");
  });
});

test("that entries override each other is said where there are any", async () => {
  const give = { roles: "PVEAuditor", users: "a@pve" };
  const rule = expect.stringContaining("An ACL entry on a path overrides those from above");
  const root = entry("/", "PVEAdmin", "user", "a@pve");
  expect((await planOf(give, root)).details).toContainEqual(rule);
  expect((await planOf(give)).details).not.toContainEqual(rule);
  expect((await planOf({ ...give, roles: "PVEAdmin", path: "/", delete: 1 }, root)).details).not.toContainEqual(rule);
});

test("the simulator denies and overrides as the plan says", async () => {
  const { admin } = demoScene();
  const users = "a@pve";
  await admin("POST", "/access/users", { userid: users });
  await admin("PUT", "/access/acl", { path: "/", roles: "PVEAdmin", users });
  const rights = async (path: string) =>
    ((await admin("GET", "/access/permissions", { userid: users, path })) as Record<string, object>)[path];
  for (const path of ["/vms/100", "/nodes/pve1"])
    await admin("PUT", "/access/acl", { path, roles: "PVEAuditor", users });
  // Guest 100 is in a pool, on which the user is PVEAdmin from above.
  expect(await rights("/vms/100")).toHaveProperty(["VM.PowerMgmt"]);
  expect(await rights("/nodes/pve1")).not.toHaveProperty(["VM.PowerMgmt"]);
  await admin("PUT", "/access/acl", { path: "/vms/100", roles: "NoAccess", users });
  expect(await rights("/vms/100")).toEqual({});
});
