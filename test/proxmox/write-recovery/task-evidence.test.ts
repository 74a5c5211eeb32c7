import { expect, test } from "bun:test";
import type { Method } from "../../../src/proxmox/message.ts";
import type { Params } from "../../../src/proxmox/params.ts";
import { parsePath } from "../../../src/proxmox/path.ts";
import type { ListedTask } from "../../../src/proxmox/tasks/task-log.ts";
import { taskStartedBy } from "../../../src/proxmox/tasks/task-types.ts";
import { parseUpid, workerOf } from "../../../src/proxmox/tasks/upid.ts";
import { type Ownership, ownershipOf, updateMessage } from "../../../src/proxmox/write-recovery/task-evidence.ts";
import life from "../../recordings/alpha-life.json" with { type: "json" };

/** What the node answers to reads beside the task's log, by path. */
type Answers = Readonly<Record<string, unknown>>;

async function judge(
  line: string,
  params: Params,
  upid: string,
  log: readonly string[],
  { exitstatus, answers = {} }: { exitstatus?: string; answers?: Answers } = {},
): Promise<Ownership> {
  const [method, path = ""] = line.split(" ");
  const started = taskStartedBy({ method: method as Method, path: parsePath(path), params });
  const [parts, worker] = [parseUpid(upid), workerOf(upid)];
  if (started === undefined || parts === undefined || worker === undefined) throw new Error(line);
  expect(started.types).toContain(parts.type);
  const task: ListedTask = { ...parts, upid, pid: worker.pid, exitstatus };
  return await ownershipOf(task, started, async (of) => {
    const where = `/${of.join("/")}`;
    if (where.endsWith("/log") && where.includes("/tasks/")) return log.map((t, index) => ({ n: index + 1, t }));
    return answers[where];
  });
}

const upidOf = (type: string, id: string) => `UPID:pve1:000023ED:000783D9:6B09DE76:${type}:${id}:mcp@pve!tok:`;
const started = 0x6b_09_de_76;

test("what each recorded log shows of its own request", async () => {
  const logs = new Map<string, string[]>();
  for (const { request, response } of life) {
    const [, upid] = /\/tasks\/([^/]+)\/log$/.exec(request.path) ?? [];
    if (upid !== undefined) logs.set(decodeURIComponent(upid), linesOf(response.body));
  }
  const found: string[] = [];
  for (const { request, response } of life) {
    const upid = String((response.body as { data?: unknown } | undefined)?.data);
    const log = logs.get(upid);
    if (request.method === "GET" || log === undefined) continue;
    const params = { ...(request.query as object), ...(request.form as object) } as Params;
    const exitstatus = (log.at(-1) ?? "").replace(/^TASK (?:ERROR: )?/, "");
    const whose = await judge(`${request.method} ${request.path}`, params, upid, log, { exitstatus });
    found.push(`${parseUpid(upid)?.type}: ${whose}`);
  }
  expect(found).toMatchInlineSnapshot(`
    [
      "qmstart: equal",
      "qmstart: equal",
      "qmpause: equal",
      "qmresume: equal",
      "qmstop: equal",
      "qmstart: equal",
      "qmcreate: unclear",
      "qmsnapshot: unclear",
      "resize: unclear",
      "qmrollback: own",
      "qmdelsnapshot: own",
      "qmclone: own",
      "qmigrate: own",
      "qmdestroy: equal",
      "qmdestroy: equal",
      "vzdump: own",
    ]
  `);
});

/** Logs as recorded on 9.2 and 8.4; each with a request that it is, and others that it is not. */
const logs: [name: string, upid: string, lines: string[], own: [string, Params], foreign: [string, Params][]][] = [
  [
    "a clone on 9.2",
    upidOf("qmclone", "170"),
    ["creating a clone of VM 170 with ID 175", "create full clone of drive scsi0 (vmdata:170/vm-170-disk-0.qcow2)"],
    ["POST /nodes/pve1/qemu/170/clone", { newid: 175, name: "rec-175" }],
    [["POST /nodes/pve1/qemu/170/clone", { newid: 176 }]],
  ],
  [
    "a full clone on 8.4",
    upidOf("qmclone", "190"),
    [
      "create full clone of drive scsi0 (local:190/vm-190-disk-0.qcow2)",
      "Formatting '/var/lib/vz/images/192/vm-192-disk-0.qcow2', fmt=qcow2 cluster_size=65536",
    ],
    ["POST /nodes/pve1/qemu/190/clone", { newid: 192 }],
    [["POST /nodes/pve1/qemu/190/clone", { newid: 193 }]],
  ],
  [
    "a linked clone on 8.4",
    upidOf("qmclone", "190"),
    [
      "create linked clone of drive scsi0 (local:190/base-190-disk-0.qcow2)",
      "clone 190/base-190-disk-0.qcow2: images, vm-193-disk-0.qcow2, 193 to vm-193-disk-0.qcow2 (base=../190/base-190-disk-0.qcow2)",
    ],
    ["POST /nodes/pve1/qemu/190/clone", { newid: 193 }],
    [["POST /nodes/pve1/qemu/190/clone", { newid: 192 }]],
  ],
  [
    "a migration",
    upidOf("qmigrate", "151"),
    ["2026-11-22 10:52:20 starting migration of VM 151 to node 'pve2' (192.0.2.12)"],
    ["POST /nodes/pve1/qemu/151/migrate", { target: "pve2", online: true }],
    [["POST /nodes/pve1/qemu/151/migrate", { target: "pve3" }]],
  ],
  [
    "a migration under high availability",
    upidOf("hamigrate", "172"),
    ["Requesting HA migration for VM 172 to node pve2", "TASK OK"],
    ["POST /nodes/pve1/qemu/172/migrate", { target: "pve2" }],
    [["POST /nodes/pve1/qemu/172/migrate", { target: "pve22" }]],
  ],
  [
    "a change in the background",
    upidOf("qmconfig", "172"),
    ["update VM 172: -bios seabios -cores 2 -memory 80", "TASK OK"],
    ["POST /nodes/pve1/qemu/172/config", { memory: "80", cores: 2, bios: "seabios" }],
    [
      ["POST /nodes/pve1/qemu/172/config", { memory: "80", cores: 2 }],
      ["POST /nodes/pve1/qemu/172/config", { memory: "81", cores: 2, bios: "seabios" }],
    ],
  ],
  [
    "a backup of several guests",
    upidOf("vzdump", ""),
    [
      "INFO: starting new backup job: vzdump 171 106 102 --mode stop --storage backups --remove 0 --node pve1 --compress zstd --notes-template '{{guestname}} by rec'",
    ],
    [
      "POST /nodes/pve1/vzdump",
      {
        vmid: "171,106,102",
        storage: "backups",
        mode: "stop",
        compress: "zstd",
        remove: 0,
        "notes-template": "{{guestname}} by rec",
      },
    ],
    [
      ["POST /nodes/pve1/vzdump", { vmid: "171,106,102", storage: "backups", mode: "stop", compress: "zstd" }],
      ["POST /nodes/pve1/vzdump", { vmid: "171,106", storage: "backups", mode: "stop", compress: "zstd", remove: 0 }],
    ],
  ],
  [
    "the removal of a volume",
    upidOf("imgdel", "171@backups"),
    ["Removed volume 'backups:backup/vzdump-lxc-171-2026_11_27-19_52_21.tar.zst'", "TASK OK"],
    ["DELETE /nodes/pve1/storage/backups/content/backups:backup%2Fvzdump-lxc-171-2026_11_27-19_52_21.tar.zst", {}],
    [["DELETE /nodes/pve1/storage/backups/content/backups:backup%2Fvzdump-lxc-171-2026_11_27-19_52_26.tar.zst", {}]],
  ],
  [
    "the removal of a protected backup",
    upidOf("imgdel", "171@backups"),
    ["TASK ERROR: cannot remove protected volume 'backup/vzdump-lxc-171-2026_11_27-19_52_21.tar.zst' on 'backups'"],
    ["DELETE /nodes/pve1/storage/backups/content/backups:backup%2Fvzdump-lxc-171-2026_11_27-19_52_21.tar.zst", {}],
    [],
  ],
  [
    "a snapshot whose name is taken",
    upidOf("qmsnapshot", "190"),
    ["TASK ERROR: snapshot name 'one' already used"],
    ["POST /nodes/pve1/qemu/190/snapshot", { snapname: "one" }],
    [["POST /nodes/pve1/qemu/190/snapshot", { snapname: "two" }]],
  ],
  [
    "the deletion of a snapshot that does not exist",
    upidOf("qmdelsnapshot", "190"),
    ["TASK ERROR: snapshot 'one' does not exist"],
    ["DELETE /nodes/pve1/qemu/190/snapshot/one", {}],
    [["DELETE /nodes/pve1/qemu/190/snapshot/two", {}]],
  ],
  [
    "a disk that is moved",
    upidOf("qmmove", "170"),
    [
      "create full clone of drive scsi0 (vmdata:170/vm-170-disk-0.qcow2)",
      "allocated target volume 'local:170/vm-170-disk-1.qcow2'",
    ],
    ["POST /nodes/pve1/qemu/170/move_disk", { disk: "scsi0", storage: "local" }],
    [
      ["POST /nodes/pve1/qemu/170/move_disk", { disk: "scsi1", storage: "local" }],
      ["POST /nodes/pve1/qemu/170/move_disk", { disk: "scsi0", storage: "tank" }],
    ],
  ],
  [
    "a resize of a disk that does not exist",
    upidOf("resize", "190"),
    ["trying to acquire lock...", " OK", "TASK ERROR: disk 'scsi9' does not exist"],
    ["PUT /nodes/pve1/qemu/190/resize", { disk: "scsi9", size: "+1G" }],
    [["PUT /nodes/pve1/qemu/190/resize", { disk: "scsi0", size: "+1G" }]],
  ],
];

test.each(logs)("%s is told from others by its log", async (_, upid, lines, [line, params], foreign) => {
  expect(await judge(line, params, upid, lines, { exitstatus: "OK" })).toBe("own");
  for (const [other, more] of foreign)
    expect(await judge(other, more, upid, lines, { exitstatus: "OK" })).toBe("foreign");
  // Nothing was written yet, and then nothing ever was.
  expect(await judge(line, params, upid, [])).toBe("pending");
  expect(await judge(line, params, upid, [], { exitstatus: "OK" })).toBe("unclear");
});

test("a snapshot that no log names is dated by the list", async () => {
  const take: [string, Params] = ["POST /nodes/pve1/qemu/104/snapshot", { snapname: "one", description: "mine" }];
  const upid = upidOf("qmsnapshot", "104");
  const with_ = async (...rows: object[]) =>
    await judge(...take, upid, [], { exitstatus: "OK", answers: { "/nodes/pve1/qemu/104/snapshot": rows } });
  const one = { name: "one", snaptime: started + 1, description: "mine\n" };
  const two = { name: "two", snaptime: started + 1 };
  const current = { name: "current" };
  expect(await with_(one, current)).toBe("own");
  expect(await with_(two, current)).toBe("foreign");
  expect(await with_(one, two)).toBe("unclear");
  expect(await with_({ ...one, snaptime: started - 60 }, current)).toBe("unclear");
  expect(await with_({ ...one, description: "theirs" }, current)).toBe("unclear");
});

test("an entry of the cluster log is a task's own only by its process, node and user", async () => {
  const upid = upidOf("qmsnapshot", "104");
  const take: [string, Params] = ["POST /nodes/pve1/qemu/104/snapshot", { snapname: "one" }];
  const entry = { node: "pve1", pid: 0x23ed, user: "mcp@pve!tok", time: started, msg: "snapshot VM 104: one" };
  const with_ = async (more: object) =>
    await judge(...take, upid, [], { exitstatus: "OK", answers: { "/cluster/log": [{ ...entry, ...more }] } });
  expect(await with_({})).toBe("own");
  expect(await with_({ msg: "snapshot VM 104: one-more" })).toBe("foreign");
  for (const other of [
    { pid: 1 },
    { node: "pve2" },
    { user: "root@pam" },
    { time: started - 1 },
    { msg: "end task" },
  ]) {
    expect(await with_(other)).toBe("unclear");
  }
});

test("a new guest is its own when it is the one that was described", async () => {
  const upid = upidOf("qmcreate", "150");
  const config = {
    name: "rec-150",
    memory: "512",
    scsi0: "vmdata:150/vm-150-disk-0.raw,size=1G",
    net0: "virtio=BC:24:11:5A:00:01,bridge=vmbr0",
  };
  const of = async (params: Params, exitstatus?: string) => {
    const answers = { "/nodes/pve1/qemu/150/config": config };
    const options = { answers, ...(exitstatus !== undefined && { exitstatus }) };
    return await judge("POST /nodes/pve1/qemu", { vmid: 150, ...params }, upid, ["restore from backup-1.vma"], options);
  };
  const asked = { name: "rec-150", memory: 512, scsi0: "vmdata:1", net0: "virtio,bridge=vmbr0" };
  expect(await of(asked, "OK")).toBe("own");
  expect(await of({ ...asked, start: true })).toBe("own");
  expect(await of({ ...asked, name: "other" }, "OK")).toBe("foreign");
  expect(await of({ ...asked, name: "other" })).toBe("pending");
  expect(await of({}, "OK")).toBe("equal");
  expect(await of({ pool: "prod" }, "OK")).toBe("unclear");
  expect(await of({ archive: "local:backup/backup-1.vma" }, "OK")).toBe("own");
  expect(await of({ archive: "local:backup/backup-2.vma" }, "OK")).toBe("unclear");
});

test("a stop under high availability may be a shutdown: both start the same task", async () => {
  const stop: [string, Params] = ["POST /nodes/pve1/qemu/172/status/stop", {}];
  expect(await judge(...stop, upidOf("hastop", "172"), ["Requesting HA stop for VM 172"])).toBe("unclear");
  expect(await judge(...stop, upidOf("qmstop", "172"), [])).toBe("equal");
});

test("a download is its own when the volume is there since it began", async () => {
  const url = "https://example.org/x.iso";
  const get: [string, Params] = [
    "POST /nodes/pve1/storage/local/download-url",
    { url, filename: "x.iso", content: "iso" },
  ];
  const lines = [`downloading ${url} to /var/lib/vz/template/iso/x.iso`];
  const of = async (log: string[], ctime: number) => {
    const answers = { "/nodes/pve1/storage/local/content": [{ volid: "local:iso/x.iso", ctime }] };
    return await judge(...get, upidOf("download", "x.iso"), log, { exitstatus: "OK", answers });
  };
  expect(await of(lines, started + 5)).toBe("own");
  expect(await of(lines, started - 5)).toBe("unclear");
  expect(await of(["downloading https://example.org/y.iso to /var/lib/vz/template/iso/x.iso"], started)).toBe(
    "foreign",
  );
});

test("the cluster log's words for a change are known to the letter, or not at all", () => {
  const words = (params: Params) => updateMessage({ vmid: 172, ...params });
  expect(words({ sockets: 1, cores: 2, digest: "x" })).toBe("update VM 172: -cores 2 -sockets 1");
  expect(words({ onboot: true, delete: "net1", cipassword: "secret" })).toBe(
    "update VM 172: -cipassword <hidden> -delete net1 -onboot 1",
  );
  for (const unclear of [{ tags: ["a", "b"] }, { description: "two\nlines" }, { name: "größe" }, { description: "" }]) {
    expect(words(unclear)).toBeUndefined();
  }
});

function linesOf(body: unknown): string[] {
  const rows = (body as { data?: { t?: string }[] } | undefined)?.data ?? [];
  return rows.map(({ t = "" }) => t);
}
