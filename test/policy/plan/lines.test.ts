import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { PolicyRefusal } from "../../../src/policy/refusal.ts";
import { type Answers, demoScene, type Scene, sceneWith } from "./scene.ts";

const base = "/nodes/pve1/qemu/100";
const hour = 3600;
const now = Date.UTC(2026, 10, 27, 12);
const seconds = now / 1000;

const answers: Answers = {
  "/cluster/resources": {
    data: [
      // Old and of somebody else: pvestatd wrote it before the guest was renamed.
      { vmid: 100, name: "old-name", node: "pve1", type: "qemu", status: "unknown", tags: "stale" },
      { vmid: 101, name: "db-01", node: "pve1", type: "qemu", status: "running" },
    ],
  },
  [`${base}/config`]: {
    data: {
      name: "web-01",
      memory: "2048",
      tags: "prod;web",
      net0: "virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1",
      agent: "enabled=1",
      scsi0: "local-lvm:vm-100-disk-0,size=32G",
      scsi1: "local-lvm:vm-100-disk-1,size=8G",
      ide2: "local:iso/debian.iso,media=cdrom",
      unused0: "local-lvm:vm-100-disk-2",
      digest: "d1",
    },
  },
  [`${base}/status/current`]: {
    data: { status: "stopped", qmpstatus: "stopped", uptime: 0, ha: { managed: 0 } },
  },
  [`${base}/snapshot`]: {
    data: [
      { name: "current", digest: "d1", running: 0 },
      { name: "before", snaptime: seconds - 50 * hour, vmstate: 0 },
      { name: "after", parent: "before", snaptime: seconds - 3 * hour, vmstate: 1 },
    ],
  },
  "/nodes/pve1/storage?content=backup&enabled=1": {
    data: [
      { storage: "backups", enabled: 1, active: 1 },
      { storage: "off", enabled: 1, active: 0 },
    ],
  },
  "/nodes/pve1/storage/backups/content": {
    data: [
      {
        volid: "backups:backup/vzdump-qemu-100-a.vma",
        vmid: 100,
        ctime: seconds - 2 * hour,
        size: 2 ** 31,
        content: "backup",
      },
      {
        volid: "backups:backup/vzdump-qemu-100-b.vma",
        vmid: 100,
        ctime: seconds - 99 * hour,
        size: 2 ** 31,
        content: "backup",
      },
    ],
  },
};

const running = { [`${base}/status/current`]: { data: { status: "running", qmpstatus: "running" } } };

async function linesOf(scene: Scene, request: string, params: Record<string, unknown> = {}): Promise<unknown[]> {
  const { action, effect, fitsForm } = await scene.plan(request, params);
  return [action, effect, fitsForm];
}

describe("the two lines that every client shows:", () => {
  test.each<[request: string, params: Record<string, unknown>, more: Answers, lines: (string | boolean)[]]>([
    [
      `DELETE ${base}`,
      {},
      {},
      [
        "DELETE VM 100 web-01 on prod: cannot be undone",
        "disks scsi0 32G, scsi1 8G, unused0; 2 snapshots; newest backup 2 h ago",
        true,
      ],
    ],
    [
      `DELETE ${base}`,
      { purge: 1 },
      { "/nodes/pve1/storage/backups/content": { data: [] } },
      [
        "DELETE VM 100 web-01 on prod: cannot be undone",
        "disks scsi0 32G, scsi1 8G, unused0; 2 snapshots; no backup found; jobs or HA not readable",
        false,
      ],
    ],
    [
      "POST /nodes/pve1/qemu",
      { vmid: 100, force: 1, archive: "backups:backup/vzdump-qemu-7-x.vma" },
      {},
      [
        "OVERWRITE VM 100 web-01 from backups:backup/vzdump-qemu-7-x.vma on prod: cannot be undone",
        "disks scsi0 32G, scsi1 8G, unused0; 2 snapshots; newest backup 2 h ago",
        false,
      ],
    ],
    [
      `DELETE ${base}/snapshot/before`,
      {},
      {},
      [
        "DELETE snapshot before of VM 100 web-01 on prod: cannot be undone",
        "taken 2026-11-25 10:00 UTC (2 days ago); 1 other left",
        true,
      ],
    ],
    [
      `POST ${base}/snapshot/before/rollback`,
      {},
      {},
      [
        "ROLL BACK VM 100 web-01 to before on prod: cannot be undone",
        "loses all since 2 days ago; newer: after; newest backup 2 h ago",
        true,
      ],
    ],
    [
      `POST ${base}/status/stop`,
      {},
      running,
      ["STOP VM 100 web-01 on prod: unsaved data is lost", "cuts power; it is running", true],
    ],
    [
      `POST ${base}/agent/exec`,
      { command: ["systemctl", "restart", "nginx"] },
      running,
      ["RUN COMMAND in VM 100 web-01 on prod: cannot be undone", "systemctl restart nginx", true],
    ],
    [
      `POST ${base}/agent/exec`,
      { command: ["sh", "-c", `${"x".repeat(205)}; rm -rf /`] },
      running,
      ["RUN COMMAND in VM 100 web-01 on prod: cannot be undone", "command of 219 characters", false],
    ],
    [
      `POST ${base}/agent/exec`,
      { command: ["sh"], "input-data": "halt" },
      running,
      ["RUN COMMAND in VM 100 web-01 on prod: cannot be undone", "sh; input of 4 characters", false],
    ],
    [
      `POST ${base}/agent/exec`,
      { command: ["sh", "-c", "true\nhalt"] },
      running,
      ["RUN COMMAND in VM 100 web-01 on prod: cannot be undone", "command of 13 characters", false],
    ],
    [
      `POST ${base}/agent/exec`,
      { command: ["sh", "-c", `true${" ".repeat(60)};halt`] },
      running,
      ["RUN COMMAND in VM 100 web-01 on prod: cannot be undone", "command of 73 characters", false],
    ],
    [
      `PUT ${base}/config`,
      { memory: 4096, cores: 2, delete: "tags" },
      {},
      [
        "CHANGE VM 100 web-01 on prod: can be undone",
        "removes tags (prod;web); memory 2048 -> 4096; sets cores 2",
        true,
      ],
    ],
    [
      `PUT ${base}/config`,
      { delete: "unused0,scsi1" },
      {},
      [
        "CHANGE VM 100 web-01 on prod: cannot be undone",
        "deletes unused0 local-lvm:vm-100-disk-2; detaches scsi1 8G",
        true,
      ],
    ],
    [
      `PUT ${base}/config`,
      { net1: "virtio,bridge=vmbr1" },
      {},
      [
        "CHANGE VM 100 web-01 on prod: can be undone",
        "adds network card net1 without firewall: virtio,bridge=vmbr1",
        true,
      ],
    ],
    [
      `PUT ${base}/config`,
      { net0: "virtio,bridge=vmbr1" },
      {},
      [
        "CHANGE VM 100 web-01 on prod: can be undone",
        "network card net0 loses its firewall: virtio,bridge=vmbr1",
        true,
      ],
    ],
    [
      `PUT ${base}/config`,
      { args: `-device ${"x".repeat(100)}` },
      {},
      [
        "CHANGE VM 100 web-01 on prod: can be undone",
        expect.stringMatching(/^sets args .*; args of 108 characters$/),
        false,
      ],
    ],
    [
      `PUT ${base}/config`,
      { delete: "memory,net0,tags,scsi0,scsi1,ide2" },
      {},
      ["CHANGE VM 100 web-01 on prod: can be undone", expect.stringMatching(/; and \d more$/), false],
    ],
    [
      `PUT ${base}/unlink`,
      { idlist: "scsi1", force: 1 },
      {},
      ["DELETE disk of VM 100 web-01 on prod: cannot be undone", "deletes scsi1 local-lvm:vm-100-disk-1 8G", true],
    ],
    [
      `PUT ${base}/resize`,
      { disk: "scsi0", size: "16G" },
      {},
      ["RESIZE disk scsi0 of VM 100 web-01 on prod: cannot be undone", "32G -> 16G", true],
    ],
    [
      "DELETE /nodes/pve1/storage/backups/content/backups:backup/vzdump-qemu-100-a.vma",
      {},
      {},
      [
        "DELETE backup of guest 100 from backups on prod: cannot be undone",
        "of 2026-11-27 10:00 UTC (2 h ago); 2 GiB; newest of 2 here",
        true,
      ],
    ],
  ])("%s %j", async (request, params, more, lines) => {
    expect(await linesOf(sceneWith({ ...answers, ...more }, now), request, params)).toEqual(lines);
  });
});

describe("a definition that is deleted cannot be created again as it was where it holds a secret:", () => {
  test.each<[path: string, definition: Record<string, unknown>, undo: string]>([
    ["/storage/nas", { storage: "nas", type: "nfs", server: "192.0.2.1" }, "can be undone by adding it again"],
    ["/storage/pbs", { storage: "pbs", type: "pbs", server: "192.0.2.1", username: "x@pbs" }, "cannot be undone"],
    ["/storage/odd", { storage: "odd", type: "somethingnew" }, "cannot be undone"],
    ["/cluster/sdn/ipams/box", { ipam: "box", type: "netbox", url: "https://192.0.2.1" }, "cannot be undone"],
  ])("%s", async (path, definition, undo) => {
    const plan = await sceneWith({ [path]: { data: definition } }).plan(`DELETE ${path}`, {});
    expect(plan.action).toEndWith(`: ${undo}`);
  });
});

describe("over the simulator:", () => {
  const rule = { type: "in", action: "ACCEPT", proto: "tcp", dport: "22", source: "10.0.0.0/8", enable: "1" };
  test.each<[request: string, params: Record<string, unknown>, action: string, effect: string]>([
    [
      "DELETE /nodes/pve1/qemu/104",
      {},
      "DELETE VM 104 pending-vm on prod: cannot be undone",
      "no disks; no snapshots; no backup found",
    ],
    [
      "PUT /access/acl",
      { path: "/vms/100", roles: "PVEVMAdmin", users: "audit@pve" },
      "CHANGE rights on /vms/100 on prod: can be undone",
      "gives PVEVMAdmin to user audit@pve and below; now: 1 ACL entry",
    ],
    [
      "PUT /access/acl",
      { path: "/", roles: "PVEAuditor", groups: "auditors", delete: 1 },
      "CHANGE rights on / on prod: can be undone",
      "takes PVEAuditor from group auditors; now: PVEAuditor here; 1 member",
    ],
    [
      "DELETE /access/users/audit@pve",
      {},
      "DELETE user audit@pve on prod: cannot be undone",
      "1 token: tok; no ACL entries",
    ],
    [
      "POST /access/users",
      { userid: "new@pve" },
      "CREATE user new@pve on prod: can be undone by deleting it",
      "creates a user",
    ],
    [
      "DELETE /access/users/mcp@pve/token/tok",
      {},
      "DELETE token mcp@pve!tok on prod: cannot be undone",
      "has all rights of mcp@pve; its secret is lost",
    ],
    [
      "DELETE /access/groups/auditors",
      {},
      "DELETE group auditors on prod: can be undone by creating it again",
      "1 member: audit@pve; 1 ACL entry: PVEAuditor on /",
    ],
    [
      "PUT /pools/prod",
      { vms: "100", delete: 1 },
      "CHANGE pool prod on prod: can be undone",
      "takes out guest 100; 4 members now; VM 100 web-01 (running)",
    ],
    [
      "PUT /storage/vmdata",
      { disable: 1 },
      "CHANGE storage vmdata on prod: can be undone",
      "disks of 6 guests; disable not set -> 1",
    ],
    [
      "DELETE /cluster/ha/resources/vm:100",
      {},
      "DELETE HA resource vm:100 on prod: can be undone by adding it again",
      "HA no longer restarts it; state started; VM 100 web-01 (running)",
    ],
    [
      "DELETE /cluster/backup/backup-nightly",
      {},
      "DELETE backup job backup-nightly on prod: can be undone by creating it again",
      "pool prod no longer backed up by it; runs 02:00; to backups",
    ],
    [
      "DELETE /cluster/firewall/rules/0",
      {},
      "DELETE firewall rule 0 of the cluster on prod: can be undone",
      "in ACCEPT tcp from 10.0.0.0/8 to port 22",
    ],
    [
      "DELETE /nodes/pve1/network/vmbr0",
      {},
      "DELETE interface vmbr0 of pve1 on prod: can be undone until applied",
      "bridge, cidr 192.0.2.11/24, gateway 192.0.2.1, bridge_ports eno1",
    ],
    [
      "POST /nodes/pve1/status",
      { command: "reboot" },
      "REBOOT NODE pve1 on prod: running guests are down meanwhile",
      "2 of 3 votes now, 1 of 3 after: the cluster loses quorum; 8 guests, 4 up",
    ],
    [
      "DELETE /cluster/config/nodes/pve3",
      {},
      "REMOVE NODE pve3 from the cluster on prod: cannot be undone",
      "2 of 3 votes now, 2 of 2 after: quorum holds, without a vote to spare; VM 120 (unknown); CT 220 (unknown)",
    ],
    [
      "POST /nodes/pve1/services/corosync/stop",
      {},
      "STOP service corosync of node pve1 on prod: can be undone by starting it",
      "2 of 3 votes now, 1 of 3 after: the cluster loses quorum; it is running",
    ],
    [
      "POST /nodes/pve1/stopall",
      {},
      "SHUT DOWN ALL GUESTS of node pve1 on prod: unsaved data may be lost",
      "cuts power on timeout; 8 guests, 4 up",
    ],
    [
      "DELETE /cluster/sdn/zones/z1",
      {},
      "DELETE /cluster/sdn/zones/z1 on prod: can be undone",
      "deletes an SDN zone, pending until SDN is applied",
    ],
  ])("%s %j", async (request, params, action, effect) => {
    const scene = demoScene();
    await scene.admin("POST", "/cluster/firewall/rules", rule);
    await scene.admin("POST", "/cluster/ha/resources", { sid: "vm:100", state: "started" });
    const plan = await scene.plan(request, params);
    expect([plan.action, plan.effect]).toEqual([action, effect]);
  });

  test("names and state come from where they are true, not from the list that pvestatd writes", async () => {
    const { details, words } = await sceneWith(answers, now).plan(`DELETE ${base}`);
    expect(words).toEqual(["web-01", "100"]);
    expect(details.join("\n")).toContain("VM 100 web-01: stopped on pve1, tags prod;web.");
    expect(details.join("\n")).not.toMatch(/old-name|stale/);
  });

  test("the details name each guest of a bulk call, at most 20, and how many more", async () => {
    const many = Array.from({ length: 30 }, (_, at) => ({ vmid: 100 + at, name: `g${at}`, status: "running" }));
    const scene = sceneWith({
      "/cluster/resources": { data: many.map((guest) => ({ ...guest, node: "pve1", type: "qemu" })) },
      "/nodes/pve1/qemu": { data: many },
    });
    const { effect, details, fitsForm } = await scene.plan("POST /nodes/pve1/stopall");
    expect([effect, fitsForm]).toEqual(["cuts power on timeout; 30 guests, 30 up", false]);
    expect(details.join("\n")).toContain("VM 119 g19 (running on pve1) and 10 more.");
  });

  test("a disk that a guest uses says so, for Proxmox deletes it without a word", async () => {
    const { effect } = await demoScene().plan(
      "DELETE /nodes/pve1/storage/vmdata/content/vmdata:100/vm-100-disk-0.qcow2",
    );
    expect(effect).toBe("IN USE as scsi0 of VM 100 web-01; 1 GiB; VM 100 web-01 (running)");
  });

  test("a disk of the node shows what it is and what uses it", async () => {
    const disk = { devpath: "/dev/sdb", size: 2 ** 40, model: "EVO", used: "LVM", wearout: 3, serial: "S1" };
    const scene = sceneWith({ "/nodes/pve1/disks/list": { data: [disk] } });
    expect(await linesOf(scene, "PUT /nodes/pve1/disks/wipedisk", { disk: "/dev/sdb" })).toEqual([
      "WIPE /dev/sdb of node pve1 on prod: cannot be undone",
      "/dev/sdb 1 TiB EVO IN USE: LVM",
      true,
    ]);
  });

  test("HA does not stop a guest that is stopped", async () => {
    const scene = demoScene();
    await scene.admin("POST", "/cluster/ha/resources", { sid: "vm:104", state: "ignored" });
    await scene.admin("POST", "/cluster/ha/resources", { sid: "vm:100", state: "started" });
    const effectOf = async (sid: string) =>
      (await scene.plan(`PUT /cluster/ha/resources/${sid}`, { state: "disabled" })).effect;
    expect(await effectOf("vm:104")).toStartWith("the guest is stopped and stays so; state ignored -> disabled");
    expect(await effectOf("vm:100")).toStartWith("HA stops the guest; state started -> disabled");
  });

  test("a backup job that goes names its guests, schedule and storage", async () => {
    const job = { id: "j", vmid: "101,100", schedule: "sat 03:15", storage: "nas", enabled: 0, "next-run": 5 };
    const scene = sceneWith({ "/cluster/backup/j": { data: job } });
    expect((await scene.plan("DELETE /cluster/backup/j")).effect).toBe(
      'guests 101,100 no longer backed up by it; runs "sat 03:15", switched off; to nas',
    );
  });

  test("network changes are shown as they would be applied, with what the cluster loses if the node is cut off", async () => {
    const changes =
      "--- /etc/network/interfaces\n+++ /etc/network/interfaces.new\n@@\n iface vmbr0\n-\taddress 192.0.2.1/24\n+\taddress 192.0.2.9/24\n";
    const nodes = ["pve1", "pve2"].map((name) => ({ type: "node", name, online: 1 }));
    const scene = sceneWith({
      "/nodes/pve1/network": { data: [{ iface: "eno1", type: "eth" }], changes },
      "/cluster/status": { data: [{ type: "cluster", name: "c", quorate: 1 }, ...nodes] },
      "/cluster/config/qdevice": { data: {} },
    });
    const { effect, details, fitsForm } = await scene.plan("PUT /nodes/pve1/network");
    expect([effect, fitsForm]).toEqual(["2 lines of pending changes; wrong settings make the node unreachable", false]);
    expect(details).toContain('  "+\\taddress 192.0.2.9/24"');
    expect(details).toContain("If it is cut off: 2 of 2 votes now, 1 of 2 after: the cluster loses quorum.");
  });

  test("pruning names the backups that Proxmox's own dry run would delete", async () => {
    const row = (day: number, mark: string) => ({
      volid: `b:backup/vzdump-qemu-100-${day}.vma`,
      ctime: seconds - day * 24 * hour,
      mark,
      vmid: 100,
    });
    const path = "/nodes/pve1/storage/b/prunebackups";
    const scene = sceneWith({ [path]: { data: [row(1, "keep"), row(5, "remove"), row(2, "protected")] } }, now);
    const { effect, details } = await scene.plan(`DELETE ${path}`, { "prune-backups": "keep-last=1" });
    expect(effect).toBe("deletes 1 backup, keeps 2; prune-backups=keep-last=1");
    expect(details).toContain("Deletes b:backup/vzdump-qemu-100-5.vma of 2026-11-22 12:00 UTC (5 days ago).");
  });

  test("votes count as they are set, and a node that is off takes none away", async () => {
    const status = ["a", "b", "c"].map((name) => ({ type: "node", name, online: name === "c" ? 0 : 1 }));
    const votes = (a: number) => ["a", "b", "c"].map((name) => ({ name, quorum_votes: String(name === "a" ? a : 1) }));
    const lineOf = async (request: string, a: number) =>
      (
        await sceneWith({
          "/cluster/status": { data: [{ type: "cluster", name: "x" }, ...status] },
          "/cluster/config/nodes": { data: votes(a) },
          "/cluster/config/qdevice": { data: {} },
          "/cluster/resources": { data: [] },
        }).plan(request, request.startsWith("POST") ? { command: "shutdown" } : {})
      ).effect;
    expect(await lineOf("POST /nodes/b/status", 3)).toContain("4 of 5 votes now, 3 of 5 after: quorum holds");
    expect(await lineOf("POST /nodes/a/status", 3)).toContain(
      "4 of 5 votes now, 1 of 5 after: the cluster loses quorum",
    );
    expect(await lineOf("DELETE /cluster/config/nodes/c", 1)).toContain("2 of 3 votes now, 2 of 2 after: quorum holds");
    expect(await lineOf("DELETE /cluster/config/nodes/b", 1)).toContain("1 of 2 after: the cluster loses quorum");
  });

  test("a name that does not fit its line is no question for a form", async () => {
    const scene = demoScene();
    const path = `/pool/${"p".repeat(120)}`;
    expect(await scene.plan("PUT /access/acl", { path, roles: "PVEAdmin", users: "audit@pve" })).toMatchObject({
      action: `CHANGE rights on "${path.slice(0, 80)}"... on prod: can be undone`,
      fitsForm: false,
    });
  });

  test("a role that is not Proxmox's own is told by its gravest privileges", async () => {
    const scene = demoScene();
    const privs = "VM.Audit,VM.Console,VM.Allocate,Sys.Modify,User.Modify,Permissions.Modify";
    await scene.admin("POST", "/access/roles", { roleid: "Viewer", privs });
    await scene.admin("POST", "/access/groups", { groupid: "g" });
    const acl = await scene.plan("PUT /access/acl", { path: "/vms/100", roles: "Viewer", users: "mcp@pve" });
    expect([acl.effect, acl.fitsForm]).toEqual([
      "gives Viewer (Permissions.Modify, User.Modify and 4 more) to user mcp@pve and below; now: 1 ACL entry",
      false,
    ]);
    await scene.admin("PUT", "/access/acl", { path: "/vms", roles: "Viewer", groups: "g" });
    const user = await scene.plan("PUT /access/users/audit@pve", { groups: "g" });
    expect(user.effect).toStartWith(
      "group g has Viewer (Permissions.Modify, User.Modify and 4 more) on /vms; leaves group auditors; groups",
    );
    expect(user.details).toContain("Gains group g: Viewer (Permissions.Modify, User.Modify and 4 more) on /vms.");
  });

  test("a role whose privileges cannot be read is no question for a form, Proxmox's own is one", async () => {
    const scene = sceneWith({ "/access/acl": { data: [] } });
    const planOf = async (roles: string) => await scene.plan("PUT /access/acl", { path: "/x", roles, users: "a@pve" });
    expect((await planOf("Viewer")).effect).toStartWith("gives Viewer (privileges not readable) to user a@pve");
    expect((await planOf("Viewer")).fitsForm).toBe(false);
    expect((await planOf("PVEAuditor")).fitsForm).toBe(true);
  });

  test("members of groups and pools are shown where rights are given to them or on them", async () => {
    const { effect, details } = await demoScene().plan("PUT /access/acl", {
      path: "/pool/dev",
      roles: "PVEVMAdmin",
      groups: "auditors",
    });
    expect(effect).toBe(
      "gives PVEVMAdmin to group auditors and below; now: PVEAuditor from /; 1 member; 3 pool members",
    );
    expect(details).toContain("Members of group auditors: audit@pve.");
    expect(details.join("\n")).toMatch(/Members of pool dev: .*VM 104/);
  });

  test.each<[request: string, params: Record<string, unknown>, undo: string]>([
    ["PUT /nodes/pve1/qemu/100/sendkey", { key: "ret" }, "what the keys do cannot be undone"],
    ["PUT /nodes/pve1/qemu/100/resize", { disk: "scsi0", size: "+1G" }, "cannot be shrunk again"],
    ["POST /nodes/pve1/qemu/100/status/reboot", {}, "the guest is down meanwhile"],
    ["POST /nodes/pve1/qemu/100/agent/fstrim", {}, "nothing is lost"],
    ["POST /nodes/pve1/services/cron/restart", {}, "the service is down meanwhile"],
    ["POST /nodes/pve1/services/cron/reload", {}, "it reads its configuration again"],
    ["DELETE /nodes/pve1/tasks/UPID:pve1:1:1:1:qmstart:100:root@pam:", {}, "the task cannot be resumed"],
    ["PUT /storage/nas", { password: "x" }, "cannot be undone"],
    ["PUT /access/domains/pve", { "client-key": "x" }, "cannot be undone"],
    ["PUT /access/users/audit@pve", { keys: "x" }, "a replaced secret cannot be restored"],
    ["PUT /access/users/audit@pve/unlock-tfa", {}, "ends the lockout"],
    ["PUT /nodes/pve1/qemu/104/config", { cipassword: "secret" }, "can be undone"],
    ["PUT /nodes/pve1/qemu/104/config", { template: 1 }, "can be undone by template=0"],
    ["POST /nodes/pve1/vzdump", { vmid: "100", mode: "stop" }, "backups that retention removes are lost"],
    ["POST /nodes/pve1/qemu/104/remote_migrate", { "target-vmid": 1 }, "can be undone only from there"],
    ["POST /nodes/pve1/qemu/104/remote_migrate", { "target-vmid": 1, delete: 1 }, "cannot be undone"],
  ])("what line 1 says of undoing is true: %s %j", async (request, params, undo) => {
    expect((await demoScene().plan(request, params)).action).toEndWith(` on prod: ${undo}`);
  });

  test("a cloud-init password that is replaced is lost, for Proxmox shows only stars", async () => {
    const config = { ...(answers[`${base}/config`] as { data: object }).data, cipassword: "**********" };
    const scene = sceneWith({ ...answers, [`${base}/config`]: { data: config } }, now);
    const { action, effect } = await scene.plan(`PUT ${base}/config`, { cipassword: "secret" });
    expect(action).toEndWith(": the present password is lost");
    expect(effect).toBe("the present cloud-init password is lost; sets cipassword (masked)");
  });

  test("a Ceph flag shows both its present value and the new one", async () => {
    const scene = sceneWith({ "/cluster/ceph/flags/noout": { data: false }, "/cluster/resources": { data: [] } });
    const plan = await scene.plan("PUT /cluster/ceph/flags/noout", { value: true });
    expect(plan.details).toEqual(expect.arrayContaining(["  value: true", "As it is now: 0."]));
    expect(plan.facts.get("present value")).toBe("0");
  });

  test("at most eight storages are asked for backups, and those left out are named", async () => {
    const storages = Array.from({ length: 10 }, (_, at) => ({ storage: `s${at}`, enabled: 1, active: 1 }));
    const empty = Object.fromEntries(
      storages.map(({ storage }) => [`/nodes/pve1/storage/${storage}/content`, { data: [] }]),
    );
    const scene = sceneWith(
      { ...answers, ...empty, "/nodes/pve1/storage?content=backup&enabled=1": { data: storages } },
      now,
    );
    const { effect, details } = await scene.plan(`DELETE ${base}`);
    expect(effect).toEndWith("no backup found (2 storages not looked at)");
    expect(details).toContain("No backup of it was found. Not looked at: s8, s9.");
    expect(scene.reads.filter((path) => path.includes("/content?content=backup"))).toHaveLength(8);
  });
});

describe("values", () => {
  const exec = async (params: Record<string, unknown>) =>
    (await sceneWith({ ...answers, ...running }, now).plan(`POST ${base}/agent/exec`, params)).details;

  test("of a command are whole, whatever they look like", async () => {
    const words = ["sh", "-c", `${"harmless ".repeat(400)}; token=$(rm -rf /) password=x`];
    const details = await exec({ command: words, "input-data": "secret=1; halt\n" });
    expect(details[1]).toBe(`  command: ${JSON.stringify(words)}`);
    expect(details[2]).toBe('  input-data: "secret=1; halt\\n"');
  });

  test("that are too long to be read are refused, with parameter and limit", async () => {
    const refusals = [
      [
        { command: ["sh", "-c", "x".repeat(8_001)] },
        'the parameter "command" has 8015 characters; at most 8000 are shown',
      ],
      [
        { command: ["sh", "-c", "x".repeat(7_000)], "input-data": "y".repeat(7_000), a: "z".repeat(7_000) },
        'more than 20000 characters together, counted up to "a"',
      ],
    ] as const;
    for (const [params, why] of refusals) {
      const failure = await exec(params).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(PolicyRefusal);
      expect((failure as Error).message).toContain(why);
    }
  });

  test("that are bulk text show head, tail, length and hash", async () => {
    const content = `HEAD${"x".repeat(30_000)}TAIL`;
    const scene = sceneWith({ ...answers, ...running }, now);
    const { details } = await scene.plan(`POST ${base}/agent/file-write`, { file: "/etc/motd", content });
    const hash = new Bun.CryptoHasher("sha256").update(content).digest("hex");
    expect(details[2]).toStartWith('  content: "HEADxxx');
    expect(details[2]).toEndWith(`xTAIL" (30008 characters, SHA-256 ${hash})`);
    expect(details[2]?.length).toBeLessThan(600);
  });

  test("that are secrets are masked, and SSH keys, which are public, shown decoded", async () => {
    const keys = "ssh-ed25519 AAAAC3 me@home\nssh-rsa AAAAB3 you@work";
    const { details, effect } = await sceneWith(answers, now).plan(`PUT ${base}/config`, {
      sshkeys: encodeURIComponent(keys),
      cipassword: "hunter2",
    });
    expect(details).toContain(`  sshkeys: ${JSON.stringify(keys)}`);
    expect(details).toContain('  cipassword: "[masked]"');
    expect(`${details.join("\n")}${effect}`).not.toContain("hunter2");
  });

  test("hold nothing that cannot be seen, and no line of theirs is one of ours", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: "grapheme", maxLength: 60 }),
        fc.constantFrom(
          "\n",
          "\r",
          "\u2028",
          "\u202e",
          "\u200b",
          "\u00a0",
          "\u3164",
          "\u2800",
          "\u{e0041}",
          "\u001b[2J",
        ),
        fc.constantFrom("STOP VM 1 on prod: can be undone", "No backup", "  command: x"),
        async (text, hidden, forged) => {
          const evil = `${text}${hidden}${forged}`;
          const config = {
            ...(answers[`${base}/config`] as { data: object }).data,
            name: evil,
            tags: evil,
            net0: evil,
          };
          const scene = sceneWith({ ...answers, [`${base}/config`]: { data: config } }, now);
          const plan = await scene.plan(`PUT ${base}/config`, { args: evil, delete: "net0" });
          const honest = await sceneWith(answers, now).plan(`PUT ${base}/config`, { args: "x", delete: "net0" });
          expect(plan.details).toHaveLength(honest.details.length);
          for (const line of [plan.action, plan.effect, ...plan.details]) {
            expect(line).not.toMatch(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/u);
            expect(line.startsWith("STOP VM") || line.startsWith("No backup")).toBe(false);
          }
          expect(plan.details.find((line) => line.startsWith("  args: "))).not.toMatch(
            /[\u200b\u00a0\u3164\u2800\u{e0041}]/u,
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  test("never make the two lines longer than 160 characters", async () => {
    const long = "x".repeat(3_000);
    const config = { ...(answers[`${base}/config`] as { data: object }).data, name: long };
    const scene = sceneWith({ ...answers, [`${base}/config`]: { data: config } }, now);
    for (const [request, params] of [
      [`DELETE ${base}`, {}],
      [`PUT ${base}/config`, { description: long, delete: `${"a,".repeat(500)}memory` }],
      ["PUT /access/users/x@pve", { comment: long }],
      [`PUT /access/users/${"u".repeat(500)}@pve`, { enable: 0 }],
      ["PUT /access/acl", { path: `/${long}`, roles: long, users: long }],
    ] as [string, Record<string, unknown>][]) {
      const plan = await scene.plan(request, params);
      expect(plan.action.length).toBeLessThanOrEqual(160);
      expect(plan.effect.length).toBeLessThanOrEqual(160);
      if (request.includes(base) && request.startsWith("PUT")) expect(plan.fitsForm).toBe(false);
    }
  });
});
