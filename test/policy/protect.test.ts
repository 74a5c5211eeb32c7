import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { classify } from "../../src/policy/endpoint-classes/classify.ts";
import { affected, type Target } from "../../src/policy/targets.ts";
import type { Method } from "../../src/proxmox/message.ts";
import { parseParams } from "../../src/proxmox/params.ts";
import { parsePath } from "../../src/proxmox/path.ts";
import { httpClient, type McpClient } from "../support/clients.ts";
import { type ConfigFile, configFile } from "../support/config-file.ts";
import { type Product, startProduct } from "../support/product.ts";
import { type RawServer, reply, replyData, startRawServer } from "../support/raw-server.ts";
import { toolsInProcess } from "../support/tools.ts";

const guest = (vmid: number, name: string | undefined, node: string, more: Record<string, unknown> = {}) => ({
  id: `qemu/${vmid}`,
  type: "qemu",
  vmid,
  node,
  status: "running",
  ...(name !== undefined && { name }),
  ...more,
});

const guests = [
  guest(100, "web-01", "pve1", { tags: "Prod;web" }),
  guest(101, "db-01", "pve1", { pool: "infra" }),
  guest(102, "free", "pve2"),
  guest(103, "also-free", "pve2", { tags: "dev" }),
  guest(104, "deep", "pve2", { pool: "infra/db" }),
  guest(120, undefined, "pve3", { status: "unknown" }),
];

/** The permissions of a token that sees every guest, as Proxmox lists them: each path by itself, those without any left out. */
const all = { "/": { "VM.Audit": 1 }, "/vms": { "VM.Audit": 1 } };
let rights: Record<string, Record<string, number>> = all;
let listed: readonly unknown[] = guests;
let proxmox: RawServer;
let config: ConfigFile;
let product: Product;
let client: McpClient;

beforeAll(async () => {
  proxmox = await startRawServer((socket, request) => {
    const { target } = request;
    if (target.includes("/access/permissions")) return replyData(rights)(socket, request);
    if (target.includes("/status/current")) return replyData({ status: "stopped" })(socket, request);
    if (!target.includes("/cluster/resources")) return replyData(null)(socket, request);
    if (listed.length === 0) return reply(500, "no", '{"message":"no list today","data":null}')(socket, request);
    return replyData(listed)(socket, request);
  });
  const cluster = { url: proxmox.url, user: "mcp@pve", token_id: "agent", token_secret: "s", access: "full" };
  const entries = {
    vmid: ["vmid:200-299"],
    tag: ["tag:prod"],
    pool: ["pool:infra"],
    node: ["node:pve1"],
    name: ["name:db-*"],
  };
  config = await configFile({
    clusters: Object.fromEntries(Object.entries(entries).map(([name, protect]) => [name, { ...cluster, protect }])),
  });
  product = await startProduct(["--config", config.path]);
  client = await httpClient(product);
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await product.stop();
  await Promise.all([proxmox[Symbol.asyncDispose](), config[Symbol.asyncDispose]()]);
});

async function call(cluster: string, request: string, data: Record<string, unknown> = {}) {
  const [method, path] = request.split(" ");
  const before = proxmox.requests.length;
  const { text, isError } = await client.call("proxmox_api_call", { cluster, method, path, data });
  const own = ["/cluster/resources", "/access/permissions", "/version", "/apidoc.js"];
  const sent = proxmox.requests.slice(before).filter(({ target }) => !own.some((part) => target.includes(part)));
  return { text, isError, sent: sent.map(({ method: verb, target }) => `${verb} ${target}`) };
}

async function refuses(cluster: string, request: string, data: Record<string, unknown>, ...words: string[]) {
  const { text, isError, sent } = await call(cluster, request, data);
  expect({ request, isError, sent }).toEqual({ request, isError: true, sent: [] });
  for (const word of ["protect contains", `${config.path}, under ${cluster}`, ...words]) expect(text).toContain(word);
}

async function passes(cluster: string, request: string, data: Record<string, unknown> = {}) {
  const { isError, sent } = await call(cluster, request, data);
  expect({ request, isError, sent: sent.length }).toEqual({ request, isError: false, sent: 1 });
}

describe("a guest with a protected tag cannot be changed", () => {
  test.each([
    ["PUT /nodes/pve1/qemu/100/config", { memory: 512 }],
    ["PUT /nodes/pve1/qemu/100/config", { tags: "dev" }],
    ["POST /nodes/pve1/qemu/100/status/stop", {}],
    ["DELETE /nodes/pve1/qemu/100", {}],
    ["DELETE /guests/web-01", {}],
    ["DELETE /guests/100", {}],
    ["POST /nodes/pve1/qemu/100/snapshot", { snapname: "x" }],
    ["POST /nodes/pve1/qemu/100/migrate", { target: "pve2" }],
    ["POST /nodes/pve1/qemu/100/agent/exec", { command: "id" }],
    ["POST /nodes/pve1/qemu/100/brand-new", {}],
    ["POST /nodes/pve1/qemu", { vmid: 100, force: 1, archive: "local:backup/x" }],
    ["POST /nodes/pve2/qemu/102/clone", { newid: 100 }],
    ["PUT /nodes/pve2/qemu/102/config", { scsi1: "local-lvm:vm-100-disk-0" }],
    ["PUT /nodes/pve2/qemu/102/config", { scsi1: "nfs:100/copy.qcow2,discard=on" }],
    ["PUT /nodes/pve2/qemu/102/config", { scsi1: "vmdata:1,import-from=nfs:100/copy.qcow2" }],
    ["POST /nodes/pve2/qemu/102/move_disk", { disk: "scsi0", "target-vmid": 100 }],
    ["DELETE /nodes/pve2/storage/nfs/content/nfs:100/vm-100-disk-0.qcow2", {}],
    ["DELETE /nodes/pve2/storage/nfs/content/nfs:9000/base-9000-disk-0.raw/100/vm-100-disk-0.qcow2", {}],
    ["DELETE /nodes/pve2/storage/nfs/content/nfs:backup/vzdump-qemu-100-2026_01_01-00_00_00.vma.zst", {}],
    ["DELETE /nodes/pve2/storage/pbs/content/pbs:backup/vm/100/2026-01-01T00:00:00Z", {}],
    ["DELETE /nodes/pve2/storage/nfs/content/nfs:something-else", {}],
    ["DELETE /nodes/pve2/storage/nfs/prunebackups", { vmid: 100 }],
    ["DELETE /nodes/pve2/storage/nfs/prunebackups", {}],
    ["POST /nodes/pve1/stopall", {}],
    ["POST /nodes/pve1/stopall", { vms: "" }],
    ["POST /nodes/pve1/stopall", { vms: ", " }],
    ["POST /nodes/pve1/services/corosync/stop", {}],
    ["POST /nodes/pve1/firewall/rules", { type: "forward", action: "DROP" }],
    ["POST /nodes/pve1/migrateall", { target: "pve2" }],
    ["POST /nodes/pve1/migrateall", { target: "pve2", vms: "100" }],
    ["POST /nodes/pve1/suspendall", {}],
    ["POST /nodes/pve1/status", { command: "reboot" }],
    ["PUT /nodes/pve1/network", {}],
    ["PUT /nodes/pve1/disks/wipedisk", { disk: "/dev/sda" }],
    ["POST /cluster/bulk-action/guest/shutdown", {}],
    ["POST /cluster/bulk-action/guest/shutdown", { vms: [102, 100] }],
    ["POST /cluster/bulk-action/guest/shutdown", { vms: "" }],
    ["POST /cluster/backup", { vmid: "102,100" }],
    ["POST /cluster/backup", { all: 1, exclude: "102" }],
    ["POST /nodes/pve1/vzdump", { all: 1 }],
    ["POST /nodes/pve1/vzdump", { vmid: "102,100" }],
    ["POST /cluster/ha/resources", { sid: "vm:100" }],
    ["DELETE /cluster/ha/resources/vm:100", {}],
    ["DELETE /cluster/replication/100-0", {}],
    ["PUT /access/acl", { path: "/vms/100", roles: "PVEAdmin", users: "x@pve" }],
    ["PUT /cluster/firewall/options", { enable: 0 }],
    ["DELETE /storage/nfs", {}],
    ["DELETE /cluster/config/nodes/pve1", {}],
  ])("%s %p", async (request, data) => {
    await refuses("tag", request, data);
  });

  test("the refusal says which guest and which entry", async () => {
    await refuses("tag", "DELETE /guests/100", {}, '"tag:prod"', 'guest 100 "web-01"');
    await refuses("tag", "POST /nodes/pve1/stopall", {}, "one of the guests on node pve1");
  });

  test("others can, one by one and in bulk that leaves it out", async () => {
    await passes("tag", "DELETE /nodes/pve2/qemu/102");
    await passes("tag", "POST /nodes/pve2/stopall");
    await passes("tag", "POST /cluster/bulk-action/guest/shutdown", { vms: [102, 103] });
    await passes("tag", "POST /nodes/pve1/vzdump", { vmid: "102" });
    await passes("tag", "POST /cluster/backup", { vmid: "102" });
    await passes("tag", "POST /nodes/pve2/qemu", { vmid: 500 });
    await passes("tag", "GET /nodes/pve1/qemu/100/config");
  });
});

test("guest_power, which finds its guests itself, finds no way around", async () => {
  const before = proxmox.requests.length;
  for (const [cluster, guest] of [
    ["tag", "web-01"],
    ["name", 101],
    ["pool", "DB-01"],
    ["tag", 120],
  ] as const) {
    const { text, isError } = await client.call("guest_power", { cluster, guest, action: "start" });
    expect({ guest, isError }).toEqual({ guest, isError: true });
    expect(text).toContain("protect contains");
  }
  expect(proxmox.requests.slice(before).filter(({ method }) => method !== "GET")).toEqual([]);
});

test("each kind of entry holds for what it names", async () => {
  await refuses("vmid", "PUT /nodes/pve1/qemu/250/config", {}, '"vmid:200-299"', "guest 250");
  await refuses("vmid", "POST /nodes/pve1/qemu", { vmid: 299 }, "guest 299");
  await passes("vmid", "DELETE /nodes/pve1/qemu/300");
  await passes("vmid", "DELETE /nodes/pve3/qemu/120");
  await refuses("name", "DELETE /guests/101", {}, '"name:db-*"', 'guest 101 "db-01"');
  await passes("name", "DELETE /guests/100");
  await refuses("pool", "DELETE /guests/101", {}, '"pool:infra"');
  await refuses("node", "DELETE /guests/100", {}, '"node:pve1"');
  await refuses("node", "POST /nodes/pve1/qemu", { vmid: 500 }, "node pve1");
  await refuses("node", "POST /nodes/pve1/apt/update", {}, "node pve1");
  await refuses("node", "POST /nodes/pve2/qemu/102/migrate", { target: "pve1" }, "node pve1");
  await refuses("node", "POST /nodes/pve2/qemu/102/clone", { newid: 500, target: "pve1" }, "node pve1");
  await refuses("node", "POST /cluster/ha/resources/vm:102/migrate", { node: "pve1" }, "node pve1");
  await refuses("node", "POST /cluster/replication", { id: "102-0", type: "local", target: "pve1" }, "node pve1");
  await refuses("pool", "POST /nodes/pve2/qemu", { vmid: 500, pool: "infra" }, "pool infra");
  await refuses("pool", "POST /nodes/pve2/qemu/102/clone", { newid: 500, pool: "infra/db" }, "pool infra/db");
  await refuses("pool", "PUT /nodes/pve2/qemu/104/config", { memory: 512 }, '"pool:infra"', 'guest 104 "deep"');
  await refuses("pool", "PUT /access/acl", { path: "/pool/infra", roles: "PVEAdmin", users: "x@pve" });
  await passes("node", "DELETE /guests/102");
  await passes("node", "POST /nodes/pve2/apt/update");
});

describe("a change that would take a guest out of protection is refused:", () => {
  test.each([
    ["tag", "PUT /nodes/pve1/qemu/100/config", { tags: "" }],
    ["tag", "PUT /nodes/pve1/qemu/100/config", { delete: "tags" }],
    ["name", "PUT /nodes/pve1/qemu/101/config", { name: "x" }],
    ["pool", "PUT /pools/infra", { vms: "101", delete: 1 }],
    ["pool", "PUT /pools", { poolid: "infra", vms: "101", delete: 1 }],
    ["pool", "PUT /pools", { poolid: "other", vms: "101", "allow-move": 1 }],
    ["pool", "DELETE /pools/infra", {}],
    ["node", "POST /nodes/pve1/qemu/100/migrate", { target: "pve2" }],
    ["node", "POST /nodes/pve1/migrateall", { target: "pve2" }],
  ])("%s: %s %p", async (cluster, request, data) => {
    await refuses(cluster, request, data);
  });
});

describe("what cannot be told counts as protected:", () => {
  test.each(["tag", "pool", "name"])("a guest of an offline node, by %s", async (cluster) => {
    await refuses(cluster, "POST /nodes/pve3/qemu/120/status/start", {}, "node pve3 is not reporting");
    await refuses(cluster, "POST /nodes/pve3/startall", {}, "Unknown counts as protected");
  });

  test("a guest that the token does not see", async () => {
    await refuses("tag", "DELETE /nodes/pve2/qemu/777", {}, "the token has no VM.Audit on it");
    await refuses("tag", "POST /nodes/pve2/qemu", { vmid: 777, force: 1 }, "the token has no VM.Audit on it");
  });

  test.each<[why: string, held: Record<string, Record<string, number>>]>([
    ["on one guest", { ...all, "/vms/104": { "VM.Console": 1 } }],
    ["below /vms", { ...all, "/vms": { "VM.Audit": 0 } }],
    ["below /", { "/": { "VM.Audit": 0 } }],
    ["on /vms, where NoAccess overrides what / grants", { "/": { "VM.Audit": 1 } }],
  ])("all guests when the token lacks VM.Audit %s", async (_, held) => {
    rights = held;
    await refuses("tag", "POST /nodes/pve2/stopall", {}, "VM.Audit on /vms");
    rights = all;
  });

  test("everybody when the list cannot be read", async () => {
    listed = [];
    await refuses("tag", "DELETE /nodes/pve2/qemu/102", {}, "no list today");
    await passes("vmid", "DELETE /nodes/pve2/qemu/102");
    listed = guests;
  });

  test("an endpoint that this server does not know, of nobody in particular", async () => {
    await refuses("tag", "POST /cluster/brand-new", {}, "does not say which guests it affects");
  });
});

test.each([
  ["PUT /access/users/x@pve", {}, []],
  ["POST /nodes/n/storage/s/upload", {}, [{ type: "node", node: "n" }]],
  ["DELETE /nodes/n/storage/s/content/s:iso/x.iso", {}, [{ type: "node", node: "n" }]],
  // Each time it is asked.
  ["DELETE /nodes/n/storage/s/content/s:iso/x.iso", {}, [{ type: "node", node: "n" }]],
  ["GET /nodes/n/qemu/100/config", {}, []],
  [
    "POST /nodes/n/vzdump",
    { pool: "p" },
    [
      { type: "node", node: "n" },
      { type: "guests-of-pool", pool: "p" },
    ],
  ],
  [
    "DELETE /nodes/n/tasks/UPID:n:000001CB:0006E988:6B02C95B:qmdestroy:103:mcp@pve!tok:",
    {},
    [
      { type: "node", node: "n" },
      { type: "guest", vmid: "103" },
    ],
  ],
  ["PUT /nodes/n/qemu/0100/config", {}, [{ type: "guest", vmid: "100" }]],
  ["PUT /nodes/n/qemu/{vmid}/config", {}, [{ type: "unknown" }]],
  ["POST /cluster/config/join", {}, [{ type: "unknown" }]],
] as const)("%s %p is about %p", (text, data, wanted) => {
  const [method, path = ""] = text.split(" ");
  const request = { method: method as Method, path: parsePath(path), params: parseParams(data) };
  expect(affected(request, classify(request))).toEqual(wanted as unknown as Target[]);
});

test("what is too long for a human to read is refused before anything is looked up for it", async () => {
  const requests: string[] = [];
  const { call } = toolsInProcess({
    policy: { protect: ["tag:prod"] },
    around: async (request, send) => {
      requests.push(new URL(request.url).pathname);
      return await send(request);
    },
  });
  const vms = Array.from({ length: 3_000 }, (_, at) => at + 100).join();
  const args = { cluster: "alpha", method: "POST", path: "/nodes/pve1/stopall", data: { vms } };
  expect((await call("proxmox_api_call", args)).text).toContain('the parameter "vms" has 14101 characters');
  expect(requests).toEqual([]);
});
