import { describe, expect, test } from "bun:test";
import { NoEffect } from "../../../src/policy/plan/no-effect.ts";
import { PolicyRefusal } from "../../../src/policy/refusal.ts";
import { type Answers, demoScene, forbidden, type Scene, sceneWith } from "./scene.ts";

async function noEffectOf(scene: Scene, request: string, params: Record<string, unknown> = {}): Promise<string> {
  try {
    await scene.plan(request, params);
  } catch (error) {
    if (error instanceof NoEffect) return error.message;
    throw error;
  }
  throw new Error("a plan was made");
}

describe("what cannot do anything is answered before anybody is asked:", () => {
  const acl = { path: "/", roles: "PVEAuditor", groups: "auditors" };
  test.each<[request: string, params: Record<string, unknown>, why: string]>([
    [
      "DELETE /nodes/pve1/qemu/101/snapshot/nope",
      {},
      'snapshot "nope" does not exist on VM 101 db-01; it has: before-upgrade',
    ],
    ["POST /nodes/pve1/qemu/101/snapshot/x/rollback", {}, 'snapshot "x" does not exist'],
    ["POST /nodes/pve1/qemu/104/status/stop", {}, "VM 104 pending-vm is stopped already"],
    ["POST /nodes/pve1/qemu/104/status/reset", {}, "VM 104 pending-vm is stopped already"],
    ["DELETE /nodes/pve1/qemu/100", {}, "VM 100 web-01 is running, and Proxmox deletes no running guest"],
    ["DELETE /nodes/pve1/lxc/200", {}, "CT 200 dns-1 is running"],
    ["DELETE /nodes/pve1/qemu/101", {}, "Proxmox's protection flag is set on VM 101 db-01"],
    ["PUT /nodes/pve1/qemu/104/config", { delete: "scsi7,onboot" }, "VM 104 pending-vm has no scsi7, onboot"],
    ["PUT /nodes/pve1/qemu/104/config", { net0: "NET0" }, "net0 of VM 104 pending-vm has that value already"],
    [
      "PUT /nodes/pve1/qemu/104/config",
      { delete: "constructor,toString" },
      "VM 104 pending-vm has no constructor, toString",
    ],
    ["PUT /nodes/pve1/qemu/104/unlink", { idlist: "unused3" }, "VM 104 pending-vm has no unused3"],
    ["POST /nodes/pve1/qemu/9000/template", {}, "is a template already"],
    ["DELETE /access/users/nope@pve", {}, "user nope@pve does not exist"],
    ["DELETE /access/groups/nope", {}, "group nope does not exist"],
    ["DELETE /access/roles/Nope", {}, "role Nope does not exist"],
    ["DELETE /access/domains/nope", {}, "realm nope does not exist"],
    ["DELETE /access/users/mcp@pve/token/nope", {}, "token mcp@pve!nope does not exist"],
    ["POST /access/users/mcp@pve/token/tok", {}, "token mcp@pve!tok exists already"],
    ["PUT /access/acl", acl, "group auditors: PVEAuditor on / is set already"],
    ["PUT /access/acl", { ...acl, roles: "PVEAdmin", delete: 1 }, "there is no such ACL entry on /; there are: group"],
    ["DELETE /pools/nope", {}, "pool nope does not exist"],
    ["DELETE /pools/prod", {}, "Proxmox deletes no pool that has members, and prod has: CT 200 dns-1"],
    ["PUT /pools/prod", { vms: "100" }, "pool prod has 100 already"],
    ["DELETE /storage/nope", {}, "storage nope does not exist"],
    ["PUT /storage/nas", { disable: true }, "storage nas has that value already: disable"],
    ["DELETE /cluster/ha/resources/vm:100", {}, "HA resource vm:100 does not exist"],
    ["DELETE /cluster/backup/nope", {}, "backup job nope does not exist"],
    ["DELETE /cluster/firewall/rules/9", {}, "there is no rule at position 9 of the cluster; it has no rules"],
    ["DELETE /cluster/firewall/aliases/nope", {}, "alias nope does not exist in the cluster"],
    ["DELETE /nodes/pve1/qemu/100/firewall/ipset/nope", {}, "IP set nope does not exist in VM 100 web-01"],
    ["DELETE /nodes/pve1/network/vmbr9", {}, "node pve1 has no interface vmbr9"],
    ["DELETE /nodes/pve1/network", {}, "node pve1 has no pending network changes"],
    ["DELETE /nodes/pve1/storage/backups/content/backups:backup/nope.vma", {}, "does not exist on node pve1"],
    ["POST /nodes/pve3/status", { command: "reboot" }, "node pve3 is offline"],
    ["POST /nodes/nope/status", { command: "reboot" }, "the cluster has no node nope"],
    ["POST /nodes/pve3/stopall", {}, "node pve3 is offline"],
    ["POST /nodes/nope/services/corosync/stop", {}, "the cluster has no node nope"],
    ["DELETE /nodes/pve1/qemu/777", {}, "there is no guest with VMID 777"],
    ["POST /nodes/pve1/lxc/777/status/stop", {}, "there is no guest with VMID 777"],
    ["POST /nodes/pve1/qemu/100/template", {}, "VM 100 web-01 is running, and Proxmox converts no running guest"],
    ["PUT /pools/prod", { vms: "104,100", delete: 1 }, "pool prod does not have 104"],
    ["POST /nodes/pve1/qemu/104/agent/exec", { command: "id" }, "VM 104 pending-vm is stopped: its guest agent cannot"],
    [
      "GET /nodes/pve1/qemu/104/agent/file-read",
      { file: "/a" },
      "VM 104 pending-vm is stopped: its guest agent cannot",
    ],
    ["PUT /nodes/pve1/qemu/101/config", { delete: "scsi0" }, "protection flag is set on VM 101 db-01"],
    ["PUT /nodes/pve1/qemu/101/unlink", { idlist: "scsi0" }, "protection flag is set on VM 101 db-01"],
    [
      "POST /nodes/pve1/qemu",
      { vmid: 100, force: 1, archive: "backups:backup/vzdump-qemu-100-2026_10_01-02_00_01.vma.zst" },
      "VM 100 web-01 is running, and Proxmox overwrites no such guest",
    ],
    ["DELETE /cluster/config/nodes/nope", {}, "the cluster has no member nope"],
  ])("%s %j", async (request, params, why) => {
    const scene = demoScene();
    const net0 = ((await scene.admin("GET", "/nodes/pve1/qemu/104/config")) as { net0: string }).net0;
    const filled = Object.fromEntries(
      Object.entries(params).map(([name, value]) => [name, value === "NET0" ? net0 : value]),
    );
    const message = await noEffectOf(scene, request, filled);
    expect(message).toStartWith(`${request} on prod was not sent: `);
    expect(message).toContain(why);
  });
});

describe("a right that is missing is no evidence:", () => {
  const base = "/nodes/pve1/qemu/100";
  const guest = { vmid: 100, name: "web-01", node: "pve1", type: "qemu", status: "running", id: "qemu/100" };
  const answers: Answers = {
    "/cluster/resources": { data: [guest] },
    [`${base}/config`]: { data: { name: "web-01", memory: "512", digest: "d" } },
    [`${base}/status/current`]: { data: { status: "running", qmpstatus: "running", ha: { managed: 0 } } },
    [`${base}/snapshot`]: { data: [{ name: "current" }] },
    "/access/acl": { data: [] },
    "/access/users/a@pve": forbidden,
    "/nodes/pve1/network": { data: [{ iface: "vmbr0", type: "bridge" }] },
    "/nodes/pve1/storage/backups/content": { data: [] },
  };

  test.each<[request: string, params: Record<string, unknown>, change: Answers]>([
    // A token without the right sees an ACL without entries.
    ["PUT /access/acl", { path: "/vms/100", roles: "PVEAdmin", users: "a@pve", delete: 1 }, {}],
    ["DELETE /pools/prod", {}, {}],
    ["DELETE /cluster/backup/nightly", {}, {}],
    ["DELETE /cluster/firewall/rules/0", {}, {}],
    ["DELETE /cluster/firewall/aliases/lan", {}, {}],
    // Without Sys.Audit only bridges are listed.
    ["DELETE /nodes/pve1/network", {}, {}],
    ["POST /nodes/pve1/qemu/100/status/stop", {}, { [`${base}/status/current`]: forbidden }],
    ["PUT /nodes/pve1/qemu/100/config", { delete: "onboot" }, { [`${base}/config`]: forbidden }],
    ["PUT /nodes/pve1/qemu/100/snapshot/x/config", { description: "y" }, { [`${base}/snapshot`]: forbidden }],
    // Under HA a stop changes what HA keeps up, and a lock is that of a task.
    [
      "POST /nodes/pve1/qemu/100/status/stop",
      {},
      { [`${base}/status/current`]: { data: { status: "stopped", ha: { managed: 1 } } } },
    ],
    [
      "POST /nodes/pve1/qemu/100/status/stop",
      {},
      {
        [`${base}/status/current`]: { data: { status: "stopped", ha: { managed: 0 } } },
        [`${base}/config`]: { data: { name: "web-01", lock: "backup" } },
      },
    ],
    // What only looks equal: a volume that is made anew, a password that is never shown.
    [
      "PUT /nodes/pve1/qemu/100/config",
      { cipassword: "**********" },
      { [`${base}/config`]: { data: { name: "web-01", cipassword: "**********" } } },
    ],
  ])("%s %j goes on to a human", async (request, params, change) => {
    const plan = await sceneWith({ ...answers, ...change }).plan(request, params);
    expect(plan.action).not.toBe("");
  });
});

describe("what Proxmox refuses on a guest as it is:", () => {
  const base = "/nodes/pve1/qemu/100";
  const guestOf = (config: object = {}, status: object = {}, snapshots: object[] = []): Answers => ({
    "/cluster/resources": { data: [{ vmid: 100, node: "pve1", type: "qemu", status: "stopped" }] },
    [`${base}/config`]: { data: { name: "web-01", scsi0: "local:vm-100-disk-0,size=1G", ...config } },
    [`${base}/status/current`]: { data: { status: "stopped", ha: { managed: 0 }, ...status } },
    [`${base}/snapshot`]: { data: [{ name: "current" }, ...snapshots] },
    "/nodes/pve1/storage?content=backup&enabled=1": { data: [] },
  });
  const managed = { ha: { managed: 1 } };

  test.each<[request: string, params: Record<string, unknown>, answers: Answers, why: string]>([
    [
      `DELETE ${base}`,
      {},
      guestOf({ lock: "backup" }),
      "VM 100 web-01 is locked (backup), and Proxmox deletes no locked",
    ],
    [
      `DELETE ${base}`,
      {},
      guestOf({}, managed),
      "is managed by HA, and Proxmox deletes such a guest only with purge=1",
    ],
    [
      `DELETE ${base}`,
      {},
      { ...guestOf(), "/cluster/replication": { data: [{ id: "100-0", guest: 100 }] } },
      "has the replication job 100-0, and Proxmox deletes such a guest only with purge=1",
    ],
    [
      `POST ${base}/template`,
      {},
      guestOf({}, {}, [{ name: "a" }]),
      "has 1 snapshot, and Proxmox converts no guest with",
    ],
    [
      `POST ${base}/agent/exec`,
      { command: "id" },
      guestOf({}, { status: "running" }),
      "no guest agent is configured for VM 100 web-01",
    ],
    [`POST ${base}/status/stop`, {}, guestOf({ lock: "suspended" }), "is hibernated and has no process"],
    [
      "POST /nodes/pve1/qemu",
      { vmid: 100, force: 1, archive: "b:backup/x.vma" },
      guestOf({ protection: 1 }),
      "VM 100 web-01 has Proxmox's protection flag, and Proxmox overwrites no such guest",
    ],
  ])("%s %j", async (request, params, answers, why) => {
    expect(await noEffectOf(sceneWith(answers), request, params)).toContain(why);
  });

  test.each<[request: string, params: Record<string, unknown>, answers: Answers]>([
    [`DELETE ${base}`, { skiplock: 1 }, guestOf({ lock: "backup" })],
    // PVE::QemuServer::destroy_vm deletes a hibernated guest.
    [`DELETE ${base}`, {}, guestOf({ lock: "suspended" })],
    [`DELETE ${base}`, { purge: 1 }, guestOf({}, managed)],
    [`DELETE ${base}`, { purge: 1 }, { ...guestOf(), "/cluster/replication": { data: [{ id: "100-0", guest: 100 }] } }],
    // A guest that was started with an agent still has it.
    [`POST ${base}/agent/exec`, { command: "id" }, guestOf({ agent: "0" }, { status: "running" })],
    [`PUT ${base}/config`, { delete: "memory" }, guestOf({ protection: 1, memory: 512 })],
    [`PUT ${base}/config`, { delete: "scsi0" }, guestOf({})],
    [`POST ${base}/template`, {}, guestOf()],
  ])("but not %s %j", async (request, params, answers) => {
    expect((await sceneWith(answers).plan(request, params)).action).not.toBe("");
  });
});

describe("what cannot be undone and cannot be looked at is refused, with what the token needs:", () => {
  test.each([
    ["DELETE /access/users/a@pve", "User.Modify"],
    ["DELETE /access/users/a@pve/token/t", "User.Modify"],
    ["DELETE /access/tfa/a@pve/x", "User.Modify"],
    ["DELETE /storage/nas", "Datastore.Allocate"],
    ["DELETE /nodes/pve1/storage/b/content/b:backup/vzdump-qemu-100-2026_01_01-00_00_00.vma", "Datastore.Audit"],
    ["DELETE /nodes/pve1/storage/b/content/b:iso/x.iso", "Datastore.Audit"],
    ["DELETE /nodes/pve1/storage/b/prunebackups", "Datastore.Audit"],
    ["PUT /nodes/pve1/disks/wipedisk", "Sys.Audit on the node"],
    ["DELETE /cluster/acme/account/a", "the right to read it"],
  ])("%s", async (request, need) => {
    const params = request.startsWith("PUT") ? { disk: "/dev/sdb" } : {};
    const failure = await sceneWith({})
      .plan(request, params)
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(PolicyRefusal);
    expect((failure as Error).message).toContain("it cannot be undone, and what would be lost cannot be read (403");
    expect((failure as Error).message).toContain(need);
  });

  test("also where only the snapshots of a guest cannot be read", async () => {
    const base = "/nodes/pve1/qemu/100";
    const scene = sceneWith({
      "/cluster/resources": { data: [{ vmid: 100, node: "pve1", type: "qemu", status: "stopped" }] },
      [`${base}/config`]: { data: { name: "web-01" } },
      [`${base}/status/current`]: { data: { status: "stopped" } },
      [`${base}/snapshot`]: forbidden,
    });
    await expect(scene.plan(`DELETE ${base}`)).rejects.toThrow("what would be lost cannot be read (403");
  });

  test("but not what exposes secrets and is never read for a plan, nor what the settings withhold", async () => {
    const realms = { "/access/domains": { data: [{ realm: "corp", type: "ldap" }] }, "/access/users": { data: [] } };
    expect((await sceneWith(realms).plan("DELETE /access/domains/corp")).action).toEndWith(": cannot be undone");
    const user = sceneWith({ "/access/users/a@pve": { data: { enable: 1 } } });
    expect((await user.plan("DELETE /access/users/a@pve", {}, { mayRead: () => false })).effect).toContain(
      "tokens not readable",
    );
  });
});

test("what cannot be undone is refused where the guest cannot be read: nobody could judge it", async () => {
  const scene = sceneWith({ "/cluster/resources": { data: [] } });
  for (const request of ["DELETE /nodes/pve1/qemu/100", "POST /nodes/pve1/lxc/100/snapshot/x/rollback"]) {
    await expect(scene.plan(request)).rejects.toThrow(
      "it cannot be undone, and what would be lost cannot be read (403, token mcp@pve!agent lacks VM.Audit on /vms/100)",
    );
  }
  const strange = sceneWith({
    "/nodes/pve1/qemu/100/config": { data: [] },
    "/nodes/pve1/qemu/100/snapshot": { data: {} },
    "/nodes/pve1/qemu/100/status/current": { data: null },
  });
  await expect(strange.plan("DELETE /nodes/pve1/qemu/100")).rejects.toThrow("another form than Proxmox's");
});

test("a guest that would be overwritten and cannot be seen is not taken for none", async () => {
  const request = ["POST /nodes/pve1/qemu", { vmid: 100, force: 1, archive: "b:backup/x.vma" }] as const;
  const free: Answers = { "/cluster/resources": { data: [] }, "/cluster/nextid": { data: "100" } };
  expect((await sceneWith(free).plan(...request)).action).toStartWith("RESTORE VM 100 on prod");
  const taken = { ...free, "/cluster/nextid": { status: 400, message: "VM 100 already exists" } };
  await expect(sceneWith(taken).plan(...request)).rejects.toThrow("cannot be read (whether VMID 100 is free: ");
});

test("an answer of any other form than Proxmox's breaks no plan", async () => {
  const requests: [string, Record<string, unknown>?][] = [
    ["PUT /access/acl", { path: "/", roles: "a", users: "b@c", tokens: "b@c!d" }],
    ["DELETE /access/users/x@pve/token/t"],
    ["DELETE /access/roles/x"],
    ["DELETE /access/groups/x"],
    ["DELETE /access/domains/x"],
    ["DELETE /pools/x"],
    ["PUT /pools", { poolid: "a/b", vms: "100" }],
    ["DELETE /storage/x"],
    ["PUT /cluster/ha/resources/vm:100", { state: "disabled" }],
    ["POST /cluster/ha/status/disarm-ha"],
    ["DELETE /cluster/backup/x"],
    ["DELETE /cluster/firewall/ipset/a/10.0.0.0/8"],
    ["PUT /cluster/firewall/rules/0", { enable: 0 }],
    ["PUT /nodes/pve1/network"],
    ["DELETE /nodes/pve1/network/eth0"],
    ["POST /nodes/pve1/status", { command: "reboot" }],
    ["DELETE /cluster/config/nodes/pve1"],
    ["POST /nodes/pve1/services/corosync/stop"],
    ["POST /nodes/pve1/stopall"],
    ["DELETE /nodes/pve1/storage/b/content/b:backup/vzdump-qemu-100-x.vma"],
    ["DELETE /nodes/pve1/storage/b/prunebackups"],
    ["POST /nodes/pve1/qemu/100/agent/exec", { command: "x" }],
    ["PUT /nodes/pve1/qemu/100/config", { delete: "a", net0: "virtio" }],
  ];
  const odd: unknown[] = [
    null,
    "x",
    1,
    [],
    {},
    [null, 1, "x", [], {}],
    { members: 1, tokens: [1], ha: 1 },
    { a: { b: [{}] } },
  ];
  for (const [request, params] of requests) {
    for (const data of odd) {
      const any = new Proxy<Answers>(
        {},
        { get: (_, path) => (path === "/cluster/resources" ? { data: [] } : { data }) },
      );
      try {
        const plan = await sceneWith(any).plan(request, params);
        expect(plan.details.length).toBeGreaterThan(0);
      } catch (error) {
        expect({ request, data, name: (error as Error).name }).toEqual({
          request,
          data,
          name: expect.stringMatching(/^(?:NoEffect|PolicyRefusal|GuestError)$/),
        });
      }
    }
  }
});
