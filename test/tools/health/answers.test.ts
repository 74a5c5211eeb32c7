import { describe, expect, spyOn, test } from "bun:test";
import type { DemoCluster } from "../../../src/simulator/index.ts";
import { maxPauseLength } from "../../../src/tools/health/backup-jobs.ts";
import { ceph } from "../../../src/tools/health/detectors/ceph.ts";
import { healthOf, healthyDemo, instead, membersOf } from "./fleet.ts";

/** What is said of a healthy beta that answers one path with this; each row without its cluster. */
async function rowsWith(path: string, data: unknown, columns = 5): Promise<string[]> {
  const { beta } = healthyDemo();
  const [member] = membersOf([beta]);
  const text = await healthOf([instead(member, { [path]: () => Response.json({ data }) })]);
  return text
    .split("\n")
    .slice(2)
    .map((line) => line.split("\t").slice(2, columns).join(" | "));
}

const now = () => Math.floor(Date.now() / 1000);
const day = 86_400;
const service = { id: "service:vm:100", type: "service", sid: "vm:100", node: "bpve" };
const host = { type: "node", id: "node/bpve", node: "bpve", status: "online", disk: 10, maxdisk: 100 };

describe("cluster_health understands", () => {
  test("a node that sends no figures", async () => {
    expect(await rowsWith("/cluster/resources", [{ ...host, status: "unknown" }])).toContain(
      "node bpve | answers, but sends no figures | ",
    );
  });

  test("a root file system that fills up, once where a directory on it shows the same", async () => {
    const full = { ...host, disk: 96, maxdisk: 100 };
    const local = { type: "storage", id: "storage/bpve/local", storage: "local", node: "bpve", status: "available" };
    expect(await rowsWith("/cluster/resources", [full])).toContain("root file system of bpve | 96.0% of 100 B used | ");
    const rows = await rowsWith("/cluster/resources", [full, { ...local, plugintype: "dir", disk: 96, maxdisk: 100 }]);
    expect(rows.filter((row) => row.includes("96.0%"))).toEqual(["storage local on bpve | 96.0% of 100 B used | "]);
    const other = { ...local, plugintype: "dir", disk: 10, maxdisk: 100 };
    expect(await rowsWith("/cluster/resources", [full, other])).toContain(
      "root file system of bpve | 96.0% of 100 B used | ",
    );
  });

  test.each([
    ["fence", "its node is being fenced"],
    ["recovery", "waits for a node that can take it over"],
  ])("a guest of HA in the state %s", async (state, what) => {
    const rows = await rowsWith("/cluster/ha/status/current", [{ ...service, state, crm_state: state }]);
    expect(rows).toEqual([`HA vm:100 on bpve | ${what} | `]);
  });

  test("HA that is disarmed, and a node on which it does not run", async () => {
    const fencing = { id: "fencing", type: "fencing", node: "bpve", "armed-state": "disarmed" };
    const own = { id: "lrm:bpve", type: "lrm", node: "bpve", timestamp: now() - 600 };
    const started = { ...service, state: "started", crm_state: "started" };
    expect(await rowsWith("/cluster/ha/status/current", [fencing, own, started])).toEqual([
      "HA on bpve | not running | 10m ago",
      "HA | disarmed: no guest is restarted elsewhere | ",
    ]);
    const unread = { id: "lrm:bpve", type: "lrm", node: "bpve", status: "bpve (unable to read lrm status)" };
    expect(await rowsWith("/cluster/ha/status/current", [unread, started])).toEqual(["HA on bpve | not running | "]);
    // Nothing is lost where HA has no guests.
    expect(await rowsWith("/cluster/ha/status/current", [fencing, own])).toEqual([]);
  });

  test("an authority and an uploaded certificate that end", async () => {
    const rows = await rowsWith("/nodes/bpve/certificates/info", [
      { filename: "pve-root-ca.pem", fingerprint: "A", notafter: now() - 3 * day },
      { filename: "pveproxy-ssl.pem", fingerprint: "B", notafter: now() + 20 * day + 60 },
    ]);
    expect(rows).toEqual([
      "certificate pve-root-ca.pem of bpve | has ended | 3d ago",
      "certificate pveproxy-ssl.pem of bpve | ends in 20d and was not renewed | ",
    ]);
  });

  test("a certificate of some weeks, once a third of its life is well over", async () => {
    const path = "/nodes/bpve/certificates/info";
    const of = (left: number) => [
      {
        filename: "pveproxy-ssl.pem",
        fingerprint: "A",
        notbefore: now() - (45 - left) * day,
        notafter: now() + left * day + 60,
      },
    ];
    expect(await rowsWith(path, of(14))).toEqual([]);
    expect(await rowsWith(path, of(10))).toEqual([
      "certificate pveproxy-ssl.pem of bpve | ends in 10d and was not renewed | ",
    ]);
  });

  test("memory by what is available where that is told, and nothing of a node that has just booted", async () => {
    const rows = (count: number, more: object) =>
      Array.from({ length: count }, (_, minute) => ({ time: minute * 60, memused: 98, memtotal: 100, ...more }));
    const path = "/nodes/bpve/rrddata";
    expect(await rowsWith(path, rows(60, {}))).toEqual([
      "node bpve | memory 98% used over the last hour, with 2 running guests | ",
    ]);
    expect(await rowsWith(path, rows(60, { memavailable: 40 }))).toEqual([]);
    expect(await rowsWith(path, rows(5, {}))).toEqual([]);
  });

  test("a manager of HA that fell silent, and a state that it has no words for", async () => {
    const master = { id: "master", type: "master", node: "bpve", status: "bpve (old timestamp - dead?)" };
    const rows = [
      { ...master, timestamp: now() - 7200 },
      { ...service, state: "started", crm_state: "constructor" },
    ];
    expect(await rowsWith("/cluster/ha/status/current", rows)).toEqual([
      "HA | its manager, last on bpve, is silent: no guest is restarted elsewhere | 2h ago",
    ]);
  });

  test("what is null as not told", async () => {
    const disk = { devpath: "/dev/sda", health: "PASSED", wearout: null, model: null };
    const { beta } = healthyDemo();
    const answers = { "/nodes/bpve/disks/list": () => Response.json({ data: [disk] }) };
    expect(await healthOf([instead(membersOf([beta])[0], answers)])).toStartWith("All well: beta");
  });

  test("a list in which single values are odd, by the others", async () => {
    const odd = { type: "storage", id: "storage/bpve/odd", storage: { a: 1 }, node: "bpve", disk: [], template: "" };
    const local = { ...odd, storage: "local", disk: "96", maxdisk: 100, status: "available", shared: null };
    expect(await rowsWith("/cluster/resources", [host, odd, local])).toContain(
      "storage local on bpve | 96.0% of 100 B used | ",
    );
  });

  test("a storage that fills up by what that means for its type", async () => {
    const row = { type: "storage", storage: "big", node: "bpve", status: "available", disk: 96, maxdisk: 100 };
    const said = async (plugintype: string) =>
      (await rowsWith("/cluster/resources", [host, { ...row, id: "storage/bpve/big", plugintype }], 6)).find((line) =>
        line.includes("storage big on bpve"),
      );
    expect(await said("lvm")).toEndWith(
      "Add space before new disks or snapshots are wanted; those that there are have theirs already.",
    );
    expect(await said("pbs")).toEndWith(
      "Prune old backups and collect garbage on the backup server: when it is full, backups fail.",
    );
    expect(await said("nfs")).toEndWith("writes fail when it is full, and guests stop.");
  });

  test("guests that wait for HA where no node is its manager, and one that is nowhere", async () => {
    const { node: _, ...nowhere } = service;
    const rows = [
      { ...service, state: "queued" },
      { ...nowhere, sid: "vm:105", state: "error", crm_state: "error" },
    ];
    expect(await rowsWith("/cluster/ha/status/current", rows)).toEqual([
      "HA vm:105 | HA gave up on it (error) and leaves it alone | ",
      "HA | guests wait for it (queued), and no node is its manager | ",
    ]);
    const master = { id: "master", type: "master", node: "bpve", timestamp: now() };
    expect(await rowsWith("/cluster/ha/status/current", [master, { ...service, state: "queued" }])).toEqual([]);
  });

  test("replication that is off, and one that does not run", async () => {
    const job = { id: "100-0", guest: 100, target: "other", last_sync: now() - 9 * day, last_try: now() - 9 * day };
    const path = "/nodes/bpve/replication";
    expect(await rowsWith(path, [{ ...job, disable: 1, fail_count: 3, error: "x" }])).toEqual([]);
    expect(await rowsWith(path, [{ ...job, next_sync: now() + 60 }])).toEqual([]);
    expect(await rowsWith(path, [{ ...job, next_sync: now() - 9 * day - 60 }])).toEqual([
      "replication 100-0 of 100 beta-vm | does not run: its sync to other is 9d late | 9d ago",
    ]);
  });

  test("memory that may be ZFS's cache, where nothing tells what is available", async () => {
    const rows = Array.from({ length: 60 }, (_, n) => ({ time: n * 60, memused: 98, memtotal: 100 }));
    const { beta } = healthyDemo();
    const answers = {
      "/nodes/bpve/rrddata": () => Response.json({ data: rows }),
      "/nodes/bpve/disks/zfs": () => Response.json({ data: [{ name: "rpool", health: "ONLINE" }] }),
    };
    expect(await healthOf([instead(membersOf([beta])[0], answers)])).toContain(
      "\nlater\tbeta\tnode bpve\tmemory 98% used over the last hour, ZFS's cache included, with 2 running guests\t",
    );
  });

  test("a disk whose SMART is off, or that is beyond its life", async () => {
    const disk = { devpath: "/dev/sda", health: "SMART Disabled", wearout: "N/A" };
    expect(await rowsWith("/nodes/bpve/disks/list", [disk, { ...disk, health: "" }])).toEqual([]);
    expect(await rowsWith("/nodes/bpve/disks/list", [{ ...disk, health: "PASSED", wearout: -20 }])).toEqual([
      "disk /dev/sda on bpve | 0% of its life is left | ",
    ]);
  });

  test("replication that runs, waits its turn, is new or is being removed", async () => {
    const job = { id: "100-0", guest: 100, target: "other", last_sync: now() - 9 * day, last_try: now() - 7200 };
    const late = { ...job, next_sync: now() - 7000 };
    const path = "/nodes/bpve/replication";
    expect(
      await rowsWith(path, [
        { ...late, pid: 1234 },
        { ...late, id: "105-0", guest: 105 },
      ]),
    ).toEqual([]);
    expect(await rowsWith(path, [{ ...late, next_sync: 1, remove_job: "full" }])).toEqual([]);
    expect(await rowsWith(path, [{ ...late, next_sync: 900, last_try: 0 }])).toEqual([]);
    // Nothing says when it is to run.
    expect(await rowsWith(path, [job, { ...job, id: "105-0", guest: 105, next_sync: 0 }])).toEqual([]);
  });

  test("memory without what ZFS's cache takes, where that is told", async () => {
    const rows = Array.from({ length: 60 }, (_, n) => {
      return { time: n * 60, memused: 96, memtotal: 100, memavailable: 4, arcsize: 50 };
    });
    expect(await rowsWith("/nodes/bpve/rrddata", rows)).toEqual([]);
  });

  test("Proxmox's own certificate as one that is renewed two weeks before its end", async () => {
    const path = "/nodes/bpve/certificates/info";
    const of = (left: number) => [{ filename: "pve-ssl.pem", fingerprint: "A", notafter: now() + left * day + 60 }];
    expect(await rowsWith(path, of(18))).toEqual([]);
    expect(await rowsWith(path, of(13))).toEqual([]);
    expect(await rowsWith(path, of(11))).toEqual([
      "certificate pve-ssl.pem of bpve | ends in 11d and was not renewed | ",
    ]);
  });

  test("guests in no job, where the jobs cannot be read", async () => {
    const { beta } = healthyDemo();
    const answers = {
      "/cluster/backup": () => new Response(null, { status: 500, statusText: "oops" }),
      "/cluster/backup-info/not-backed-up": () => Response.json({ data: [{ vmid: 100, name: "beta-vm" }] }),
    };
    const text = await healthOf([instead(membersOf([beta])[0], answers)]);
    expect(text).toContain("1 guest in no backup job: 100 beta-vm");
  });

  test("a disk that says nothing of its life as one that does not tell", async () => {
    expect(await rowsWith("/nodes/bpve/disks/list", [{ devpath: "/dev/sda", health: "PASSED", wearout: "" }])).toEqual(
      [],
    );
  });

  test("a quorum that is lost with every node in sight", async () => {
    const node = { type: "node", name: "bpve", online: 1 };
    expect(await rowsWith("/cluster/status", [{ type: "cluster", name: "beta", quorate: 0 }, node])).toEqual([
      "cluster | no quorum: 1 of 1 nodes in sight; reads go on, nothing can be changed or started | ",
    ]);
  });

  test("an answer that is no list of what there is as a cluster that cannot be looked at", async () => {
    expect(await rowsWith("/cluster/resources", { all: "well" })).toEqual([
      "cluster | cannot be looked at: the answer has an unknown form | ",
    ]);
  });

  test("numbers that come as text", async () => {
    expect(await rowsWith("/cluster/status", [{ type: "cluster", name: "beta", quorate: "0" }])).toHaveLength(1);
  });
});

test("a detector that fails over an answer costs its own findings only, and that is said", async () => {
  const { alpha, beta } = healthyDemo();
  for (const { faults } of [alpha, beta]) faults.ceph = { status: "HEALTH_ERR", checks: {} };
  using _ = spyOn(ceph, "find").mockImplementationOnce(() => {
    throw new TypeError("undefined is not\nan object");
  });
  const text = await healthOf(membersOf([alpha, beta]));
  expect(text).toContain("now\tbeta\tCeph\tHEALTH_ERR");
  expect(text).not.toContain("alpha\tCeph");
  expect(text).toEndWith(
    "Not looked at on alpha: Ceph (proxmox-mcp failed over what it read: TypeError: undefined is not an object).",
  );
});

describe("a guest that was never backed up", () => {
  const told = async (daysUp: number, arrange: (beta: DemoCluster) => void = () => undefined) => {
    const { beta } = healthyDemo();
    beta.world.jobs.splice(0, 1, { id: "w", vmid: "100,105,200", enabled: 1, schedule: "sat 02:00", storage: "local" });
    const volumes = beta.world.storages.get("local")?.volumes ?? [];
    const others = volumes.filter(({ row }) => row["vmid"] === 100);
    volumes.splice(0, volumes.length, ...others);
    const container = beta.world.guests.get(200);
    if (container?.run !== undefined) container.run = { ...container.run, since: Date.now() - daysUp * day * 1000 };
    arrange(beta);
    const rows = (await healthOf(membersOf([beta]))).split("\n").map((line) => line.split("\t"));
    return rows.flatMap(([urgency, , , what]) => (what?.includes("of backup jobs") ? `${urgency}: ${what}` : []));
  };

  test("counts at once where it runs for longer than its job takes to come round", async () => {
    expect(await told(9)).toEqual([
      "soon: 1 guest of backup jobs without a recent backup: 200 beta-ct (never)",
      "later: 1 guest of backup jobs with no backup yet: 105 beta-db",
    ]);
  });

  test("is told without alarm where its job may never have run yet", async () => {
    const { beta } = healthyDemo();
    beta.world.storages.get("local")?.volumes.splice(0);
    for (const guest of beta.world.guests.values()) {
      if (guest.run !== undefined) guest.run = { ...guest.run, since: Date.now() - 99 * day * 1000 };
    }
    const text = await healthOf(membersOf([beta]));
    expect(text).toStartWith("1 finding (1 later) on beta");
    expect(text).toContain("3 guests of backup jobs with no backup yet: 100 beta-vm, 105 beta-db, 200 beta-ct\t");
  });

  test("is told without alarm where it may be younger than that", async () => {
    expect(await told(7)).toEqual(["later: 2 guests of backup jobs with no backup yet: 105 beta-db, 200 beta-ct"]);
  });

  test("is not told of where it was made since", async () => {
    const made = (beta: DemoCluster) => {
      const start = now() - day;
      const upid = `UPID:bpve:00000001:00000001:${start.toString(16).toUpperCase()}:vzrestore:200:root@pam:`;
      const more = { pid: 1, pstart: 1, log: [], script: (function* () {})(), wake: 0 };
      const task = { upid, node: "bpve", type: "vzrestore", id: "200", user: "root@pam" };
      beta.world.tasks.push({ ...task, start, end: start + 5, status: "OK", ...more });
    };
    expect(await told(0.5, made)).toEqual(["later: 1 guest of backup jobs with no backup yet: 105 beta-db"]);
  });
});

describe("a backup is judged", () => {
  const rowsOf = async (
    arrange: (beta: DemoCluster, backup: (vmid: number, daysAgo: number, on: string) => void) => void,
  ) => {
    const { beta } = healthyDemo();
    arrange(beta, (vmid, daysAgo, on) => {
      const volumes = beta.world.storages.get(on)?.volumes ?? [];
      const kept = volumes.filter(({ row }) => row["vmid"] !== vmid);
      const row = {
        content: "backup",
        ctime: now() - daysAgo * day,
        format: "vma.zst",
        size: 1,
        subtype: "qemu",
        vmid,
      };
      const own = { volid: `${on}:backup/vzdump-qemu-${vmid}-x.vma.zst`, node: undefined, row };
      volumes.splice(0, volumes.length, ...kept, own);
    });
    const [, , ...rows] = (await healthOf(membersOf([beta]))).split("\n");
    return rows.map((row) => row.split("\t").slice(0, 5).join(" | "));
  };
  const task = (beta: DemoCluster, type: string, id: string) => {
    const start = now() - 3600;
    const upid = `UPID:bpve:00000001:00000001:${start.toString(16).toUpperCase()}:${type}:${id}:root@pam:`;
    const more = { pid: 1, pstart: 1, log: [], script: (function* () {})(), wake: 0 };
    beta.world.tasks.push({
      upid,
      node: "bpve",
      type,
      id,
      user: "root@pam",
      start,
      end: start + 5,
      status: "OK",
      ...more,
    });
  };

  test("by each job's own storage and schedule", async () => {
    const rows = await rowsOf((beta, backup) => {
      const local = beta.world.storages.get("local");
      if (local !== undefined) beta.world.storages.set("offsite", { ...local, volumes: [] });
      beta.world.jobs.push({ id: "w", vmid: "100,105", enabled: 1, schedule: "sat 18:15", storage: "offsite" });
      backup(100, 60, "offsite");
      backup(105, 5, "offsite");
    });
    expect(rows).toEqual([
      "soon | beta | backups | 1 guest of backup jobs without a recent backup: 100 beta-vm (60d ago on offsite) | 60d ago",
    ]);
  });

  test.each(["qmcreate", "qmrestore", "qmtunnel"])(
    "without one of the guest that had its VMID before, where %s made it since",
    async (type) => {
      const rows = await rowsOf((beta, backup) => {
        backup(105, 90, "local");
        task(beta, type, "105");
      });
      expect(rows).toEqual([]);
    },
  );

  test("not where every job that has it is disabled, and that is said", async () => {
    const rows = await rowsOf((beta) => {
      beta.world.jobs.splice(0, 1, { id: "n", all: 1, enabled: 0, schedule: "02:00", storage: "local" });
      beta.world.jobs.push({ id: "m", vmid: "105", enabled: 1, schedule: "02:00", storage: "local" });
    });
    expect(rows).toContain(
      "later | beta | backups | 2 guests only in backup jobs that are disabled: 100 beta-vm, 200 beta-ct | ",
    );
  });

  test("nowhere for a job that names no storage, and that is said", async () => {
    const { beta } = healthyDemo();
    beta.world.jobs.splice(0, 1, { id: "n", all: 1, enabled: 1, schedule: "02:00" });
    expect(await healthOf(membersOf([beta]))).toContain(
      "\nNot looked at on beta: backups of jobs without a storage, n (no storage is named: vzdump.conf on the nodes does that).",
    );
  });

  test("only of guests on nodes whose part of the storage could be read", async () => {
    const { alpha } = healthyDemo();
    const backups = alpha.world.storages.get("backups");
    if (backups !== undefined) {
      const volumes = backups.volumes.filter(({ row }) => ![110, 111, 210].includes(Number(row["vmid"])));
      alpha.world.storages.set("backups", { ...backups, volumes });
    }
    const [member] = membersOf([alpha]);
    const resources = async () => {
      const request = new Request("https://alpha.invalid/api2/json/cluster/resources", {
        headers: { authorization: `PVEAPIToken=${member?.token}` },
      });
      const { data } = (await (await alpha.fetch(request)).json()) as { data: Record<string, unknown>[] };
      const own = (row: Record<string, unknown>) => ({
        ...row,
        shared: 0,
        ...(row["node"] === "pve2" && { status: "unknown" }),
      });
      return Response.json({ data: data.map((row) => (row["storage"] === "backups" ? own(row) : row)) });
    };
    const text = await healthOf([instead(member, { "/cluster/resources": resources })]);
    expect(text).toContain("storage backups on pve2\tnot active");
    expect(text).not.toContain("of backup jobs");
    expect(text).toContain("backups on backups on pve2 (the storage is not active there)");
  });
});

test.each([
  ["02:00", 1],
  ["*:0/30", 1],
  ["2,14:30", 1],
  ["mon..fri 21:00", 3],
  ["monday..friday", 3],
  ["mon,wed,fri 03:00", 3],
  ["tue..sat", 3],
  ["fri..mon 1:00", 4],
  ["mon..sun", 1],
  ["sat 18:15", 7],
  ["weekly", 7],
  ["sun *-1..7 2:00", 35],
  ["*-*-1 02:00", 35],
  ["*-1,4,7,10-1 03:00", 366],
  ["*-1/3-1", 366],
  ["quarterly", 93],
  ["yearly", 366],
  ["daily", 1],
  ["*-*-* 02:00", 1],
  ["sat *-*-* 02:00", 7],
])("a job that runs at %s pauses for %p days at the longest", (schedule, days) => {
  expect(maxPauseLength(schedule)).toBe(days);
});

describe("a backup counts as missing", () => {
  test.each([
    ["02:00", 3, true],
    ["02:00", 1.5, false],
    ["*/2:00", 3, true],
    ["mon..fri 22:30", 3.5, false],
    ["mon..fri 22:30", 5, true],
    ["sat 03:00", 7.5, false],
    ["sat 03:00", 9, true],
    ["monthly", 33, false],
    ["*-*-1 02:00", 40, true],
    ["sat *-1..7 15:00", 34, false],
    ["yearly", 200, false],
  ])("of a job that runs at %s after %p days: %p", async (schedule, days, missing) => {
    const { beta } = healthyDemo();
    beta.world.jobs.splice(0, 1, { id: "j", all: 1, enabled: 1, schedule, storage: "local" });
    for (const { row } of beta.world.storages.get("local")?.volumes ?? []) row["ctime"] = now() - days * day;
    expect((await healthOf(membersOf([beta]))).includes("without a recent backup")).toBe(missing);
  });

  const jobs: [string, Record<string, string | number>, string | undefined][] = [
    ["that names it", { vmid: "100,105" }, "100 beta-vm, 105 beta-db"],
    ["of all guests but some", { all: 1, exclude: "100" }, "105 beta-db, 200 beta-ct"],
    ["of its pool", { pool: "two" }, "105 beta-db"],
    ["of another node", { all: 1, node: "other" }, undefined],
    ["that is off", { all: 1, enabled: 0 }, undefined],
    ["whose backups are not seen", { all: 1, storage: "elsewhere" }, undefined],
  ];
  test.each(jobs)("where it is in a job %s", async (_, job, told) => {
    const { beta } = healthyDemo();
    beta.world.pools.set("two", { comment: undefined, guests: new Set([105]), storages: new Set() });
    beta.world.jobs.splice(0, 1, { id: "j", enabled: 1, schedule: "02:00", storage: "local", ...job });
    beta.world.storages.get("local")?.volumes.splice(0);
    expect(/with no backup yet: ([^\t]*)\t/.exec(await healthOf(membersOf([beta])))?.[1]).toBe(told);
  });
});
