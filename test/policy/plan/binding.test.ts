import { describe, expect, test } from "bun:test";
import { changesBetween } from "../../../src/policy/plan/facts.ts";
import { demoScene } from "./scene.ts";

/** A request of the administrator's, beside the plan. */
type Act = readonly [method: string, path: string, params?: Record<string, string>];

interface Case {
  readonly kind: string;
  readonly request: string;
  readonly params?: Record<string, unknown>;
  /** What is made before. */
  readonly given?: readonly Act[];
  /** What changes between plan and consent. */
  readonly change: readonly Act[];
  /** How the change is named. */
  readonly named: readonly (string | RegExp)[];
}

const vm = "/nodes/pve1/qemu/104";
const rule = { type: "in", action: "ACCEPT", proto: "tcp", dport: "22", enable: "1" };

const cases: readonly Case[] = [
  {
    kind: "guest: configuration",
    request: `DELETE ${vm}`,
    change: [["PUT", `${vm}/config`, { memory: "2048" }]],
    named: ["memory 1024 -> 2048"],
  },
  {
    kind: "guest: CPU model, a setting that has the name of a figure",
    request: `DELETE ${vm}`,
    change: [["PUT", `${vm}/config`, { cpu: "host" }]],
    named: ["cpu added: host"],
  },
  {
    kind: "guest: tag",
    request: `PUT ${vm}/config`,
    params: { delete: "cores" },
    change: [["PUT", `${vm}/config`, { tags: "dev;new" }]],
    named: ["tags dev -> dev;new"],
  },
  {
    kind: "guest: disk",
    request: `PUT ${vm}/config`,
    params: { delete: "cores" },
    change: [["PUT", `${vm}/config`, { scsi1: "vmdata:1,format=qcow2" }]],
    named: [/^scsi1 added: vmdata:104\//],
  },
  {
    kind: "guest: power state",
    request: "POST /nodes/pve1/qemu/100/status/reset",
    change: [["POST", "/nodes/pve1/qemu/100/status/suspend"]],
    named: ["power state running -> paused"],
  },
  {
    kind: "snapshot",
    request: "POST /nodes/pve1/qemu/101/snapshot/before-upgrade/rollback",
    change: [["POST", "/nodes/pve1/qemu/101/snapshot", { snapname: "later" }]],
    named: [/^parent before-upgrade -> later$/, "snapshot later added"],
  },
  {
    kind: "guest: node",
    request: "DELETE /nodes/pve1/qemu/104",
    change: [["POST", `${vm}/migrate`, { target: "pve2" }]],
    named: ["node pve1 -> pve2"],
  },
  {
    kind: "ACL entry",
    request: "PUT /access/acl",
    params: { path: "/vms/100", roles: "PVEVMAdmin", users: "operator@pve" },
    change: [["PUT", "/access/acl", { path: "/vms", roles: "PVEAuditor", users: "operator@pve" }]],
    named: ["ACL entries: user operator@pve: PVEAuditor on /vms added"],
  },
  {
    kind: "role",
    request: "DELETE /access/roles/Custom",
    given: [["POST", "/access/roles", { roleid: "Custom", privs: "VM.Audit,VM.Console" }]],
    change: [["PUT", "/access/roles/Custom", { privs: "VM.Audit" }]],
    named: ["privileges VM.Audit,VM.Console -> VM.Audit"],
  },
  {
    kind: "user",
    request: "DELETE /access/users/x@pve",
    given: [["POST", "/access/users", { userid: "x@pve", comment: "one" }]],
    change: [["PUT", "/access/users/x@pve", { comment: "two" }]],
    named: ["comment one -> two"],
  },
  {
    kind: "token",
    request: "DELETE /access/users/x@pve/token/t1",
    given: [
      ["POST", "/access/users", { userid: "x@pve" }],
      ["POST", "/access/users/x@pve/token/t1", { privsep: "1" }],
    ],
    change: [["PUT", "/access/users/x@pve/token/t1", { privsep: "0" }]],
    named: ["privsep 1 -> 0"],
  },
  {
    kind: "group",
    request: "DELETE /access/groups/g",
    given: [["POST", "/access/groups", { groupid: "g", comment: "one" }]],
    change: [["PUT", "/access/groups/g", { comment: "two" }]],
    named: ["comment one -> two"],
  },
  {
    kind: "pool members",
    request: "PUT /pools/dev",
    params: { vms: "104", delete: 1 },
    change: [["PUT", "/pools/dev", { vms: "102" }]],
    named: ["members of pool dev: VM 102 win2022 added"],
  },
  {
    kind: "storage",
    request: "DELETE /storage/nas",
    change: [["PUT", "/storage/nas", { content: "images" }]],
    named: ["content images,iso -> images"],
  },
  {
    kind: "HA resource",
    request: "DELETE /cluster/ha/resources/vm:100",
    given: [["POST", "/cluster/ha/resources", { sid: "vm:100", state: "started" }]],
    change: [["PUT", "/cluster/ha/resources/vm:100", { state: "ignored" }]],
    named: ["state started -> ignored"],
  },
  {
    kind: "backup job",
    request: "DELETE /cluster/backup/backup-nightly",
    change: [["PUT", "/cluster/backup/backup-nightly", { schedule: "03:00" }]],
    named: ["schedule 02:00 -> 03:00"],
  },
  {
    kind: "firewall rule",
    request: "DELETE /cluster/firewall/rules/0",
    given: [["POST", "/cluster/firewall/rules", rule]],
    change: [["PUT", "/cluster/firewall/rules/0", { dport: "2222" }]],
    named: ["rule 0: dport 22 -> 2222"],
  },
  {
    kind: "firewall alias",
    request: "DELETE /cluster/firewall/aliases/lan",
    given: [["POST", "/cluster/firewall/aliases", { name: "lan", cidr: "10.0.0.0/8" }]],
    change: [["PUT", "/cluster/firewall/aliases/lan", { cidr: "10.1.0.0/16" }]],
    named: ["cidr 10.0.0.0/8 -> 10.1.0.0/16"],
  },
  {
    kind: "set of addresses",
    request: "DELETE /cluster/firewall/ipset/admins/10.0.0.1",
    given: [
      ["POST", "/cluster/firewall/ipset", { name: "admins" }],
      ["POST", "/cluster/firewall/ipset/admins", { cidr: "10.0.0.1" }],
    ],
    change: [["POST", "/cluster/firewall/ipset/admins", { cidr: "10.0.0.2" }]],
    named: ["entry of admins 10.0.0.2 added"],
  },
  {
    kind: "firewall options",
    request: "PUT /nodes/pve1/qemu/104/firewall/options",
    params: { enable: 0 },
    given: [["PUT", `${vm}/firewall/options`, { enable: "1", policy_in: "DROP" }]],
    change: [["PUT", `${vm}/firewall/options`, { policy_in: "REJECT" }]],
    named: ["policy_in DROP -> REJECT"],
  },
  {
    kind: "network interface",
    request: "DELETE /nodes/pve1/network/vmbr0",
    change: [["PUT", "/nodes/pve1/network/vmbr0", { type: "bridge", cidr: "192.0.2.99/24" }]],
    named: [/192\.0\.2\.11.* -> 192\.0\.2\.99/],
  },
  {
    kind: "node: guests",
    request: "POST /nodes/pve1/status",
    params: { command: "shutdown" },
    change: [["POST", "/nodes/pve1/qemu/104/status/start"]],
    named: ["guest 104: status stopped -> running"],
  },
  {
    kind: "volume",
    request: "DELETE /nodes/pve1/storage/backups/content/backups:backup/vzdump-qemu-100-2026_10_01-02_00_01.vma.zst",
    change: [["POST", "/nodes/pve1/vzdump", { vmid: "100", storage: "backups" }]],
    named: [/^backups on the storage: backups:backup\/vzdump-qemu-100-.* added$/],
  },
];

const access: readonly Case[] = [
  {
    kind: "ACL: members of the group",
    request: "PUT /access/acl",
    params: { path: "/vms", roles: "PVEVMAdmin", groups: "g" },
    given: [["POST", "/access/groups", { groupid: "g" }]],
    change: [["POST", "/access/users", { userid: "intruder@pve", groups: "g" }]],
    named: ["members of group g: intruder@pve added"],
  },
  {
    kind: "ACL: members of the pool",
    request: "PUT /access/acl",
    params: { path: "/pool/dev", roles: "PVEVMAdmin", users: "operator@pve" },
    change: [["PUT", "/pools/dev", { vms: "102" }]],
    named: ["members of pool dev: VM 102 win2022 added"],
  },
  {
    kind: "ACL: privileges of the role",
    request: "PUT /access/acl",
    params: { path: "/vms", roles: "Viewer", users: "operator@pve" },
    given: [["POST", "/access/roles", { roleid: "Viewer", privs: "VM.Audit" }]],
    change: [["PUT", "/access/roles/Viewer", { privs: "VM.Audit,Permissions.Modify" }]],
    named: ["privileges of role Viewer VM.Audit -> Permissions.Modify,VM.Audit"],
  },
  {
    kind: "user: rights of the group that it joins",
    request: "PUT /access/users/operator@pve",
    params: { groups: "g" },
    given: [["POST", "/access/groups", { groupid: "g" }]],
    change: [["PUT", "/access/acl", { path: "/", roles: "Administrator", groups: "g" }]],
    named: ["ACL entries gained: group g: Administrator on / added"],
  },
  {
    kind: "user: privileges of a role of the group that it joins",
    request: "POST /access/users",
    params: { userid: "new@pve", groups: "g" },
    given: [
      ["POST", "/access/groups", { groupid: "g" }],
      ["POST", "/access/roles", { roleid: "Viewer", privs: "VM.Audit" }],
      ["PUT", "/access/acl", { path: "/", roles: "Viewer", groups: "g" }],
    ],
    change: [["PUT", "/access/roles/Viewer", { privs: "Permissions.Modify" }]],
    named: ["privileges of role Viewer VM.Audit -> Permissions.Modify"],
  },
  {
    kind: "user: rights that it gets back when it is enabled",
    request: "PUT /access/users/off@pve",
    params: { enable: 1 },
    given: [["POST", "/access/users", { userid: "off@pve", enable: "0" }]],
    change: [["PUT", "/access/acl", { path: "/", roles: "Administrator", users: "off@pve" }]],
    named: ["ACL entries gained: user off@pve: Administrator on / added"],
  },
  {
    kind: "token without separation: rights of its user",
    request: "POST /access/users/operator@pve/token/all",
    params: { privsep: 0 },
    change: [["PUT", "/access/acl", { path: "/", roles: "Administrator", users: "operator@pve" }]],
    named: ["ACL entries gained: user operator@pve: Administrator on / added"],
  },
  ...["ksm", "nics", "results", "blockstat", "ballooninfo", "proxmox-support", "cpu", "digest"].map((name) => ({
    kind: `user: a token called ${name}`,
    request: "DELETE /access/users/operator@pve",
    change: [["POST", `/access/users/operator@pve/token/${name}`, { privsep: "0" }] as const],
    named: [new RegExp(`^tokens.*${name}`)],
  })),
  {
    kind: "pool: a storage called cpu",
    request: "PUT /pools/dev",
    params: { vms: "102" },
    given: [["POST", "/storage", { storage: "cpu", type: "dir", path: "/srv/cpu", content: "iso" }]],
    change: [["PUT", "/pools/dev", { storage: "cpu" }]],
    named: [/^members of pool dev: storage cpu.* added$/],
  },
];

const disk = { scsi0: "vmdata:1,format=qcow2" };
const container = {
  vmid: "310",
  hostname: "x",
  net0: "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:03:10,ip=dhcp",
  ostemplate: "local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst",
  rootfs: "tank:8",
};

/** What has every name and setting of what it replaces. */
const lookAlikes: readonly Case[] = [
  {
    kind: "container that is created again with the same settings",
    request: "DELETE /nodes/pve2/lxc/310",
    given: [["POST", "/nodes/pve2/lxc", container]],
    change: [
      ["DELETE", "/nodes/pve2/lxc/310"],
      ["POST", "/nodes/pve2/lxc", container],
    ],
    named: [/^volume tank:subvol-310-disk-0: ctime \d+ -> \d+$/],
  },
  {
    kind: "disk that is created again under the same name",
    request: "DELETE /nodes/pve1/qemu/320",
    given: [["POST", "/nodes/pve1/qemu", { vmid: "320", name: "y", ...disk }]],
    change: [
      ["PUT", "/nodes/pve1/qemu/320/config", { delete: "scsi0" }],
      ["PUT", "/nodes/pve1/qemu/320/config", { delete: "unused0" }],
      ["PUT", "/nodes/pve1/qemu/320/config", disk],
    ],
    named: [/^volume vmdata:320\/vm-320-disk-0.qcow2: ctime \d+ -> \d+$/],
  },
  {
    kind: "unused disk that is created again under the same name",
    request: "PUT /nodes/pve1/qemu/320/config",
    params: { delete: "unused0" },
    given: [
      ["POST", "/nodes/pve1/qemu", { vmid: "320", name: "y", ...disk }],
      ["PUT", "/nodes/pve1/qemu/320/config", { delete: "scsi0" }],
    ],
    change: [
      ["PUT", "/nodes/pve1/qemu/320/config", { delete: "unused0" }],
      ["PUT", "/nodes/pve1/qemu/320/config", disk],
      ["PUT", "/nodes/pve1/qemu/320/config", { delete: "scsi0" }],
    ],
    named: [/^volume vmdata:320\/vm-320-disk-0.qcow2: ctime \d+ -> \d+$/],
  },
  {
    kind: "HA: power state of the guest that moves",
    request: "POST /cluster/ha/resources/vm:100/relocate",
    params: { node: "pve2" },
    given: [["POST", "/cluster/ha/resources", { sid: "vm:100" }]],
    change: [
      ["DELETE", "/cluster/ha/resources/vm:100"],
      ["POST", "/nodes/pve1/qemu/100/status/stop"],
    ],
    named: ["guest 100: status running -> stopped"],
  },
];

describe.each([...cases, ...access, ...lookAlikes])("$kind", ({ request, params, given = [], change, named }) => {
  test("is the same in every read, and a change of it is named", async () => {
    const scene = demoScene();
    for (const act of given) await scene.admin(...act);
    const before = await scene.plan(request, params);
    for (let again = 0; again < 5; again++) {
      expect(changesBetween(before.facts, (await scene.plan(request, params)).facts)).toEqual([]);
    }
    for (const act of change) await scene.admin(...act);
    const changes = changesBetween(before.facts, (await scene.plan(request, params)).facts);
    for (const wanted of named) {
      expect(changes).toContainEqual(typeof wanted === "string" ? wanted : expect.stringMatching(wanted));
    }
  });
});

test("a plan for the volume of a running guest is the same in every read, although its file's ctime moves", async () => {
  const scene = demoScene();
  const request = "DELETE /nodes/pve1/storage/vmdata/content/vmdata:100/vm-100-disk-0.qcow2";
  const before = await scene.plan(request);
  for (let again = 0; again < 3; again++) {
    expect(changesBetween(before.facts, (await scene.plan(request)).facts)).toEqual([]);
  }
});

test("what the settings withhold binds as well, and is in no line and no change", async () => {
  const scene = demoScene();
  const mayRead = (path: readonly string[]) => path.at(-1) !== "config";
  const plan = async () => await scene.plan(`DELETE ${vm}`, {}, { mayRead });
  const before = await plan();
  expect(changesBetween(before.facts, (await plan()).facts)).toEqual([]);
  expect(JSON.stringify([...before.facts, ...before.details, before.effect])).not.toContain("BC:24:11");
  await scene.admin("PUT", `${vm}/config`, { memory: "2048" });
  expect(changesBetween(before.facts, (await plan()).facts)).toEqual(["state that the settings withhold changed"]);
});

describe("the list of guests, where the settings withhold it,", () => {
  const names = /web-01|db-01|pending-vm/;
  const mayRead = (path: readonly string[]) => !["resources", "config"].includes(path.at(-1) ?? "");

  test.each<[request: string, params: Record<string, unknown>]>([
    ["POST /nodes/pve1/stopall", {}],
    ["POST /cluster/bulk-action/guest/shutdown", { vms: "100,101" }],
    ["DELETE /nodes/pve1/qemu/104", {}],
    ["POST /nodes/pve1/qemu/104/move_disk", { disk: "scsi0", "target-vmid": 100 }],
    ["DELETE /storage/vmdata", {}],
  ])("names no guest in %s %j", async (request, params) => {
    const shown = await demoScene().plan(request, params);
    expect(JSON.stringify(shown)).toMatch(names);
    const { facts, ...plan } = await demoScene().plan(request, params, { mayRead });
    expect(JSON.stringify([plan, ...facts])).not.toMatch(names);
  });

  test("binds the guests of a bulk call", async () => {
    const scene = demoScene();
    const plan = async () => await scene.plan("POST /nodes/pve1/stopall", {}, { mayRead });
    const before = await plan();
    expect(before.details.join()).toContain("This caller may not read the list of guests");
    expect(changesBetween(before.facts, (await plan()).facts)).toEqual([]);
    await scene.admin("POST", `${vm}/status/start`);
    expect(changesBetween(before.facts, (await plan()).facts)).toEqual(["state that the settings withhold changed"]);
  });
});
