import { describe, expect, test } from "bun:test";
import { formLine } from "../../../src/policy/plan/wording.ts";
import { type Answers, demoScene, sceneWith } from "./scene.ts";

const rules: Answers = { "/cluster/firewall/rules": { data: [] } };
const unused = "no cluster rule uses it, others not looked at";

describe("an alias", () => {
  const plan = async (row: object, params: Record<string, unknown>) =>
    await sceneWith({
      ...rules,
      "/cluster/firewall/aliases": { data: [{ name: "Lan", cidr: "10.0.0.0/8", digest: "d1", ...row }] },
    }).plan("PUT /cluster/firewall/aliases/lan", params);

  test("loses the comment that a change omits", async () => {
    const { effect, details } = await plan({ comment: "office" }, { cidr: "10.1.0.0/16" });
    expect(effect).toBe(`it is 10.0.0.0/8; ${unused}; clears omitted comment (office); cidr 10.0.0.0/8 -> 10.1.0.0/16`);
    expect(details).toContain("The call omits comment, which clears it (office).");
  });

  test("loses it, too, where the address stays", async () => {
    expect((await plan({ comment: "office" }, { cidr: "10.0.0.0/8" })).effect).toContain("clears omitted comment");
  });

  test("keeps what a change names, and has nothing to lose where nothing is set", async () => {
    expect((await plan({ comment: "office" }, { cidr: "10.1.0.0/16", comment: "office" })).effect).not.toContain(
      "omit",
    );
    expect((await plan({}, { cidr: "10.1.0.0/16" })).effect).not.toContain("omit");
    await expect(plan({}, { cidr: "10.0.0.0/8" })).rejects.toThrow("alias lan has that value already: cidr");
  });

  test("that could not be read may have had one", async () => {
    const { effect } = await sceneWith(rules).plan("PUT /cluster/firewall/aliases/lan", { cidr: "10.1.0.0/16" });
    expect(effect).toBe(`${unused}; clears omitted comment; cidr -> 10.1.0.0/16`);
  });
});

describe("an entry of an IP set", () => {
  const entry = { cidr: "10.0.0.1", nomatch: 1, comment: "gate", digest: "entries" };
  const answers: Answers = {
    ...rules,
    "/cluster/firewall/ipset": { data: [{ name: "admins", digest: "sets" }] },
    "/cluster/firewall/ipset/admins": { data: [entry, { cidr: "10.0.0.2", digest: "entries" }] },
  };
  const path = "/cluster/firewall/ipset/admins/10.0.0.1";

  test("loses the comment and the nomatch that a change omits", async () => {
    const { plan } = sceneWith(answers);
    expect((await plan(`PUT ${path}`, { comment: "new" })).effect).toBe(
      `${unused}; clears omitted nomatch (1); comment gate -> new`,
    );
    expect((await plan(`PUT ${path}`, { nomatch: 1 })).effect).toBe(
      `${unused}; clears omitted comment (gate); nomatch 1 -> 1`,
    );
    expect((await plan(`PUT ${path}`)).effect).toBe(
      `${unused}; clears omitted comment (gate); clears omitted nomatch (1)`,
    );
  });

  test("is guarded by the digest of the entries and not by that of the list of sets", async () => {
    const { digest, facts } = await sceneWith(answers).plan(`DELETE ${path}`);
    expect([digest, facts.get("digest of the entry")]).toEqual(["entries", "entries"]);
    expect(JSON.stringify([...facts])).not.toContain('"sets"');
  });

  test.each(["DELETE", "PUT"])(
    "that is not in the set is not there to %s, whatever else the set has",
    async (method) => {
      const { plan } = sceneWith(answers);
      for (const cidr of ["10.0.0.3", "10.0.0.1/32"]) {
        await expect(plan(`${method} /cluster/firewall/ipset/admins/${cidr}`, { comment: "x" })).rejects.toThrow(
          `${cidr} is not in IP set admins of the cluster; it has: 10.0.0.`,
        );
      }
      const empty = sceneWith({ ...answers, "/cluster/firewall/ipset/admins": { data: [] } });
      await expect(empty.plan(`${method} ${path}`)).rejects.toThrow(
        "10.0.0.1 is not in IP set admins of the cluster; it is empty",
      );
    },
  );

  test("may be in a set that could not be read, and then nothing guards it", async () => {
    const { "/cluster/firewall/ipset/admins": _, ...unread } = answers;
    expect((await sceneWith(unread).plan(`DELETE ${path}`)).digest).toBeUndefined();
  });

  test("of the simulator answers as the plan says", async () => {
    const scene = demoScene();
    await scene.admin("POST", "/cluster/firewall/ipset", { name: "admins" });
    await scene.admin("POST", "/cluster/firewall/ipset/admins", { cidr: "10.0.0.1", comment: "gate", nomatch: "1" });
    expect((await scene.plan(`PUT ${path}`, { nomatch: 0 })).effect).toContain("clears omitted comment (gate)");
    await scene.admin("PUT", path, { nomatch: "0", comment: "" });
    expect(await scene.admin("GET", path)).toEqual({ cidr: "10.0.0.1", digest: expect.any(String) });
    await scene.admin("DELETE", "/cluster/firewall/ipset/admins/10.0.0.1/32");
    expect(await scene.admin("GET", "/cluster/firewall/ipset/admins")).toHaveLength(1);
  });
});

describe("a rule", () => {
  const row = { pos: 0, type: "in", action: "DROP", enable: 1, comment: "a", digest: "d1" };
  const answers: Answers = { "/cluster/firewall/rules": { data: [row, { ...row, pos: 1, comment: "b" }] } };

  test("that is added is guarded by no digest, for Proxmox compares none", async () => {
    for (const path of ["/cluster/firewall/rules", "/cluster/firewall/groups/web"]) {
      const list: Answers = { [path]: { data: [row] } };
      const { digest, facts } = await sceneWith(list).plan(`POST ${path}`, { type: "in", action: "DROP" });
      expect(digest).toBeUndefined();
      expect([...facts.keys()]).toEqual(["rule 0"]);
    }
  });

  test("that is changed is guarded by it", async () => {
    const { digest, facts } = await sceneWith(answers).plan("PUT /cluster/firewall/rules/0", { enable: 0 });
    expect([digest, facts.get("digest of the firewall rules")]).toEqual(["d1", "d1"]);
  });

  test("that is moved keeps its settings: Proxmox ignores those of the call", async () => {
    const { plan } = sceneWith(answers);
    const move = await plan("PUT /cluster/firewall/rules/1", { moveto: 0, enable: 0, comment: "c" });
    expect(move.effect).toBe("in DROP # b; moves it before rule 0; ignores enable, comment");
    expect(move.fitsForm).toBe(true);
    expect((await plan("PUT /cluster/firewall/rules/0", { moveto: 2 })).effect).toBe(
      "in DROP # a; moves it to the end",
    );
    expect((await plan("PUT /cluster/firewall/rules/1", { moveto: 1, comment: "c" })).effect).toContain(
      "comment b -> c",
    );
  });
});

describe("a set or a group that POST renames", () => {
  const answers: Answers = {
    "/cluster/firewall/rules": { data: [{ pos: 0, type: "in", action: "ACCEPT", source: "+old", digest: "r" }] },
    "/cluster/firewall/ipset": { data: ["old", "other"].map((name) => ({ name, comment: "c", digest: "sets" })) },
    "/cluster/firewall/groups": { data: ["old", "other"].map((group) => ({ group, digest: "groups" })) },
  };
  const set = "POST /cluster/firewall/ipset";
  const group = "POST /cluster/firewall/groups";

  test("is named by its old name, with what becomes of the rules, and is guarded by the digest", async () => {
    const { plan } = sceneWith(answers);
    const one = await plan(set, { name: "new", rename: "old" });
    expect([one.action, one.effect, one.digest]).toEqual([
      "RENAME IP set old to new of the cluster on prod: can be undone by renaming it back",
      "rules keep the old name; 1 cluster rule uses it, others not looked at",
      "sets",
    ]);
    expect(one.effect.length).toBeLessThanOrEqual(formLine);
    const two = await plan(group, { group: "new", rename: "old" });
    expect([two.action, two.effect, two.digest]).toEqual([
      "RENAME security group old to new of the cluster on prod: can be undone by renaming it back",
      "rules take the new name; 1 cluster rule uses it, others not looked at",
      "groups",
    ]);
  });

  test("changes its comment alone where the name stays", async () => {
    const { action, effect, digest } = await sceneWith(answers).plan(set, { name: "old", rename: "old", comment: "d" });
    expect([action, effect, digest]).toEqual([
      "CHANGE IP set old of the cluster on prod: can be undone",
      "comment=d",
      "sets",
    ]);
  });

  test("is there, and the new name is not", async () => {
    const { plan } = sceneWith(answers);
    await expect(plan(set, { name: "new", rename: "OLD" })).rejects.toThrow("IP set OLD does not exist in the cluster");
    await expect(plan(group, { group: "other", rename: "old" })).rejects.toThrow("security group other exists already");
    await expect(plan(set, { name: "old" })).rejects.toThrow("IP set old exists already in the cluster");
  });

  test("is made without a digest, which Proxmox compares only for a rename", async () => {
    const { action, digest } = await sceneWith(answers).plan(set, { name: "new" });
    expect([action, digest]).toEqual(["CREATE IP set new of the cluster on prod: can be undone", undefined]);
  });

  test("is refused by the simulator with another digest, which a new one is not", async () => {
    const { admin } = demoScene();
    const digest = "0".repeat(40);
    await admin("POST", "/cluster/firewall/ipset", { name: "old", digest });
    await expect(admin("POST", "/cluster/firewall/ipset", { name: "new", rename: "old", digest })).rejects.toThrow(
      "detected modified configuration",
    );
  });
});
