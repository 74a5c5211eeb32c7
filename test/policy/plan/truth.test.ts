import { describe, expect, test } from "bun:test";
import { howToAgree } from "../../../src/policy/consent/question-text.ts";
import { changesBetween, FactList } from "../../../src/policy/plan/facts.ts";
import { lookAt } from "../../../src/policy/plan/look.ts";
import type { Planned } from "../../../src/policy/plan/plan.ts";
import { type Answers, forbidden, sceneOver, sceneWith } from "./scene.ts";

const base = "/nodes/pve1/qemu/100";
const guest: Answers = {
  "/cluster/resources": { data: [{ vmid: 100, name: "web-01", node: "pve1", type: "qemu", status: "stopped" }] },
  [`${base}/config`]: {
    data: { name: "web-01", scsi0: "local:vm-100-disk-0,size=1G", unused0: "local:vm-100-disk-1" },
  },
  [`${base}/status/current`]: { data: { status: "stopped", ha: { managed: 0 } } },
  [`${base}/snapshot`]: { data: [{ name: "current" }] },
  "/nodes/pve1/storage?content=backup&enabled=1": { data: [] },
};
const running: Answers = { ...guest, [`${base}/status/current`]: { data: { status: "running", ha: { managed: 0 } } } };

describe("what cannot be read is not told as none:", () => {
  const whole: Answers = {
    "/access/permissions?path=/access": { data: { "/access": { "Sys.Audit": 1 } } },
    "/access/acl": { data: [] },
  };

  test.each<[request: string, answers: Answers, effect: string]>([
    ["DELETE /access/users/a@pve", { "/access/users/a@pve": { data: {} } }, "no tokens; ACL entries not readable"],
    [
      "DELETE /access/users/a@pve",
      { "/access/users/a@pve": { data: {} }, "/access/acl": { data: [] } },
      "no tokens; no ACL entries seen",
    ],
    ["DELETE /access/users/a@pve", { ...whole, "/access/users/a@pve": { data: {} } }, "no tokens; no ACL entries"],
    ["DELETE /access/groups/g", {}, "members not readable; ACL entries not readable"],
    [
      "DELETE /access/groups/g",
      { ...whole, "/access/groups/g": { data: { members: [] } } },
      "no members; no ACL entries",
    ],
    ["DELETE /access/roles/r", {}, "ACL entries not readable"],
    ["DELETE /pools/p", {}, "members not readable; ACL entries not readable"],
    ["DELETE /pools/p", { "/access/acl": { data: [] } }, "members not readable; no ACL entries seen on it"],
    ["PUT /access/users/a@pve/token/t", {}, "its rights are not readable"],
    ["DELETE /cluster/firewall/aliases/a", {}, "use by rules not readable"],
    ["DELETE /cluster/firewall/ipset/a", {}, "its content is not readable; use by rules not readable"],
    ["DELETE /cluster/firewall/groups/g", {}, "its content is not readable; use by rules not readable"],
    ["DELETE /cluster/firewall/rules/0", {}, "the rule is not readable"],
    [
      "DELETE /cluster/firewall/aliases/a",
      {
        "/cluster/firewall/rules": { data: [] },
        "/cluster/firewall/aliases": { data: [{ name: "a", cidr: "10.0.0.1" }] },
      },
      "it is 10.0.0.1; no cluster rule uses it, others not looked at",
    ],
    [
      "DELETE /nodes/pve1/qemu/100/firewall/aliases/a",
      { ...guest, [`${base}/firewall/rules`]: { data: [] } },
      "no rule uses it",
    ],
  ])("%s %j", async (request, answers, effect) => {
    const params = request.startsWith("PUT") ? { comment: "x" } : {};
    const plan = await sceneWith(answers).plan(request, params);
    expect(plan.effect.replace(/; comment.*$/, "")).toBe(effect);
  });
});

describe("the two lines say what happens:", () => {
  test.each<[request: string, params: Record<string, unknown>, answers: Answers, action: string, effect: string]>([
    [
      `PUT ${base}/config`,
      { template: 1 },
      guest,
      "CHANGE VM 100 web-01 on prod: can be undone by template=0",
      "marks it as a template, which cannot start; its disks stay as they are",
    ],
    [
      `POST ${base}/template`,
      {},
      guest,
      "CONVERT VM 100 web-01 TO A TEMPLATE on prod: can be undone only by a full clone",
      "it cannot start again; its disks become read-only base images",
    ],
    [
      `POST ${base}/status/shutdown`,
      { forceStop: 1 },
      running,
      "SHUT DOWN VM 100 web-01 on prod: unsaved data may be lost",
      "asks the guest to shut down, cuts power on timeout; it is running",
    ],
    [
      `POST ${base}/status/shutdown`,
      { forceStop: 0 },
      running,
      "SHUT DOWN VM 100 web-01 on prod: can be undone by starting it",
      "asks the guest to shut down; it is running; forceStop=0",
    ],
    [
      "POST /cluster/bulk-action/guest/shutdown",
      { vms: ["100"], "force-stop": 0 },
      guest,
      "SHUT DOWN the named guests on prod: unsaved data may be lost",
      "VM 100 web-01 (stopped)",
    ],
    [
      "POST /cluster/bulk-action/guest/shutdown",
      { vms: ["100"], "force-stop": 1 },
      guest,
      "SHUT DOWN the named guests on prod: unsaved data may be lost",
      "cuts power on timeout; VM 100 web-01 (stopped)",
    ],
    [
      `PUT ${base}/unlink`,
      { idlist: "unused0" },
      guest,
      "DELETE disk of VM 100 web-01 on prod: cannot be undone",
      "deletes unused0 local:vm-100-disk-1",
    ],
    [
      `PUT ${base}/unlink`,
      { idlist: "scsi0,unused0" },
      guest,
      "DELETE disks of VM 100 web-01 on prod: cannot be undone",
      "deletes unused0 local:vm-100-disk-1; detaches scsi0 local:vm-100-disk-0 1G",
    ],
    [
      "DELETE /cluster/firewall/groups/webservers",
      {},
      {
        "/cluster/firewall/groups": { data: [{ group: "webservers" }] },
        "/cluster/firewall/groups/webservers": { data: [] },
        "/cluster/firewall/rules": { data: [] },
      },
      "DELETE security group webservers of the cluster on prod: can be undone by creating it again",
      "it has no rules; no cluster rule uses it, others not looked at",
    ],
    [
      "PUT /access/users/a@pve/unlock-tfa",
      {},
      {},
      "UNLOCK SECOND FACTORS of user a@pve on prod: ends the lockout",
      "unlocks the second factors of a user who was locked out",
    ],
    [
      "GET /nodes/pve1/qemu/100/agent/file-read",
      { file: "/etc/shadow" },
      { ...running, [`${base}/config`]: { data: { name: "web-01", agent: "1" } } },
      "READ A FILE in VM 100 web-01 on prod: exposes data",
      "/etc/shadow",
    ],
  ])("%s %j", async (request, params, answers, action, effect) => {
    const plan = await sceneWith(answers).plan(request, params);
    expect([plan.action, plan.effect]).toEqual([action, effect]);
  });
});

describe("purge=1 names what goes with the guest", () => {
  const jobs: Answers = {
    "/cluster/ha/resources": { data: [{ sid: "vm:100" }, { sid: "ct:100" }] },
    "/cluster/replication": {
      data: [
        { id: "100-0", guest: 100 },
        { id: "101-0", guest: 101 },
      ],
    },
    "/cluster/backup": {
      data: [
        { id: "only", vmid: "100" },
        { id: "many", vmid: "100,101" },
        { id: "all", all: 1 },
      ],
    },
  };

  test("on line 2 and in the details", async () => {
    const { effect, details } = await sceneWith({ ...guest, ...jobs }).plan(`DELETE ${base}`, { purge: 1 });
    expect(effect).toEndWith(
      "; purge removes HA resource vm:100, replication job 100-0, backup job only, its place in 1 backup job",
    );
    expect(details).toContain("Purge deletes the backup job only, which names no other guest.");
    expect(details).toContain("Purge takes it out of the backup job many.");
    expect(details).toContain("Purge deletes the replication job 100-0.");
  });

  test("and fits a form where little does", async () => {
    const only = { ...guest, ...jobs, "/cluster/ha/resources": { data: [] }, "/cluster/replication": { data: [] } };
    const empty = { ...only, "/cluster/backup": { data: [] } };
    expect(await sceneWith(empty).plan(`DELETE ${base}`, { purge: 1 })).toMatchObject({
      effect: "disks scsi0 1G, unused0; no snapshots; no backup found; no jobs or HA resource of it",
    });
    const plan = await sceneWith({ ...guest, ...jobs })
      .plan(`DELETE ${base}`, {})
      .catch((error: Error) => error.message);
    expect(plan).toContain("has the replication job 100-0");
  });

  test("and binds the consent to it", async () => {
    const before = await sceneWith({ ...guest, ...jobs }).plan(`DELETE ${base}`, { purge: 1 });
    const more = { ...jobs, "/cluster/backup": { data: [{ id: "new", vmid: 100 }] } };
    const after = await sceneWith({ ...guest, ...more }).plan(`DELETE ${base}`, { purge: 1 });
    expect(changesBetween(before.facts, after.facts)).toContain("removed with it: new added");
  });
});

describe("a storage that is deleted", () => {
  const definition = { storage: "nas", type: "nfs", server: "192.0.2.1" };
  const volume = (content: string, name: string, vmid?: number) => ({ content, volid: `nas:${name}`, vmid });
  const content = [
    volume("images", "100/a", 100),
    volume("backup", "backup/a", 100),
    volume("backup", "backup/b", 100),
    volume("iso", "iso/x.iso"),
  ];
  const answers: Answers = {
    ...guest,
    "/storage/nas": { data: definition },
    "/nodes": { data: ["pve1", "pve2"].map((node) => ({ node, status: "online" })) },
    "/nodes/pve1/storage/nas/content": { data: content },
    "/nodes/pve2/storage/nas/content": { data: content },
    "/cluster/backup": {
      data: [
        { id: "nightly", storage: "nas" },
        { id: "other", storage: "local" },
      ],
    },
  };
  const effectOf = async (change: Answers) =>
    (await sceneWith({ ...answers, ...change }).plan("DELETE /storage/nas")).effect;

  test("counts what is on it, once for all nodes, and names the jobs that write to it", async () => {
    expect(await effectOf({})).toBe("data stays; disks of VM 100 web-01; 2 backups; 1 ISO image; backup job nightly");
    const local = { "/storage/nas": { data: { storage: "nas", type: "dir" } } };
    expect(await effectOf(local)).toContain("; 4 backups; 2 ISO images; ");
  });

  test("says what cannot be read", async () => {
    const unread = { "/nodes/pve1/storage/nas/content": forbidden, "/cluster/backup": forbidden };
    expect(await effectOf(unread)).toBe(
      "data stays; no guest has disks on it; backups and images not readable; backup jobs not readable",
    );
  });
});

describe("a long delete list", () => {
  const config = Object.fromEntries(
    ["memory", "cores", "tags", "onboot", "balloon", "vga", "cpu", "bios"].map((key) => [
      key,
      `${key}-value-${"x".repeat(20)}`,
    ]),
  );
  const answers = { ...guest, [`${base}/config`]: { data: { ...config, scsi1: "a:b,size=8G", unused0: "a:c" } } };

  test("tells disks first and lists all in the details", async () => {
    const keys = [...Object.keys(config), "scsi1", "unused0"];
    const { effect, details, fitsForm } = await sceneWith(answers).plan(`PUT ${base}/config`, {
      delete: keys.join(","),
    });
    expect(effect).toStartWith("deletes unused0 a:c; detaches scsi1 8G; removes ");
    expect(effect).toMatch(/; and \d more$/);
    expect(fitsForm).toBe(false);
    expect(details.filter((line) => line.startsWith("It ")).slice(0, 2)).toEqual([
      "It deletes unused0 a:c.",
      "It detaches scsi1 a:b 8G.",
    ]);
    for (const key of Object.keys(config)) expect(details).toContain(`It removes ${key} (${config[key]}).`);
  });

  test("of another object as well", async () => {
    const { details } = await sceneWith({
      "/cluster/backup/j": { data: { id: "j", mailto: "a@b", comment: "c" } },
    }).plan("PUT /cluster/backup/j", { delete: "mailto,comment" });
    expect(details).toContain("It removes mailto (a@b).");
    expect(details).toContain("It removes comment (c).");
  });
});

test("a value with a line break is told whole, too", async () => {
  const plan = await sceneWith(guest).plan(`PUT ${base}/config`, { ciuser: "a\nb", onboot: 1 });
  expect([plan.effect, plan.fitsForm]).toEqual([String.raw`sets ciuser "a\nb"; sets onboot 1`, true]);
});

test("snapshots are told by time, then by name, however they are listed", async () => {
  const rows = [
    { name: "c", snaptime: 300 },
    { name: "current" },
    { name: "b", snaptime: 100 },
    { name: "a", snaptime: 100 },
  ];
  for (const order of [rows, rows.toReversed()]) {
    const { details } = await sceneWith({ ...guest, [`${base}/snapshot`]: { data: order } }).plan(`DELETE ${base}`);
    expect(details.find((line) => line.startsWith("Snapshots: "))).toMatch(/^Snapshots: a of .*, b of .*, c of /);
  }
});

test("a user's tokens are told in words", async () => {
  const tokens = { ci: { privsep: 1, expire: 0 }, all: { privsep: 0, expire: 1_800_000_000 } };
  for (const [method, params] of [
    ["DELETE", {}],
    ["PUT", { enable: 0 }],
  ] as const) {
    const scene = sceneWith({ "/access/users/a@pve": { data: { enable: 1, tokens } } });
    const { details } = await scene.plan(`${method} /access/users/a@pve`, params);
    expect(details).toContain(
      "Tokens: all (all rights of the user, expires 2027-01-15 08:00 UTC), ci (limited to its own ACL entries).",
    );
    expect(details.join("\n")).not.toMatch(/[{}]/);
  }
});

describe("what the consent is bound to:", () => {
  const acl = { path: "/vms/100", roles: "Custom", tokens: "a@pve!t" };
  const rights = (privs: object, privsep = 0): Answers => ({
    "/access/acl": { data: [] },
    "/access/roles/Custom": { data: privs },
    "/access/users/a@pve": { data: { tokens: { t: { privsep } } } },
  });

  test("a role's privileges, and a token without privilege separation is named", async () => {
    const before = await sceneWith(rights({ "VM.Audit": 1 })).plan("PUT /access/acl", acl);
    const after = await sceneWith(rights({ "VM.Audit": 1, "VM.Console": 1 })).plan("PUT /access/acl", acl);
    expect(changesBetween(before.facts, after.facts).join()).toContain("VM.Console");
    const sentence = "Token a@pve!t has privsep 0: it has all rights of its user, and its own entries change nothing.";
    expect(before.details).toContain(sentence);
    expect((await sceneWith(rights({}, 1)).plan("PUT /access/acl", acl)).details).not.toContain(sentence);
  });

  test("which nodes are online", async () => {
    const status = (online: number): Answers => ({
      "/cluster/resources": { data: [] },
      "/cluster/config/qdevice": { data: {} },
      "/cluster/status": {
        data: [
          { type: "cluster" },
          ...["a", "b", "c"].map((name) => ({ type: "node", name, online: name === "c" ? online : 1 })),
        ],
      },
    });
    const plan = async (online: number) =>
      (await sceneWith(status(online)).plan("POST /nodes/a/status", { command: "reboot" })).facts;
    expect(changesBetween(await plan(1), await plan(0))).toEqual(["node c online 1 -> 0"]);
  });

  test("the state of the guests of a bulk call, from their nodes and not from the list that pvestatd writes", async () => {
    const answers = (status: string): Answers => ({
      "/cluster/resources": { data: [{ vmid: 100, name: "stale", node: "pve1", type: "qemu", status: "unknown" }] },
      "/nodes/pve1/qemu": { data: [{ vmid: 100, name: "web-01", status }] },
    });
    const plan = async (status: string) => await sceneWith(answers(status)).plan("POST /nodes/pve1/stopall");
    expect((await plan("running")).effect).toEndWith("VM 100 web-01 (running)");
    expect(changesBetween((await plan("running")).facts, (await plan("stopped")).facts)).toEqual([
      "guest 100: status running -> stopped",
    ]);
  });

  test("the digest of firewall rules, which goes along", async () => {
    const answers = (digest: string): Answers => ({
      "/cluster/firewall/rules": { data: [{ pos: 0, type: "in", action: "DROP", digest }] },
    });
    const plan = async (digest: string) => await sceneWith(answers(digest)).plan("DELETE /cluster/firewall/rules/0");
    expect((await plan("d1")).digest).toBe("d1");
    expect(changesBetween((await plan("d1")).facts, (await plan("d2")).facts)).toEqual([
      expect.stringContaining("digest of the firewall rules changed"),
    ]);
  });

  test("what is read now: an answer that the client keeps for a second is read anew", async () => {
    let reads = 0;
    const { cluster } = sceneOver(async () => Response.json({ data: [{ vmid: ++reads }] }));
    const planned = { cluster, request: { method: "DELETE", path: ["x"] }, mayRead: () => true } as unknown as Planned;
    const read = async () => await lookAt(planned, new FactList())(["cluster", "resources"]);
    expect([await read(), await read()]).toEqual([
      { data: [{ vmid: 1 }], changes: undefined },
      { data: [{ vmid: 2 }], changes: undefined },
    ]);
  });
});

test("a plan has at most eight reads under way", async () => {
  let running = 0;
  let most = 0;
  const { cluster } = sceneOver(async () => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    running--;
    return Response.json({ data: [] });
  });
  const planned = { cluster, request: { method: "DELETE", path: ["x"] }, mayRead: () => true } as unknown as Planned;
  const look = lookAt(planned, new FactList());
  await Promise.all(Array.from({ length: 40 }, async (_, at) => await look(["nodes", `n${at}`, "qemu"])));
  expect(most).toBe(8);
});

test("the word for a backup is its guest's VMID, the storage where that is not known", async () => {
  const file = "vzdump-qemu-100-2026_10_01-02_00_01.vma.zst";
  const volid = `backups:backup/${file}`;
  const path = `/nodes/pve1/storage/backups/content`;
  const scene = (row: object) => sceneWith({ [path]: { data: [{ volid, content: "backup", size: 1, ...row }] } });
  const wordsOf = async (row: object) => (await scene(row).plan(`DELETE ${path}/${volid}`)).words;
  expect(await wordsOf({ vmid: 100, ctime: 1_790_000_000 })).toEqual(["100", file]);
  expect(await wordsOf({})).toEqual(["backups", file]);
});

test("an operator reads plain sentences where the token sees no guest or cannot list them", async () => {
  const bulk = await sceneWith({ "/cluster/resources": { data: [] } }).plan("POST /nodes/pve1/stopall");
  expect(bulk.details).toContain("The token sees no guest that this is about.");
  const resource = await sceneWith({}).plan("DELETE /cluster/ha/resources/vm:100");
  expect(resource.effect).toBe("HA no longer restarts it");
  expect(resource.details.join()).toContain("The guests that it is about could not be listed: 403");
});

describe("a form shows the everyday calls whole, each line in 74 characters:", () => {
  const time = Date.UTC(2026, 10, 27, 12);
  const file = "vzdump-qemu-100-2026_11_27-02_00_01.vma.zst";
  const backup = {
    volid: `backups:backup/${file}`,
    vmid: 100,
    ctime: time / 1000 - 36_000,
    size: 2 ** 34,
    content: "backup",
  };
  const everyday: Answers = {
    ...running,
    [`${base}/config`]: {
      data: {
        name: "web-01",
        scsi0: "local-lvm:vm-100-disk-0,size=32G",
        scsi1: "local-lvm:vm-100-disk-1,size=500G",
        virtio2: "local-lvm:vm-100-disk-2,size=1000G",
        efidisk0: "local-lvm:vm-100-disk-3,size=4M",
      },
    },
    [`${base}/snapshot`]: {
      data: [
        { name: "current" },
        { name: "pre-upgrade", snaptime: time / 1000 - 400_000, vmstate: 1 },
        { name: "after-upgrade-to-13", parent: "pre-upgrade", snaptime: time / 1000 - 4_000 },
      ],
    },
    "/nodes/pve1/storage?content=backup&enabled=1": { data: [{ storage: "backups", enabled: 1, active: 1 }] },
    "/nodes/pve1/storage/backups/content": { data: [backup, { ...backup, volid: "backups:backup/b", ctime: 1 }] },
    "/access/users/operator@pve": { data: { enable: 1, tokens: { automation: { privsep: 1 } } } },
    "/access/acl": { data: [{ path: "/vms", type: "user", ugid: "operator@pve", roleid: "PVEVMAdmin", propagate: 1 }] },
    "/storage/nas": { data: { storage: "nas", type: "nfs" } },
    "/nodes": { data: [{ node: "pve1", status: "online" }] },
    "/nodes/pve1/storage/nas/content": { data: [{ volid: "nas:100/x", content: "images", vmid: 100 }] },
    "/cluster/backup": { data: [{ id: "backup-nightly", storage: "nas" }] },
  };
  const stopped = { [`${base}/status/current`]: { data: { status: "stopped", ha: { managed: 0 } } } };

  test.each<[request: string, params: Record<string, unknown>, more: Answers]>([
    [`DELETE ${base}`, {}, stopped],
    [`POST ${base}/status/stop`, {}, {}],
    [`POST ${base}/snapshot/pre-upgrade/rollback`, {}, {}],
    [`DELETE ${base}/snapshot/pre-upgrade`, {}, {}],
    [`DELETE /nodes/pve1/storage/backups/content/${backup.volid}`, {}, {}],
    [`PUT ${base}/config`, { delete: "scsi1" }, {}],
    [`PUT ${base}/config`, { delete: "scsi1,virtio2" }, {}],
    [`PUT ${base}/unlink`, { idlist: "scsi1" }, {}],
    ["DELETE /access/users/operator@pve", {}, {}],
    ["DELETE /storage/nas", {}, {}],
    ["POST /nodes/pve1/services/corosync/stop", {}, {}],
  ])("%s %j", async (request, params, more) => {
    const plan = await sceneWith({ ...everyday, ...more }, time).plan(request, params);
    const lines = [plan.action, plan.effect, howToAgree(plan)];
    expect(lines.filter((line) => line.length > 74)).toEqual([]);
    expect(plan.fitsForm).toBe(true);
  });

  test("and nothing longer", async () => {
    const named = (name: string): Answers => ({ ...running, [`${base}/config`]: { data: { name } } });
    for (let length = 30; length < 50; length++) {
      const plan = await sceneWith(named("n".repeat(length))).plan(`POST ${base}/status/stop`);
      const lines = [plan.action, plan.effect, howToAgree(plan)];
      expect(plan.fitsForm).toBe(lines.every((line) => line.length <= 74));
      expect(plan.action).toEndWith(" on prod: unsaved data is lost");
    }
  });

  test("and the end of line 1 is never cut", async () => {
    const path = `/pools/${"p".repeat(300)}`;
    const { action, fitsForm } = await sceneWith({}).plan(`PUT ${path}`, { comment: "x" });
    expect(action).toEndWith(" on prod: can be undone");
    expect(action.length).toBeLessThanOrEqual(160);
    expect(fitsForm).toBe(false);
  });
});

describe("parameters that the lines tell in other words need no code:", () => {
  const nodes: Answers = {
    "/nodes": { data: [{ node: "pve1", status: "online" }] },
    "/cluster/resources": { data: [] },
  };
  const single: Answers = { ...nodes, "/cluster/status": { data: [{ type: "node", name: "pve1", online: 1 }] } };

  test.each<[request: string, params: Record<string, unknown>, fits: boolean]>([
    ["POST /nodes/pve1/status", { command: "reboot" }, true],
    ["POST /nodes/pve1/status", { command: "shutdown" }, true],
    ["POST /nodes/pve1/vzdump", { mode: "stop" }, true],
  ])("%s %j: %p", async (request, params, fits) => {
    expect((await sceneWith(single).plan(request, params)).fitsForm).toBe(fits);
  });
});
