import { describe, expect, test } from "bun:test";
import type { Access } from "../../src/config/types.ts";
import { cheapestMs, expectLinear } from "../support/growth.ts";
import { toolsInProcess } from "../support/tools.ts";

// What a call costs grows no faster than the rows that Proxmox answers, also where two lists grow together and nothing of
// one is found in the other: a search of one list for each row of the other would take hours of the event loop.

/** Lists of so many rows, by the path that answers with them. */
type Lists = Readonly<Record<string, (rows: number) => unknown>>;

interface Call {
  readonly tool: string;
  readonly args?: (rows: number) => Record<string, unknown>;
  readonly lists: Lists;
  readonly policy?: { readonly access?: Access; readonly protect?: readonly string[] };
  /** How many rows the smaller answer has, where a search of them is so fast that it shows late. */
  readonly small?: number;
  /** What it answers to a few rows, so that it does look at them. */
  readonly says: RegExp;
}

function seq<T>(rows: number, make: (at: number) => T): T[] {
  return Array.from({ length: rows }, (_, at) => make(at));
}

function guest(at: number) {
  return { type: "qemu", id: `qemu/${at}`, vmid: at + 100, node: "pve1", status: "running", name: `g${at}`, uptime: 1 };
}

function host(at: number, status = "online") {
  return { type: "node", id: `node/n${at}`, node: `n${at}`, status };
}

function job(id: string, more: Readonly<Record<string, unknown>>) {
  return { id, storage: "s", enabled: 1, schedule: "daily", ...more };
}

const pve1 = { type: "node", id: "node/pve1", node: "pve1", status: "online" };

const onAlpha = () => ({ cluster: "alpha" });

/** As many keys as a table may have columns, in a list of 10,000. */
function wideAndTall(rows: number) {
  return [Object.fromEntries(seq(Math.ceil(rows / 100), (at) => [`a${at}`, 1])), ...seq(rows, () => ({}))];
}

function stopAll(vmids: readonly number[]) {
  return { cluster: "alpha", method: "POST", path: "/nodes/pve1/stopall", data: { vms: vmids.join() } };
}

function volumes(rows: number) {
  return seq(rows, (at) => ({ volid: `backups:vm-${at}-disk-0`, content: "images", vmid: 900_000 + at }));
}

function userInGroups(rows: number) {
  return { enable: 0, groups: seq(rows, (at) => `g${at}`) };
}

function aclEntries(rows: number) {
  return seq(rows, (at) => ({ path: "/vms", type: "group", ugid: `h${at}`, roleid: "PVEAuditor", propagate: 1 }));
}

const calls: Readonly<Record<string, Call>> = {
  "guests of unknown status x nodes": {
    tool: "get_cluster_resources",
    lists: {
      "/cluster/resources": (rows) =>
        seq(rows, (at) => [
          { type: "qemu", id: `qemu/${at}`, vmid: at + 100, node: `m${at}`, status: "unknown" },
          host(at, "offline"),
        ]).flat(),
    },
    says: /3 unknown \(node m0 does not report/,
  },
  "guests that are sorted": {
    tool: "get_cluster_resources",
    args: () => ({ cluster: "alpha", sort: "name", limit: 1000 }),
    lists: { "/cluster/resources": (rows) => [pve1, ...seq(rows, guest)] },
    says: /3 guests on alpha: 3 running/,
  },
  "one row of many keys, and rows without any": {
    tool: "proxmox_api_call",
    args: () => ({ cluster: "alpha", path: "/nodes/pve1/qemu" }),
    lists: { "/nodes/pve1/qemu": wideAndTall },
    says: /^4 rows on alpha\n/,
  },
  "one row of many keys, and rows without any, among several reads": {
    tool: "proxmox_api_read",
    args: () => ({ requests: [{ cluster: "alpha", path: "/nodes/pve1/qemu" }] }),
    lists: { "/nodes/pve1/qemu": wideAndTall },
    says: /: 4 rows\n/,
  },
  "guests x the guests that a backup job names": {
    tool: "cluster_health",
    lists: {
      "/cluster/resources": (rows) => [pve1, ...seq(rows, guest)],
      "/cluster/backup": (rows) => [job("j", { enabled: 0, vmid: [...seq(rows, (at) => at + 900_000), 100].join() })],
    },
    says: /1 guest only in backup jobs that are disabled: 100 g0/,
  },
  "guests x the guests that a backup job leaves out": {
    tool: "cluster_health",
    lists: {
      "/cluster/resources": (rows) => [pve1, ...seq(rows, guest)],
      "/cluster/backup": (rows) => [job("j", { enabled: 0, all: 1, exclude: seq(rows, (at) => at + 900_000).join() })],
    },
    says: /3 guests only in backup jobs that are disabled/,
  },
  "guests x backup jobs": {
    tool: "cluster_health",
    lists: {
      "/cluster/resources": (rows) => [pve1, ...seq(rows, guest)],
      "/cluster/backup": (rows) => seq(rows, (at) => job(`j${at}`, { enabled: 0, vmid: "1,100" })),
    },
    says: /1 guest only in backup jobs that are disabled: 100 g0/,
  },
  "guests of a backup job x tasks": {
    tool: "cluster_health",
    lists: {
      "/cluster/resources": (rows) => [
        pve1,
        { type: "storage", id: "storage/pve1/s", node: "pve1", storage: "s", status: "available", plugintype: "nfs" },
        ...seq(rows, guest),
      ],
      "/cluster/backup": () => [job("j", { all: 1 })],
      "/nodes/pve1/storage/s/content": () => [],
      "/nodes/pve1/tasks": (rows) =>
        seq(rows, (at) => ({ upid: `U${at}`, type: "qmcreate", id: `${at + 900_000}`, starttime: 4e9, status: "OK" })),
    },
    says: /3 guests of backup jobs with no backup yet/,
  },
  "guests x replication jobs": {
    tool: "cluster_health",
    lists: {
      "/cluster/resources": (rows) => [pve1, ...seq(rows, guest)],
      "/nodes/pve1/replication": (rows) =>
        seq(rows, (at) => ({ id: `${at}-0`, guest: 900_000 + at, target: "x", fail_count: 1, error: "e" })),
    },
    small: 4_000,
    says: /replication 0-0 of 900000/,
  },
  "nodes x directories": {
    tool: "cluster_health",
    lists: {
      "/cluster/resources": (rows) => [
        ...seq(rows, (at) => ({ ...host(at), disk: 1, maxdisk: 1 })),
        ...seq(rows, (at) => ({
          ...{ type: "storage", id: `storage/n0/s${at}`, node: "n0", storage: `s${at}` },
          ...{ status: "available", disk: 1, maxdisk: 2, plugintype: "dir" },
        })),
      ],
    },
    small: 1_500,
    says: /root file system of n0/,
  },
  "nodes x nodes of HA": {
    tool: "cluster_health",
    lists: {
      "/cluster/resources": (rows) => seq(rows, (at) => host(at, "offline")),
      "/cluster/ha/status/current": (rows) =>
        seq(rows, (at) => ({ id: `lrm:${at}`, type: "lrm", node: `x${at}`, status: "x", timestamp: 1 })),
    },
    small: 4_000,
    says: /node n0\toffline/,
  },
  "storages of backup jobs x permissions": {
    tool: "cluster_health",
    lists: {
      "/cluster/resources": () => [pve1],
      "/cluster/backup": (rows) => seq(rows, (at) => job(`j${at}`, { storage: `s${at}`, all: 1 })),
      "/access/permissions": (rows) => ({
        "/": { "Datastore.AllocateSpace": 1 },
        "/vms": { "VM.Backup": 1 },
        ...Object.fromEntries(seq(rows, (at) => [`/vms/${at}`, { "VM.Backup": 1 }])),
        "/vms/last": {},
      }),
    },
    says: /backups on s0 \(the token lacks Datastore.Allocate/,
  },
  "one node in many rows x one storage in many rows": {
    tool: "cluster_health",
    lists: {
      "/cluster/resources": (rows) => [
        ...seq(rows, (at) => ({ ...pve1, id: `node/${at}` })),
        ...seq(rows, (at) => ({
          ...{ type: "storage", id: `storage/${at}`, node: "pve1", storage: "s" },
          ...{ status: "available", disk: 1, maxdisk: 2, plugintype: "dir" },
        })),
      ],
      "/cluster/backup": () => [job("j", { all: 1 })],
      "/nodes/pve1/storage/s/content": () => [],
    },
    says: /1 node/,
  },
  "guests x the guests that a call names, of which none is protected": {
    tool: "proxmox_api_call",
    args: (rows) => stopAll(seq(rows, (at) => at + 100)),
    lists: { "/cluster/resources": (rows) => [pve1, ...seq(rows, guest)], "/nodes/pve1/stopall": () => null },
    policy: { access: "full", protect: ["tag:x"] },
    small: 4_000,
    says: /"data":null/,
  },
  "guests x the same guest again and again": {
    tool: "proxmox_api_call",
    args: (rows) => stopAll(seq(rows, () => rows + 99)),
    lists: { "/cluster/resources": (rows) => [pve1, ...seq(rows, guest)], "/nodes/pve1/stopall": () => null },
    policy: { access: "full", protect: ["tag:x"] },
    says: /"data":null/,
  },
  "guests x pools that a call names": {
    tool: "proxmox_api_call",
    args: (rows) => ({
      ...{ cluster: "alpha", method: "POST", path: "/nodes/pve1/vzdump" },
      data: { pool: seq(rows, (at) => `p${at}`).join() },
    }),
    lists: { "/cluster/resources": (rows) => [pve1, ...seq(rows, (at) => ({ ...guest(at), pool: `q${at}` }))] },
    policy: { access: "full", protect: ["tag:x"] },
    says: /pool is of the wrong form/,
  },
  "guests x owners of a storage's volumes": {
    tool: "proxmox_api_call",
    args: () => ({ cluster: "alpha", method: "DELETE", path: "/storage/backups" }),
    lists: {
      "/cluster/resources": (rows) => [pve1, ...seq(rows, guest)],
      "/nodes/pve1/storage/backups/content": volumes,
      "/nodes/pve2/storage/backups/content": volumes,
    },
    small: 4_000,
    says: /disks of 3 guests/,
  },
  "ACL entries x groups of a user that is enabled": {
    tool: "proxmox_api_call",
    args: () => ({ cluster: "alpha", method: "PUT", path: "/access/users/audit@pve", data: { enable: 1 } }),
    lists: { "/access/users/audit@pve": userInGroups, "/access/acl": aclEntries },
    small: 2_000,
    says: /needs a code that a human reads/,
  },
  "ACL entries x groups of a user that gets rights": {
    tool: "proxmox_api_call",
    args: () => ({
      ...{ cluster: "alpha", method: "PUT", path: "/access/acl" },
      data: { path: "/vms", users: "audit@pve", roles: "PVEVMAdmin" },
    }),
    lists: { "/access/users/audit@pve": userInGroups, "/access/acl": aclEntries },
    says: /gives PVEVMAdmin to user audit@pve/,
  },
};

/** How many rows the smaller answer has; the larger has ten times as many. */
const few = 1_000;

/** The most that ten times as many rows may cost: some of it is sorting. What searches a list for each row costs 80 and more. */
const factor = 20;

describe("the rows of an answer", () => {
  test.each(Object.entries(calls))("%s", async (_, { tool, args = onAlpha, lists, policy = {}, small = few, says }) => {
    let bodies = new Map<string, string>();
    const read = new Set<string>();
    const { call } = toolsInProcess({
      policy,
      around: async (request, send) => {
        const path = decodeURIComponent(new URL(request.url).pathname).replace("/api2/json", "");
        const body = bodies.get(path);
        if (body === undefined) return await send(request);
        read.add(path);
        return new Response(body, { headers: { "content-type": "application/json;charset=UTF-8" } });
      },
    });
    const make = (rows: number) => ({
      answers: new Map(Object.entries(lists).map(([path, list]) => [path, JSON.stringify({ data: list(rows) })])),
      given: args(rows),
    });
    const run = async ({ answers, given }: ReturnType<typeof make>) => {
      bodies = answers;
      return await call(tool, given);
    };
    const three = make(3);
    expect((await run(three)).text).toMatch(says);
    const baseMs = await cheapestMs(() => run(three));
    expect([...read].sort()).toEqual(Object.keys(lists).sort());
    await expectLinear(make, run, { small, factor, baseMs });
  });
});
