import { expect, test } from "bun:test";
import { createDemo } from "../../src/simulator/index.ts";

type Row = Record<string, unknown>;

function begin(which = 0) {
  let now = Date.UTC(2026, 10, 22, 12);
  const cluster = createDemo({ now: () => now, authDelayMs: 0, offlineDelayMs: 0, lockDelayMs: 0 }).clusters[which];
  if (cluster === undefined) throw new Error("no cluster");
  const send = async (method: string, path: string, form: Row = {}, token = "admin"): Promise<Response> => {
    const words = new URLSearchParams(
      Object.entries(form).map(([key, value]): [string, string] => [key, String(value)]),
    );
    const inQuery = method === "GET" || method === "DELETE";
    return await cluster.fetch(
      new Request(`http://demo/api2/json${path}${inQuery ? `?${words}` : ""}`, {
        method,
        headers: { authorization: `PVEAPIToken=${cluster.tokens[token]}` },
        ...(inQuery ? {} : { body: words }),
      }),
    );
  };
  const data = async (method: string, path: string, form?: Row): Promise<unknown> => {
    const response = await send(method, path, form);
    expect(`${method} ${path}: ${response.status} ${response.statusText}`).toBe(`${method} ${path}: 200 OK`);
    return ((await response.json()) as { data: unknown }).data;
  };
  const get = async (path: string, form?: Row): Promise<Row> => (await data("GET", path, form)) as Row;
  const rows = async (path: string, form?: Row): Promise<Row[]> => (await data("GET", path, form)) as Row[];
  /** Status and text of a refused request, with its `errors` where there are any. */
  const refusal = async (method: string, path: string, form?: Row, token?: string): Promise<string> => {
    const response = await send(method, path, form, token);
    const body = (await response.json().catch(() => ({}))) as { errors?: unknown };
    return [response.status, response.statusText, body.errors && JSON.stringify(body.errors)].filter(Boolean).join(" ");
  };
  const pass = (ms: number): void => {
    now += ms;
  };
  const task = async (method: string, path: string, form?: Row): Promise<unknown> => {
    const upid = String(await data(method, path, form));
    pass(60_000);
    return (await get(`/nodes/${upid.split(":")[1]}/tasks/${encodeURIComponent(upid)}/status`))["exitstatus"];
  };
  return { cluster, send, data, get, rows, refusal, pass, task };
}

test("a user is created, changed, put into groups and deleted with its rights", async () => {
  const { data, get, rows, refusal } = begin();
  await data("POST", "/access/users", { userid: "new@pve", comment: "fresh", groups: "auditors" });
  expect(await get("/access/users/new@pve")).toMatchObject({ comment: "fresh", enable: 1, groups: ["auditors"] });
  expect(await refusal("POST", "/access/users", { userid: "new@pve" })).toBe(
    "500 create user failed: user 'new@pve' already exists",
  );
  expect(await refusal("POST", "/access/users", { userid: "x@pve", groups: "none" })).toBe(
    "500 create user failed: no such group 'none'",
  );
  await data("PUT", "/access/users/new@pve", { enable: 0, groups: "admins", append: 1 });
  expect(await get("/access/users/new@pve")).toMatchObject({ enable: 0, groups: ["admins", "auditors"] });
  await data("PUT", "/access/users/new@pve", { groups: "admins" });
  expect((await rows("/access/users", { full: 1 })).find((it) => it["userid"] === "new@pve")).toMatchObject({
    groups: "admins",
    tokens: null,
  });
  await data("PUT", "/access/acl", { path: "/vms/100", users: "new@pve", roles: "PVEAuditor" });
  await data("DELETE", "/access/users/new@pve");
  expect(await refusal("GET", "/access/users/new@pve")).toBe("500 no such user ('new@pve')");
  expect(await refusal("DELETE", "/access/users/new@pve")).toBe("500 no such user ('new@pve')");
  expect((await rows("/access/acl")).map((it) => it["ugid"])).not.toContain("new@pve");
  expect((await get("/access/groups/admins"))["members"]).toEqual(["mcp@pve"]);
});

test("without the right over users nothing is created, changed or deleted", async () => {
  const { refusal } = begin();
  const denied = "403 Permission check failed";
  const realm = `${denied} (/access/realm/pve, Realm.AllocateUser)`;
  expect(await refusal("POST", "/access/users", { userid: "x@pve" }, "audit")).toBe(realm);
  expect(await refusal("DELETE", "/access/users/operator@pve", {}, "audit")).toBe(realm);
  expect(await refusal("PUT", "/access/users/operator@pve", { comment: "x" }, "audit")).toStartWith(denied);
  expect(await refusal("POST", "/access/groups", { groupid: "x" }, "audit")).toBe(
    `${denied} (/access/groups, Group.Allocate)`,
  );
  expect(await refusal("POST", "/access/roles", { roleid: "x" }, "audit")).toBe(`${denied} (/access, Sys.Modify)`);
});

test("no token may look at itself, as recorded; an administrator may look at all", async () => {
  const { get, refusal } = begin();
  const own = "/access/users/audit@pve/token";
  for (const path of [own, `${own}/tok`])
    expect(await refusal("GET", path, {}, "audit")).toBe("403 Permission check failed");
  expect(await get(`${own}/tok`)).toEqual({ expire: 0, privsep: 0 });
  // The check of an unknown user fails inside an `or`, which says no more.
  expect(await refusal("GET", "/access/users/nobody@pve/token/tok")).toBe("403 Permission check failed");
  expect(await refusal("GET", `${own}/none`)).toBe("500 no such token 'none' for user 'audit@pve'");
});

test("a token is created, changed, given another secret and deleted", async () => {
  const { cluster, data, get, refusal } = begin();
  const path = "/access/users/operator@pve/token/extra";
  expect(await data("POST", path, { privsep: 0 })).toMatchObject({ info: { privsep: "0" } });
  expect(await refusal("POST", path)).toBe('400 Parameter verification failed. {"tokenid":"Token already exists."}');
  expect(await data("PUT", path, { comment: "note", expire: 1900000000 })).toMatchObject({
    comment: "note",
    privsep: 0,
  });
  const secret = cluster.world.users.get("operator@pve")?.tokens.get("extra")?.secret;
  const renewed = (await data("PUT", path, { regenerate: 1, delete: "comment" })) as Row;
  expect(renewed["value"]).toBe(cluster.world.users.get("operator@pve")?.tokens.get("extra")?.secret);
  expect(renewed["value"]).not.toBe(secret);
  expect(await get(path)).toEqual({ expire: 1900000000, privsep: 0 });
  await data("DELETE", path);
  expect(await refusal("DELETE", path)).toBe("500 no such token 'extra' for user 'operator@pve'");
});

test("a token with privsep holds what both hold, and below a path only what both hold there, as recorded", async () => {
  const { data, get } = begin();
  await data("POST", "/access/users", { userid: "sep@pve" });
  await data("POST", "/access/users/sep@pve/token/p1", { privsep: 1 });
  await data("PUT", "/access/acl", { path: "/", users: "sep@pve", roles: "VMOperator" });
  const held = (form: Row): Promise<Row> => get("/access/permissions", { userid: "sep@pve!p1", ...form });
  expect(await held({})).toEqual({});
  expect(await held({ path: "/vms/100" })).toEqual({ "/vms/100": {} });
  await data("PUT", "/access/acl", { path: "/vms/100", tokens: "sep@pve!p1", roles: "PVEAuditor", propagate: 0 });
  expect(await held({})).toEqual({ "/vms/100": { "VM.Audit": 0 } });
});

test("NoAccess takes every other role away, also from a pool", async () => {
  const { data, get } = begin();
  const held = async (): Promise<unknown> =>
    (await get("/access/permissions", { userid: "new@pve", path: "/vms/100" }))["/vms/100"];
  await data("POST", "/access/users", { userid: "new@pve" });
  await data("PUT", "/access/acl", { path: "/pool/prod", users: "new@pve", roles: "PVEPoolUser" });
  expect(await held()).toEqual({ "Pool.Audit": 0 });
  await data("PUT", "/access/acl", { path: "/vms", users: "new@pve", roles: "PVEAuditor,NoAccess" });
  expect(await held()).toEqual({});
  await data("PUT", "/access/acl", { path: "/vms", users: "new@pve", roles: "NoAccess", delete: 1 });
  expect(await held()).toMatchObject({ "VM.Audit": 1 });
  await data("PUT", "/access/acl", { path: "/pool/prod", users: "new@pve", roles: "NoAccess" });
  expect(await held()).toEqual({});
});

test("the rights of another user are shown with Sys.Audit on /access only, and an unknown one has none", async () => {
  const { get, refusal } = begin();
  for (const userid of ["nobody@pve", "mcp@pve!nope"]) expect(await get("/access/permissions", { userid })).toEqual({});
  expect(await refusal("GET", "/access/permissions", { userid: "mcp@pve" }, "none")).toBe(
    "403 Permission check failed (/access, Sys.Audit)",
  );
});

test("ACL entries are listed with Sys.Audit on /access, else where the caller may change them", async () => {
  const { data, send } = begin();
  const seen = async (token: string): Promise<unknown[]> => {
    const { data: entries } = (await (await send("GET", "/access/acl", {}, token)).json()) as { data: Row[] };
    return entries.map((it) => it["path"]);
  };
  await data("PUT", "/access/acl", { path: "/vms", tokens: "mcp@pve!none", roles: "PVEAuditor" });
  expect(await seen("none")).toEqual([]);
  await data("PUT", "/access/acl", { path: "/vms/100", tokens: "mcp@pve!none", roles: "PVEVMAdmin" });
  expect(await seen("none")).toEqual(["/vms/100"]);
  expect(await seen("audit")).toContain("/");
});

test("roles hold known privileges only, and those of Proxmox cannot be changed", async () => {
  const { data, get, refusal } = begin();
  await data("POST", "/access/roles", { roleid: "Mine", privs: "VM.Audit,VM.Console" });
  await data("PUT", "/access/roles/Mine", { privs: "VM.PowerMgmt", append: 1 });
  expect(await get("/access/roles/Mine")).toEqual({ "VM.Audit": 1, "VM.Console": 1, "VM.PowerMgmt": 1 });
  await data("PUT", "/access/roles/Mine", { privs: "VM.Audit" });
  expect(await get("/access/roles/Mine")).toEqual({ "VM.Audit": 1 });
  expect(await refusal("PUT", "/access/roles/Mine", { privs: "VM.Nope" })).toBe(
    "500 update role failed: invalid privilege 'VM.Nope'",
  );
  expect(await refusal("PUT", "/access/roles/PVEAuditor", { privs: "" })).toBe(
    "500 auto-generated role 'PVEAuditor' cannot be modified",
  );
  await data("DELETE", "/access/roles/Mine");
  expect(await refusal("DELETE", "/access/roles/Mine")).toBe("500 delete role failed: role 'Mine' does not exist");
});

test("groups come and go with their ACL entries", async () => {
  const { data, get, rows, refusal } = begin();
  await data("POST", "/access/groups", { groupid: "crew", comment: "c" });
  await data("PUT", "/access/acl", { path: "/", groups: "crew", roles: "PVEAuditor" });
  await data("PUT", "/access/groups/crew", { comment: "d" });
  expect(await get("/access/groups/crew")).toEqual({ comment: "d", members: [] });
  await data("DELETE", "/access/groups/crew");
  expect((await rows("/access/acl")).map((it) => it["ugid"])).not.toContain("crew");
  expect(await refusal("DELETE", "/access/groups/crew")).toBe("500 delete group failed: group 'crew' does not exist");
  expect(await refusal("PUT", "/access/acl", { path: "/", groups: "crew", roles: "PVEAuditor" })).toBe(
    "500 ACL update failed: group 'crew' does not exist",
  );
});

test("backup jobs: what they cover is guests, a pool or all, and a wrong id is refused as recorded", async () => {
  const { data, get, rows, refusal } = begin();
  await data("POST", "/cluster/backup", { id: "mine", schedule: "sat 03:15", storage: "backups", vmid: "100,101" });
  expect(await get("/cluster/backup/mine")).toMatchObject({ enabled: 1, type: "vzdump", vmid: "100,101" });
  await data("PUT", "/cluster/backup/mine", { pool: "dev", "prune-backups": "keep-last=3" });
  const job = await get("/cluster/backup/mine");
  expect(job).toMatchObject({ pool: "dev", "prune-backups": { "keep-last": "3" } });
  expect(job).not.toHaveProperty("vmid");
  expect((await rows("/cluster/backup")).at(-1)).toHaveProperty("next-run");
  expect(await refusal("PUT", "/cluster/backup/mine")).toBe("500 no options specified");
  await data("DELETE", "/cluster/backup/mine");
  expect(await refusal("GET", "/cluster/backup/mine")).toBe(
    `400 Parameter verification failed. {"id":"No such job 'mine'"}`,
  );
});

test("a backup job that covers nothing, or guests in two ways, or an unknown pool, is refused", async () => {
  const { data, get, refusal } = begin();
  const job = { id: "mine", schedule: "03:15", storage: "backups" };
  const inLock = "500 400 Parameter verification failed.";
  expect(await refusal("POST", "/cluster/backup", job)).toBe(inLock);
  expect(await refusal("POST", "/cluster/backup", { ...job, vmid: "100", all: 1 })).toBe(inLock);
  expect(await refusal("POST", "/cluster/backup", { ...job, pool: "nope" })).toBe(
    "403 Permission check failed (pool 'nope' does not exist)",
  );
  await data("POST", "/cluster/backup", { ...job, exclude: "101" });
  expect(await get("/cluster/backup/mine")).toMatchObject({ all: 1, exclude: "101" });
  expect(await refusal("PUT", "/cluster/backup/mine", { delete: "all,exclude" })).toBe(inLock);
});

test("bridges are listed to those only who may use them", async () => {
  const { data, rows, send } = begin();
  const path = "/nodes/pve1/network";
  const seen = async (): Promise<unknown[]> => {
    const { data: interfaces } = (await (await send("GET", path, {}, "none")).json()) as { data: Row[] };
    return interfaces.map((it) => it["iface"]).sort();
  };
  expect(await seen()).toEqual(["eno1"]);
  const role = { tokens: "mcp@pve!none", roles: "PVESDNUser" };
  await data("PUT", "/access/acl", { path: "/sdn/zones/localnetwork/vmbr0", ...role });
  expect(await seen()).toEqual(["eno1", "vmbr0"]);
  expect(await rows(path)).toHaveLength(2);
});

test("a storage that is removed loses its ACL entries and its place in pools", async () => {
  const { data, get, rows } = begin();
  await data("PUT", "/pools/dev", { storage: "nas" });
  await data("PUT", "/access/acl", { path: "/storage/nas", users: "audit@pve", roles: "PVEDatastoreUser" });
  await data("DELETE", "/storage/nas");
  expect((await rows("/access/acl")).map((it) => it["path"])).not.toContain("/storage/nas");
  await data("POST", "/storage", { storage: "nas", type: "dir", path: "/mnt/nas" });
  expect((await get("/pools/dev"))["members"]).not.toContainEqual(expect.objectContaining({ storage: "nas" }));
});

test("an ACL entry needs a holder and a path that there may be, which is stored without needless slashes", async () => {
  const { data, refusal, rows } = begin();
  const entry = { users: "audit@pve", roles: "PVEVMUser" };
  expect(await refusal("PUT", "/access/acl", { path: "/vms/100", roles: "PVEVMUser" })).toStartWith("400 ");
  expect(await refusal("PUT", "/access/acl", { path: "/guests/100", ...entry })).toBe(
    `400 Parameter verification failed. {"path":"invalid ACL path '/guests/100'"}`,
  );
  expect(await refusal("PUT", "/access/acl", { path: "/", tokens: "nobody@pve!t", roles: "PVEVMUser" })).toBe(
    "500 ACL update failed: no such user ('nobody@pve')",
  );
  await data("PUT", "/access/acl", { path: "//vms/100/", ...entry });
  expect(await rows("/access/acl")).toContainEqual(expect.objectContaining({ path: "/vms/100", ugid: "audit@pve" }));
});

test("network changes wait until they are applied, or are dropped", async () => {
  const { cluster, data, get, rows, refusal, send, task } = begin();
  const path = "/nodes/pve1/network";
  const active = (): string[] => [...(cluster.world.nodes.get("pve1")?.network.active.keys() ?? [])];
  await data("POST", path, { iface: "vmbr1", type: "bridge", cidr: "198.51.100.1/24" });
  expect(await get(`${path}/vmbr1`)).toMatchObject({ address: "198.51.100.1", netmask: "24", method: "static" });
  const answer = (await (await send("GET", path)).json()) as { changes?: string };
  expect(answer.changes).toContain("+vmbr1 type bridge");
  expect(active()).not.toContain("vmbr1");
  expect(await task("PUT", path)).toBe("OK");
  expect(active()).toContain("vmbr1");
  expect((await (await send("GET", path)).json()) as object).not.toHaveProperty("changes");
  await data("PUT", `${path}/vmbr1`, { type: "bridge", comments: "second", delete: "cidr" });
  await data("DELETE", `${path}/eno1`);
  expect(await get(`${path}/vmbr1`)).toMatchObject({ comments: "second", method: "manual" });
  await data("DELETE", path);
  expect((await rows(path)).map((it) => it["iface"]).sort()).toEqual(["eno1", "vmbr0", "vmbr1"]);
  expect(await refusal("POST", path, { iface: "vmbr0", type: "bridge" })).toContain("interface already exists");
  expect(await refusal("DELETE", `${path}/vmbr9`)).toContain("interface does not exist");
  expect(await refusal("POST", path, { iface: "vmbr2", type: "bridge", gateway: "192.0.2.2" })).toContain(
    "Default gateway already exists on interface 'vmbr0'.",
  );
  expect(await refusal("POST", path, { iface: "vmbr2", type: "bridge", bridge_ports: "eno1" })).toContain(
    "eno1 is already used on interface 'vmbr0'.",
  );
});

test("a node that is shut down goes with its guests and, where it had the majority, with the quorum", async () => {
  const { data, get, rows, refusal } = begin();
  await data("POST", "/nodes/pve2/status", { command: "shutdown" });
  expect((await rows("/nodes")).find((it) => it["node"] === "pve2")).toMatchObject({ status: "offline" });
  expect(await refusal("GET", "/nodes/pve2/status")).toBe("595 No route to host");
  // pve3 has been offline from the start: one of three votes is left.
  expect((await rows("/cluster/status")).find((it) => it["type"] === "cluster")).toMatchObject({ quorate: 0 });
  expect(await refusal("POST", "/pools", { poolid: "x" })).toContain("no quorum");
  expect(await get("/nodes/pve1/qemu/100/status/current")).toMatchObject({ status: "running" });
});

test("a node that reboots is back after a while, with the guests that start at boot", async () => {
  const { data, get, rows, refusal, pass } = begin();
  await data("POST", "/nodes/pve2/status", { command: "reboot" });
  expect(await refusal("GET", "/nodes/pve2/qemu/110/status/current")).toBe("595 No route to host");
  pass(120_000);
  expect((await rows("/cluster/status")).find((it) => it["type"] === "cluster")).toMatchObject({ quorate: 1 });
  expect(await get("/nodes/pve2/qemu/110/status/current")).toMatchObject({ status: "running" });
  expect(await get("/nodes/pve2/qemu/111/status/current")).toMatchObject({ status: "stopped" });
  expect(Number((await get("/nodes/pve2/status"))["uptime"])).toBeLessThan(120);
});

test("the node that is asked when none is named is one that is online", async () => {
  const { cluster, data, get } = begin();
  await data("POST", "/nodes/pve1/status", { command: "shutdown" });
  expect((await get("/nodes/localhost/dns"))["search"]).toBe("alpha.test");
  const headers = { authorization: `PVEAPIToken=${cluster.tokens["admin"]}` };
  const asked = cluster.fetch(new Request("http://demo/api2/json/version", { headers }), "pve1");
  await expect(asked).rejects.toThrow("offline");
});

test("the nodes' votes are listed, and no token removes a node", async () => {
  const { rows, refusal } = begin();
  expect((await rows("/cluster/config/nodes")).map((it) => [it["node"], it["quorum_votes"]]).sort()).toEqual([
    ["pve1", "1"],
    ["pve2", "1"],
    ["pve3", "1"],
  ]);
  expect(await refusal("DELETE", "/cluster/config/nodes/pve3")).toBe("403 Permission check failed (user != root@pam)");
  expect(await begin(1).rows("/cluster/config/nodes")).toEqual([]);
});

test("all guests of a node are stopped at once, or those named, by a token with VM.PowerMgmt", async () => {
  const { get, task, refusal } = begin();
  const status = async (vmid: number): Promise<unknown> =>
    (await get(`/nodes/pve1/qemu/${vmid}/status/current`))["status"];
  expect(await task("POST", "/nodes/pve1/stopall", { vms: "100" })).toBe("OK");
  expect([await status(100), await status(102)]).toEqual(["stopped", "running"]);
  expect(await task("POST", "/nodes/pve1/stopall")).toBe("OK");
  expect(await status(102)).toBe("stopped");
  expect(await task("POST", "/nodes/pve1/startall")).toBe("OK");
  expect([await status(100), await status(102)]).toEqual(["running", "stopped"]);
  expect(await refusal("POST", "/nodes/pve1/stopall", {}, "op")).toBe("403 Permission check failed (/, VM.PowerMgmt)");
  expect(await refusal("POST", "/nodes/pve1/stopall", { vms: "100" }, "op")).toBe(
    "403 Permission check failed (/vms/100, VM.PowerMgmt)",
  );
});

test("the journal and the system log show what services wrote, to those with Sys.Syslog", async () => {
  const { cluster, data, rows, refusal } = begin();
  cluster.world.nodes.get("pve1")?.journal.push("pve1 proxmox-mcp[9]: first", "pve1 proxmox-mcp[9]: second");
  expect(await data("GET", "/nodes/pve1/journal", { lastentries: 1 })).toEqual([
    expect.stringMatching(/^s=/),
    "pve1 proxmox-mcp[9]: second",
    expect.stringMatching(/^s=/),
  ]);
  expect((await rows("/nodes/pve1/syslog", { start: 1 })).map((it) => it["t"])).toEqual([
    "pve1 proxmox-mcp[9]: first",
    "pve1 proxmox-mcp[9]: second",
  ]);
  expect(await data("GET", "/nodes/pve2/journal")).toHaveLength(3);
  for (const path of ["journal", "syslog"])
    expect(await refusal("GET", `/nodes/pve1/${path}`, {}, "audit")).toBe(
      "403 Permission check failed (/nodes/pve1, Sys.Syslog)",
    );
});

test("services are stopped and started, except the essential ones", async () => {
  const { get, task } = begin();
  const path = "/nodes/pve1/services";
  expect(await task("POST", `${path}/corosync/stop`)).toBe("OK");
  expect(await get(`${path}/corosync/state`)).toMatchObject({ state: "dead", "active-state": "inactive" });
  expect(await task("POST", `${path}/corosync/restart`)).toBe("OK");
  expect(await get(`${path}/corosync/state`)).toMatchObject({ state: "running" });
  expect(await task("POST", `${path}/pveproxy/stop`)).toBe(
    "invalid service cmd 'pveproxy stop': refusing to stop essential service!",
  );
});

test("the guest agent runs a command and reports its exit code", async () => {
  const { get, data, send, refusal } = begin();
  const path = "/nodes/pve1/qemu/100/agent";
  const { pid } = (await data("POST", `${path}/exec`, { command: "uptime" })) as Row;
  expect(await get(`${path}/exec-status`, { pid })).toMatchObject({ exited: 1, exitcode: 0, "out-data": "uptime\n" });
  expect(await refusal("GET", `${path}/exec-status`, { pid: 1 })).toContain("PID 1 does not exist");
  expect((await send("POST", `${path}/file-write`, { file: "/etc/motd", content: "x" })).status).toBe(200);
  expect(await refusal("POST", "/nodes/pve1/qemu/104/agent/exec", { command: "id" })).toBe("500 VM 104 is not running");
});

test("a disk is detached by unlink, and removed with force", async () => {
  const { data, get, refusal } = begin();
  const path = "/nodes/pve1/qemu/101";
  await data("PUT", `${path}/unlink`, { idlist: "scsi1" });
  expect(await get(`${path}/config`)).toMatchObject({ unused0: "vmdata:101/vm-101-disk-1.qcow2" });
  await data("PUT", `${path}/unlink`, { idlist: "unused0", force: 1 });
  expect(await get(`${path}/config`)).not.toHaveProperty("unused0");
  expect(await refusal("PUT", `${path}/config`)).toBe("500 no options specified");
});

test("cdrom is another name for ide2, wins over it, and goes under either name", async () => {
  const { data, get } = begin();
  const path = "/nodes/pve1/qemu/104/config";
  await data("PUT", path, { cdrom: "none", ide2: "local:iso/debian-12.11.0-amd64-netinst.iso,media=cdrom" });
  expect(await get(path)).toMatchObject({ ide2: "none,media=cdrom" });
  await data("PUT", path, { delete: "cdrom" });
  const config = await get(path);
  expect(config).not.toHaveProperty("ide2");
  expect(config).not.toHaveProperty("unused0");
});

test("a guest under high availability is not destroyed without purge, and its status shows it", async () => {
  const { data, get, rows, refusal, task } = begin();
  await data("POST", "/cluster/ha/resources", { sid: "vm:104", state: "stopped" });
  expect((await get("/nodes/pve1/qemu/104/status/current"))["ha"]).toEqual({ managed: 1, state: "stopped" });
  expect((await rows("/cluster/resources")).find((it) => it["vmid"] === 104)).toMatchObject({ hastate: "stopped" });
  expect(await refusal("DELETE", "/nodes/pve1/qemu/104")).toBe(
    "500 unable to remove VM 104 - used in HA resources and purge parameter not set.",
  );
  expect(await task("DELETE", "/nodes/pve1/qemu/104", { purge: 1 })).toBe("OK");
  expect(await rows("/cluster/ha/resources")).toEqual([]);
});

test("an address of a set is found as it is written, and a change removes what it leaves out", async () => {
  const { data, get, refusal, rows } = begin();
  const path = "/cluster/firewall/ipset";
  await data("POST", path, { name: "web" });
  for (const cidr of ["198.51.100.7", "192.0.2.1/24"]) await data("POST", `${path}/web`, { cidr, comment: "x" });
  expect((await rows(`${path}/web`)).map((it) => it["cidr"])).toEqual(["192.0.2.0/24", "198.51.100.7"]);
  expect(await refusal("POST", `${path}/web`, { cidr: "192.0.2.9/24" })).toContain("'192.0.2.0/24' already exists");
  expect(await refusal("GET", `${path}/web/192.0.2.1/24`)).toContain("no such IP/Network");
  await data("DELETE", `${path}/web/192.0.2.1/24`);
  await data("PUT", `${path}/web/192.0.2.0/24`, { nomatch: 1 });
  const { digest: _, ...entry } = await get(`${path}/web/192.0.2.0/24`);
  expect(entry).toEqual({ cidr: "192.0.2.0/24", nomatch: 1 });
});

test("a new firewall rule is made whatever digest it is sent with, and in a change delete wins", async () => {
  const { data, get, refusal } = begin();
  const path = "/cluster/firewall/rules";
  await data("POST", path, { type: "in", action: "DROP", comment: "c", digest: "0".repeat(40) });
  await data("PUT", `${path}/0`, { comment: "d", source: "192.0.2.1", delete: "comment" });
  expect(await get(`${path}/0`)).toMatchObject({ source: "192.0.2.1" });
  expect(await get(`${path}/0`)).not.toHaveProperty("comment");
  await data("PUT", `${path}/0`, { source: "" });
  expect(await get(`${path}/0`)).not.toHaveProperty("source");
  expect(await refusal("PUT", `${path}/0`, { delete: "action" })).toContain("unable to delete required property");
});

test("an HA resource is named by a guest's number only where there is that guest, and delete wins over a value", async () => {
  const { data, get, refusal } = begin();
  const path = "/cluster/ha/resources";
  expect(await refusal("GET", `${path}/999`)).toBe("500 unable to detect SID from VMID - VM/CT 999 does not exist");
  await data("POST", path, { sid: "104", comment: "a" });
  await data("PUT", `${path}/104`, { comment: "b", delete: "comment" });
  expect(await get(`${path}/vm:104`)).not.toHaveProperty("comment");
});
