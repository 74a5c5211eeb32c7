import { describe, expect, test } from "bun:test";
import { changesBetween } from "../../../src/policy/plan/facts.ts";
import { NoEffect } from "../../../src/policy/plan/no-effect.ts";
import type { Plan } from "../../../src/policy/plan/plan.ts";
import { PolicyRefusal } from "../../../src/policy/refusal.ts";
import { demoScene, type Scene, sceneOver } from "./scene.ts";

/** A request of the administrator's, before the plan. */
type Act = readonly [method: string, path: string, params?: Record<string, string>];

const now = Date.UTC(2026, 10, 27, 12);
const vm = "/nodes/pve1/qemu/104";
const firewallRule = { type: "in", action: "ACCEPT", proto: "tcp", dport: "22", enable: "1", source: "lan" };
const backup = "backups:backup/vzdump-qemu-100-2026_10_01-02_00_01.vma.zst";

const given: readonly Act[] = [
  ["POST", "/access/roles", { roleid: "Viewer", privs: "VM.Audit,Permissions.Modify,Sys.Modify" }],
  ["POST", "/access/groups", { groupid: "readers" }],
  ["POST", "/access/users", { userid: "x@pve", comment: "one", groups: "readers" }],
  ["POST", "/access/users", { userid: "off@pve", enable: "0", groups: "readers" }],
  ["POST", "/access/users/x@pve/token/cpu", { privsep: "1" }],
  ["POST", "/access/users/x@pve/token/full", { privsep: "0" }],
  ["PUT", "/access/acl", { path: "/vms", roles: "Viewer", groups: "readers" }],
  ["PUT", "/access/acl", { path: "/pool/dev", roles: "Viewer", users: "x@pve" }],
  ["POST", "/cluster/firewall/rules", firewallRule],
  ["POST", "/cluster/firewall/aliases", { name: "lan", cidr: "10.0.0.0/8" }],
  ["POST", "/cluster/firewall/ipset", { name: "cpu" }],
  ["POST", "/cluster/firewall/ipset/cpu", { cidr: "10.0.0.1", comment: "core" }],
  ["PUT", `${vm}/firewall/options`, { enable: "1", policy_in: "DROP" }],
  ["POST", "/cluster/ha/resources", { sid: "vm:100", state: "started" }],
  ["POST", "/cluster/ha/resources", { sid: "vm:102", state: "started" }],
  ["POST", `${vm}/snapshot`, { snapname: "one" }],
  ["PUT", `${vm}/config`, { scsi1: "vmdata:1,format=qcow2" }],
  ["PUT", `${vm}/config`, { delete: "scsi1" }],
];

const requests: readonly (readonly [request: string, params?: Record<string, unknown>])[] = [
  [`DELETE ${vm}`],
  ["DELETE /nodes/pve2/lxc/210", { force: 1 }],
  [`PUT ${vm}/config`, { delete: "unused0" }],
  [`PUT ${vm}/config`, { memory: 4096, net0: "virtio,bridge=vmbr0" }],
  [`PUT ${vm}/unlink`, { idlist: "unused0" }],
  [`PUT ${vm}/resize`, { disk: "scsi0", size: "64G" }],
  [`POST ${vm}/move_disk`, { disk: "scsi0", storage: "local-lvm", delete: 1 }],
  // A stopped guest without snapshots: Proxmox converts no other.
  ["POST /nodes/pve1/qemu/103/template"],
  [`POST ${vm}/clone`, { newid: 500, target: "pve2" }],
  [`POST ${vm}/migrate`, { target: "pve2" }],
  [`DELETE ${vm}/snapshot/one`],
  ["POST /nodes/pve1/qemu/101/snapshot/before-upgrade/rollback"],
  ["POST /nodes/pve1/qemu/100/status/reset"],
  ["POST /nodes/pve1/qemu/100/agent/exec", { command: ["reboot"] }],
  ["PUT /nodes/pve1/qemu/100/sendkey", { key: "ctrl-alt-delete" }],
  [`POST /nodes/pve1/qemu`, { vmid: 104, force: 1, archive: backup }],
  [`DELETE /nodes/pve1/storage/backups/content/${backup}`],
  [`PUT /nodes/pve1/storage/backups/content/${backup}`, { protected: 1 }],
  ["DELETE /nodes/pve1/storage/vmdata/content/vmdata:100/vm-100-disk-0.qcow2"],
  ["PUT /access/acl", { path: "/vms/100", roles: "Viewer", users: "x@pve" }],
  ["PUT /access/acl", { path: "/pool/dev", roles: "PVEVMAdmin", groups: "readers" }],
  ["PUT /access/acl", { path: "/pool/prod", roles: "PVEVMAdmin", tokens: "x@pve!full" }],
  ["PUT /access/users/mcp@pve", { groups: "readers" }],
  ["PUT /access/users/off@pve", { enable: 1 }],
  ["POST /access/users", { userid: "new@pve", groups: "readers" }],
  ["DELETE /access/users/x@pve"],
  ["PUT /access/users/x@pve/token/cpu", { privsep: 0 }],
  ["DELETE /access/users/x@pve/token/cpu"],
  ["DELETE /access/groups/readers"],
  ["PUT /access/roles/Viewer", { privs: "VM.Audit" }],
  ["DELETE /access/roles/Viewer"],
  ["PUT /pools/dev", { vms: "102" }],
  ["DELETE /storage/nas"],
  ["PUT /storage/vmdata", { disable: 1 }],
  ["DELETE /cluster/ha/resources/vm:100"],
  ["PUT /cluster/ha/resources/vm:100", { state: "disabled" }],
  ["POST /cluster/ha/resources/vm:102/relocate", { node: "pve2" }],
  ["DELETE /cluster/backup/backup-nightly"],
  ["POST /nodes/pve1/vzdump", { vmid: "100", mode: "stop" }],
  ["DELETE /cluster/firewall/rules/0"],
  ["DELETE /cluster/firewall/aliases/lan"],
  ["DELETE /cluster/firewall/ipset/cpu/10.0.0.1"],
  [`PUT ${vm}/firewall/options`, { enable: 0 }],
  ["DELETE /nodes/pve1/network/vmbr0"],
  ["PUT /nodes/pve1/network"],
  ["POST /nodes/pve1/status", { command: "shutdown" }],
  ["DELETE /cluster/config/nodes/pve3"],
  ["POST /nodes/pve1/services/corosync/stop"],
  ["POST /nodes/pve1/stopall"],
];

/** The simulator's answers to every read of a plan, by their URL. */
async function record(): Promise<(url: string) => Promise<{ status: number; body: unknown }>> {
  const demo = demoScene(now);
  for (const act of given) await demo.admin(...act);
  const known = new Map<string, Promise<{ status: number; body: unknown }>>();
  return async (url) => {
    const answer =
      known.get(url) ??
      demo.fetch(new Request(url)).then(async (response) => ({
        status: response.status,
        body: await response.json().catch(() => null),
      }));
    known.set(url, answer);
    return await answer;
  };
}

const answerOf = await record();

/** A path into an answer. */
type Place = readonly (string | number)[];

/** Every value in an answer: of lists of many rows the first six. */
function placesIn(value: unknown, at: Place = []): Place[] {
  if (typeof value !== "object" || value === null) return at.length === 0 ? [] : [at];
  const inside = Array.isArray(value)
    ? value.slice(0, 6).flatMap((item: unknown, index) => [[...at, index], ...placesIn(item, [...at, index])])
    : Object.entries(value).flatMap(([key, item]: [string, unknown]) => placesIn(item, [...at, key]));
  return inside;
}

/** A copy with the value at a place changed; a row of a list is taken out. */
function changed(value: unknown, [first, ...rest]: Place): unknown {
  if (first === undefined) {
    if (typeof value === "number") return value === 0 ? 1 : value === 1 ? 0 : value + 7;
    return value === "running" ? "stopped" : value === "stopped" ? "running" : `${String(value)}x`;
  }
  if (Array.isArray(value)) {
    const isRow = rest.length === 0 && typeof value[Number(first)] === "object";
    return isRow
      ? value.filter((_, index) => index !== first)
      : value.map((item: unknown, index) => (index === first ? changed(item, rest) : item));
  }
  const object = value as Record<string, unknown>;
  return { ...object, [first]: changed(object[String(first)], rest) };
}

/** A scene over the recorded answers, one of which may be changed. */
function sceneOf(change?: { readonly url: string; readonly place: Place }): Scene & { readonly urls: Set<string> } {
  const urls = new Set<string>();
  const scene = sceneOver(
    async ({ url }) => {
      urls.add(url);
      const { status, body } = await answerOf(url);
      return Response.json(change?.url === url ? changed(body, change.place) : body, { status });
    },
    { now },
  );
  return { ...scene, urls };
}

/** All that a human sees. */
function shown({ action, effect, details }: Plan): string {
  return [action, effect, ...details].join("\n");
}

describe("whatever the lines of a plan show is bound:", () => {
  test.each(requests)(
    "%s %j",
    async (request, params = {}) => {
      const scene = sceneOf();
      const plan = await scene.plan(request, params);
      const unbound: string[] = [];
      let moved = 0;
      for (const url of scene.urls) {
        for (const place of placesIn((await answerOf(url)).body)) {
          const other = await sceneOf({ url, place })
            .plan(request, params)
            .catch((error: unknown) => error);
          // What cannot be done any more is not sent.
          if (other instanceof NoEffect || other instanceof PolicyRefusal) continue;
          if (shown(other as Plan) === shown(plan)) continue;
          moved++;
          if (changesBetween(plan.facts, (other as Plan).facts).length === 0) {
            unbound.push(`${decodeURIComponent(new URL(url).pathname)} ${place.join(".")}: ${shown(other as Plan)}`);
          }
        }
      }
      expect(unbound).toEqual([]);
      expect(moved).toBeGreaterThan(0);
    },
    60_000,
  );
});
