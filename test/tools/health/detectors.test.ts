import { describe, expect, test } from "bun:test";
import type { DemoCluster } from "../../../src/simulator/index.ts";
import { healthOf, healthyDemo, membersOf } from "./fleet.ts";

interface Fleet {
  readonly alpha: DemoCluster;
  readonly beta: DemoCluster;
}

/** The columns of the rows that the tool answered with, and its other lines. */
async function rowsOf({ alpha, beta }: Fleet): Promise<string[]> {
  const [, header, ...rest] = (await healthOf(membersOf([alpha, beta]))).split("\n");
  expect(header).toBe("urgency\tcluster\tobject\twhat is wrong\tsince\tnext step");
  // Proxmox's clock has whole seconds, so that what is two hours or days old may be a second short of it.
  return rest.map((line) =>
    line.replaceAll("\t", " | ").replace("1h 59m ago", "2h ago").replace("1d 23h ago", "2d ago"),
  );
}

const fault = (cluster: DemoCluster, node: string, what: DemoCluster["faults"]["nodes"][string]): void => {
  cluster.faults.nodes = { ...cluster.faults.nodes, [node]: { updates: 0, ...what } };
};

const hours = (cluster: DemoCluster, count: number): number => Math.floor(cluster.world.now() / 1000) - count * 3600;

/** A task that ended so long ago, in the shape in which the world keeps them. */
function addTask(
  { world }: DemoCluster,
  of: { type: string; id?: string; node?: string; hoursAgo: number; status: string },
): void {
  const { type, id = "", node = "pve1", hoursAgo, status } = of;
  const start = Math.floor(world.now() / 1000) - hoursAgo * 3600;
  const upid = `UPID:${node}:00000001:00000001:${start.toString(16).toUpperCase()}:${type}:${id}:root@pam:`;
  const more = { pid: 1, pstart: 1, log: [], script: (function* () {})(), wake: 0 };
  world.tasks.push({ upid, node, type, id, user: "root@pam", start, end: start + 5, status, ...more });
}

function fill({ world }: DemoCluster, name: string, share: number): void {
  const storage = world.storages.get(name);
  if (storage !== undefined)
    world.storages.set(name, { ...storage, total: 100 * 1024 ** 3, used: share * 100 * 1024 ** 3 });
}

function backedUp({ world }: DemoCluster, vmid: number, ctime: number | undefined): void {
  for (const { volumes } of world.storages.values()) {
    const kept = volumes.filter(({ row }) => row["vmid"] !== vmid);
    const row = { content: "backup", ctime: ctime ?? 0, format: "vma.zst", size: 1, subtype: "qemu", vmid };
    const own = { volid: `backups:backup/vzdump-qemu-${vmid}-x.vma.zst`, node: undefined, row };
    volumes.splice(0, volumes.length, ...kept, ...(ctime === undefined ? [] : [own]));
  }
}

function rename({ world }: DemoCluster, vmid: number, config: Record<string, string>): void {
  Object.assign(world.guests.get(vmid)?.config ?? {}, config);
}

/** Each fault with the row that it must lead to, and no other. */
const faults: Record<string, { inject: (fleet: Fleet) => void; row: string | RegExp | readonly string[] }> = {
  "a node that is offline": {
    inject: ({ alpha }) => {
      const node = alpha.world.nodes.get("pve3");
      if (node !== undefined) node.online = false;
    },
    row: [
      "now | alpha | node pve3 | offline; guests on it: 120, 220 |  | Look at its power, console and network.",
      "Not looked at: MAC addresses of 2 of 15 guests (their nodes do not report).",
    ],
  },
  "since when a node is offline, where HA has heard of it": {
    inject: ({ alpha }) => {
      const node = alpha.world.nodes.get("pve3");
      if (node !== undefined) node.online = false;
      alpha.faults.services = { "vm:100": "started" };
    },
    row: [
      "now | alpha | node pve3 | offline; guests on it: 120, 220 | 2h ago | Look at its power, console and network.",
      "Not looked at: MAC addresses of 2 of 15 guests (their nodes do not report).",
    ],
  },
  "a storage that is full": {
    inject: ({ alpha }) => fill(alpha, "backups", 0.96),
    row: "now | alpha | storage backups | 96.0% of 100 GiB used |  | Free or add space at once: writes fail when it is full, and guests stop.",
  },
  "a storage that fills up": {
    inject: ({ alpha }) => fill(alpha, "vmdata", 0.86),
    row: "soon | alpha | storage vmdata on pve1, pve2, pve3 | up to 87.8% of 100 GiB used |  | Free or add space: old backups, snapshots and ISO images first.",
  },
  "a storage that is not active": {
    inject: ({ alpha }) => {
      alpha.faults.inactive = ["vmdata"];
    },
    row: "now | alpha | storage vmdata on pve1, pve2, pve3 | not active |  | GET /nodes/pve1/storage/vmdata/status; look at the mount, export or disk behind it (`pvesm status`).",
  },
  "a task that failed": {
    inject: ({ alpha }) => addTask(alpha, { type: "qmstart", id: "101", hoursAgo: 2, status: "out of memory" }),
    row: /^soon \| alpha \| tasks \| 1 failure in 3 days: qmstart 101 db-01 2h ago: out of memory \| 2h ago \| GET \/nodes\/pve1\/tasks\/UPID:\S+\/log shows why the newest failed\.$/,
  },
  "a backup that failed": {
    inject: ({ alpha }) => addTask(alpha, { type: "vzdump", hoursAgo: 5, status: "job errors" }),
    row: /^soon \| alpha \| backups \| 1 failure in 3 days: vzdump on pve1 5h ago: job errors \| 5h ago \| GET /,
  },
  "a backup job that fails while another on the same node succeeds": {
    inject: ({ alpha }) => {
      addTask(alpha, { type: "vzdump", hoursAgo: 5, status: "job errors" });
      addTask(alpha, { type: "vzdump", hoursAgo: 4, status: "OK" });
    },
    row: /^soon \| alpha \| backups \| 1 failure in 3 days: vzdump on pve1 5h ago: job errors \| 5h ago \| GET /,
  },
  "a guest whose backups stay away": {
    inject: ({ alpha }) => backedUp(alpha, 100, hours(alpha, 80)),
    row: "soon | alpha | backups | 1 guest of backup jobs without a recent backup: 100 web-01 (3d ago) | 3d ago | Look whether the jobs run (pvescheduler, their tasks of type vzdump) and start one by hand.",
  },
  "a guest that was never backed up though a job has it": {
    inject: ({ alpha }) => backedUp(alpha, 101, undefined),
    row: "soon | alpha | backups | 1 guest of backup jobs without a recent backup: 101 db-01 (never) |  | Look whether the jobs run (pvescheduler, their tasks of type vzdump) and start one by hand.",
  },
  "a guest without a backup that may be yesterday's clone": {
    inject: ({ alpha }) => {
      backedUp(alpha, 103, undefined);
      backedUp(alpha, 100, undefined);
      const running = alpha.world.guests.get(100);
      if (running?.run !== undefined) running.run = { ...running.run, since: hours(alpha, 49) * 1000 };
      addTask(alpha, { type: "qmclone", id: "9000", hoursAgo: 20, status: "OK" });
    },
    row: [
      "soon | alpha | backups | 1 guest of backup jobs without a recent backup: 100 web-01 (never) |  | Look whether the jobs run (pvescheduler, their tasks of type vzdump) and start one by hand.",
      "later | alpha | backups | 1 guest of backup jobs with no backup yet: 103 locked-vm |  | What is new, or in a new job, gets one at the job's next run (next-run in GET /cluster/backup); of the others, start one by hand.",
    ],
  },
  "guests in no backup job": {
    inject: ({ alpha }) => {
      const kept = [...alpha.world.guests.keys()].filter((vmid) => vmid !== 110 && vmid !== 9000 && vmid !== 201);
      alpha.world.jobs.splice(0, 1, {
        id: "n",
        vmid: kept.join(","),
        enabled: 1,
        schedule: "02:00",
        storage: "backups",
      });
    },
    row: "later | alpha | backups | 2 guests in no backup job: 110 monitoring, 201 proxy |  | Add those that matter to a job (/cluster/backup); the others can stay.",
  },
  "a guest that HA gave up on": {
    inject: ({ alpha }) => {
      alpha.faults.services = { "vm:100": "error" };
    },
    row: "now | alpha | HA vm:100 on pve1 | HA gave up on it (error) and leaves it alone |  | Find out why in its tasks; then set its HA state to disabled, and to started when it is mended.",
  },
  "guests that wait for a manager of HA": {
    inject: ({ alpha }) => {
      alpha.faults.services = { "vm:100": "queued" };
    },
    row: "soon | alpha | HA | guests wait for it (queued), and no node is its manager |  | `systemctl status pve-ha-crm` on the nodes.",
  },
  "replication that fails": {
    inject: ({ alpha }) => {
      alpha.faults.replication = { "100-0": "no space left on device" };
    },
    row: "soon | alpha | replication 100-0 of 100 web-01 | failed 8 times to pve2: no space left on device | 2h ago | GET /nodes/pve1/replication/100-0/log; what is on pve2 is as old as the last sync.",
  },
  "a certificate that ends": {
    inject: ({ alpha }) => fault(alpha, "pve2", { certificateDays: 6 }),
    row: "soon | alpha | certificate pve-ssl.pem of pve2 | ends in 6d and was not renewed |  | `pvecm updatecerts --force` on the node, then restart pveproxy.",
  },
  "a certificate that has ended": {
    inject: ({ alpha }) => fault(alpha, "pve2", { certificateDays: -2 }),
    row: "now | alpha | certificate pve-ssl.pem of pve2 | has ended | 2d ago | `pvecm updatecerts --force` on the node, then restart pveproxy.",
  },
  "a clock that is off": {
    inject: ({ alpha }) => fault(alpha, "pve3", { clockSeconds: 40 }),
    row: /^soon \| alpha \| clocks \| differ from pve[12]'s by at least: pve3 (39|40) s ahead \| {2}\| `chronyc tracking` on the nodes/,
  },
  "a node of another version": {
    inject: ({ alpha }) => fault(alpha, "pve2", { version: "9.2.9" }),
    row: "later | alpha | versions | differ: 9.2.11 on pve1, pve3, 9.2.9 on pve2 |  | Update the older ones; live migration works from old to new only.",
  },
  "updates that wait": {
    inject: ({ beta }) => fault(beta, "bpve", { updates: 2 }),
    row: "later | beta | updates | pending: 2 on bpve |  | `apt full-upgrade` node by node, guests moved away first; GET /nodes/{node}/apt/update lists them.",
  },
  "a subscription that has ended": {
    inject: ({ alpha }) => fault(alpha, "pve1", { subscription: "expired" }),
    row: /^later \| alpha \| subscription \| expired on pve1 \(due \d{4}-\d\d-\d\d\) \| {2}\| Renew it, or change to the no-subscription/,
  },
  "a node short of memory": {
    inject: ({ alpha }) => fault(alpha, "pve1", { memory: 0.97 }),
    row: "soon | alpha | node pve1 | memory 97% used over the last hour, with 4 running guests |  | Move guests away or give them less: when memory runs out the kernel kills one.",
  },
  "a node whose processors are busy": {
    inject: ({ beta }) => fault(beta, "bpve", { cpu: 0.95 }),
    row: "soon | beta | node bpve | CPU 95% busy over the last hour, with 2 running guests |  | get_cluster_resources sorted by CPU shows which guest it is; limit it or move guests away.",
  },
  "a disk that fails": {
    inject: ({ alpha }) => fault(alpha, "pve2", { disks: { "/dev/nvme0n1": { health: "FAILED!", wearout: 90 } } }),
    row: "now | alpha | disk /dev/nvme0n1 on pve2 | SMART says FAILED! (SAMSUNG_MZQL2960) |  | Make sure that backups are current and replace it; GET /nodes/pve2/disks/smart with disk=/dev/nvme0n1 says more.",
  },
  "a disk that is worn out": {
    inject: ({ alpha }) => fault(alpha, "pve2", { disks: { "/dev/sda": { health: "PASSED", wearout: 4 } } }),
    row: "soon | alpha | disk /dev/sda on pve2 | 4% of its life is left (SAMSUNG_MZQL2960) |  | Plan to replace it.",
  },
  "a ZFS pool without one of its disks": {
    inject: ({ alpha }) => fault(alpha, "pve1", { pools: { rpool: "ONLINE", tank: "DEGRADED" } }),
    row: "now | alpha | ZFS pool tank on pve1 | DEGRADED |  | GET /nodes/pve1/disks/zfs/tank (`zpool status`) shows which disk; replace it.",
  },
  "Ceph that is not well": {
    inject: ({ alpha }) => {
      alpha.faults.ceph = { status: "HEALTH_WARN", checks: { OSD_DOWN: "1 osds down" } };
    },
    row: "soon | alpha | Ceph | HEALTH_WARN: OSD_DOWN 1 osds down |  | GET /cluster/ceph/status, or `ceph health detail` on a node.",
  },
  "Ceph that is ill": {
    inject: ({ alpha }) => {
      alpha.faults.ceph = { status: "HEALTH_ERR", checks: { PG_DAMAGED: "3 pgs inconsistent" } };
    },
    row: "now | alpha | Ceph | HEALTH_ERR: PG_DAMAGED 3 pgs inconsistent |  | GET /cluster/ceph/status, or `ceph health detail` on a node.",
  },
  "the same guest running on two clusters": {
    inject: ({ beta }) => rename(beta, 100, { name: "web-01" }),
    row: "soon | alpha, beta | guests | the same VMID and name, and they run: 100 web-01 |  | Find out which one is real and stop the other: they fight for one address and name.",
  },
  "the same guest on two clusters, with its MAC address": {
    inject: ({ beta }) => rename(beta, 100, { name: "web-01", net0: "virtio=BC:24:11:00:01:00,bridge=vmbr0" }),
    row: "soon | alpha, beta | guests | the same VMID and name, and they run: 100 web-01 |  | Find out which one is real and stop the other: they fight for one address and name.",
  },
  "guests of one VMID and name on two clusters that are not the same": {
    inject: ({ beta }) => rename(beta, 100, { name: "web-01", net0: "virtio=bc:24:11:00:99:99,bridge=vmbr0" }),
    row: "later | alpha, beta | guests | the same VMID and name, with other MAC addresses: 100 web-01 |  | Nothing, where they are different guests; else remove the one that is left over.",
  },
  "the same MAC address on two clusters": {
    inject: ({ beta }) => rename(beta, 105, { net0: "virtio=bc:24:11:00:01:01,bridge=vmbr0" }),
    row: "later | alpha, beta | guests | the same MAC address: 101 db-01 on alpha, 105 beta-db on beta (BC:24:11:00:01:01) |  | Remove the one that is left over, unless it is kept on purpose.",
  },
};

test("two clusters without a fault are well in one line", async () => {
  const { alpha, beta } = healthyDemo();
  expect(await healthOf(membersOf([alpha, beta]))).toBe("All well: alpha, beta (4 nodes, 16 guests).");
});

describe("cluster_health finds, and nothing else,", () => {
  test.each(Object.entries(faults))("%s", async (_, { inject, row }) => {
    const fleet = healthyDemo();
    inject(fleet);
    const rows = await rowsOf(fleet);
    if (row instanceof RegExp) {
      expect(rows).toHaveLength(1);
      expect(rows[0]).toMatch(row);
    } else expect(rows).toEqual([row].flat());
  });

  test("a lost quorum, with the nodes that are not in sight", async () => {
    const fleet = healthyDemo();
    fleet.alpha.faults.noQuorum = true;
    const rows = await rowsOf(fleet);
    expect(rows.filter((row) => row.startsWith("now"))).toEqual([
      "now | alpha | cluster | no quorum: 1 of 3 nodes in sight, not pve2, pve3; reads go on, nothing can be changed or started |  | Bring those nodes or the cluster network back; `pvecm status` on a node shows which nodes see each other.",
      "now | alpha | node pve2 | offline; guests on it: 110, 111, 210 |  | Look at its power, console and network.",
      "now | alpha | node pve3 | offline; guests on it: 120, 220 |  | Look at its power, console and network.",
    ]);
  });
});

describe("cluster_health stays silent about", () => {
  const harmless: Record<string, (fleet: Fleet) => void> = {
    "a failed task that succeeded later": ({ alpha }) => {
      addTask(alpha, { type: "qmstart", id: "101", hoursAgo: 5, status: "timeout" });
      addTask(alpha, { type: "qmstart", id: "101", node: "pve2", hoursAgo: 4, status: "OK" });
    },
    "a console that was closed, a task that somebody stopped, a warning": ({ alpha }) => {
      addTask(alpha, { type: "vncproxy", id: "100", hoursAgo: 1, status: "connection timed out" });
      addTask(alpha, { type: "vzdump", id: "100", hoursAgo: 1, status: "interrupted by signal" });
      addTask(alpha, { type: "qmigrate", id: "100", hoursAgo: 1, status: "WARNINGS: 2" });
    },
    "a shutdown that took too long and ended in a stop": ({ alpha }) => {
      addTask(alpha, { type: "qmshutdown", id: "101", hoursAgo: 3, status: "VM quit/powerdown failed - got timeout" });
      addTask(alpha, { type: "qmstop", id: "101", hoursAgo: 2, status: "OK" });
    },
    "a failure of last week": ({ alpha }) => addTask(alpha, { type: "qmstart", id: "101", hoursAgo: 170, status: "x" }),
    "a weekly job's backup of five days ago": ({ alpha }) => {
      alpha.world.jobs.splice(0, 1, { id: "w", all: 1, enabled: 1, schedule: "sat 02:00", storage: "backups" });
      for (const vmid of alpha.world.guests.keys()) backedUp(alpha, vmid, hours(alpha, 120));
    },
    "a guest that a job will have backed up by tomorrow": ({ alpha }) => {
      backedUp(alpha, 103, undefined);
      addTask(alpha, { type: "qmcreate", id: "103", hoursAgo: 3, status: "OK" });
    },
    "HA, replication, disks and pools that do what they should": ({ alpha }) => {
      alpha.faults.services = { "vm:100": "started", "ct:200": "stopped" };
      alpha.faults.replication = { "100-0": "" };
      fault(alpha, "pve1", { pools: { rpool: "ONLINE" }, disks: { "/dev/sda": { health: "PASSED", wearout: 60 } } });
    },
    "Ceph that is well": ({ alpha }) => {
      alpha.faults.ceph = { status: "HEALTH_OK", checks: {} };
    },
    "clocks one second apart, a storage at 80%, a certificate with two months left": ({ alpha }) => {
      fault(alpha, "pve2", { clockSeconds: 1 });
      fill(alpha, "backups", 0.8);
      fault(alpha, "pve1", { certificateDays: 60 });
    },
    "a template that two clusters have": ({ alpha, beta }) => {
      rename(beta, 105, { name: "debian-12-template" });
      const copied = beta.world.guests.get(105);
      const original = alpha.world.guests.get(9000);
      if (copied !== undefined && original !== undefined) {
        beta.world.guests.delete(105);
        beta.world.guests.set(9000, { ...copied, vmid: 9000, config: { ...original.config } });
      }
    },
  };
  test.each(Object.entries(harmless))("%s", async (_, inject) => {
    const fleet = healthyDemo();
    inject(fleet);
    expect(await healthOf(membersOf([fleet.alpha, fleet.beta]))).toStartWith("All well: alpha, beta");
  });
});

test("what is most urgent comes first, over all clusters", async () => {
  const fleet = healthyDemo();
  fault(fleet.alpha, "pve1", { updates: 3 });
  fill(fleet.alpha, "backups", 0.9);
  fault(fleet.beta, "bpve", { certificateDays: -1, cpu: 0.99 });
  const [head] = (await healthOf(membersOf([fleet.alpha, fleet.beta]))).split("\n");
  expect(head).toBe("4 findings (1 now, 2 soon, 1 later) on alpha, beta (4 nodes, 16 guests).");
  expect((await rowsOf(fleet)).map((row) => row.split(" | ").slice(0, 3).join(" "))).toEqual([
    "now beta certificate pve-ssl.pem of bpve",
    "soon alpha storage backups",
    "soon beta node bpve",
    "later alpha updates",
  ]);
});
