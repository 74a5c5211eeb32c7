import { describe, expect, test } from "bun:test";
import { httpClient } from "../../support/clients.ts";
import { startProduct } from "../../support/product.ts";
import { healthOf, healthyDemo, instead, type Member, membersOf } from "./fleet.ts";

/** A member that counts its requests by method and path. */
function counting(member: Member | undefined): { member: Member; requests: string[] } {
  if (member === undefined) throw new Error("the demo has other clusters");
  const requests: string[] = [];
  const fetch: Member["fetch"] = async (request) => {
    requests.push(`${request.method} ${new URL(request.url).pathname.replace("/api2/json", "")}`);
    return await member.fetch(request);
  };
  return { member: { ...member, fetch }, requests };
}

const failing = (status: number, reason: string) => () => new Response(null, { status, statusText: reason });
const saying = (data: unknown) => () => Response.json({ data });

describe("what cluster_health could not look at is said:", () => {
  test("to a token without rights, all but nodes, certificates and subscriptions", async () => {
    const { alpha } = healthyDemo();
    expect(await healthOf(membersOf([alpha], "none"))).toMatchInlineSnapshot(`
      "Nothing found, as far as could be looked: alpha (3 nodes, 0 guests).
      Not looked at on alpha: quorum, HA, backup jobs, guests without a backup job (the token lacks Sys.Audit on /); Ceph (the token lacks Sys.Audit or Datastore.Audit on /); disks, load of the last hour, clock on pve1, pve2, pve3 (the token lacks Sys.Audit on /nodes/{node}); ZFS on pve1, pve2, pve3 (the token lacks Sys.Audit on /); updates on pve1, pve2, pve3 (the token lacks Sys.Modify on /nodes/{node}); guests, of which none is visible (the token lacks VM.Audit on /vms); storages, of which none is visible (the token lacks Datastore.Audit or Datastore.AllocateSpace on /storage); tasks of other users (the token lacks Sys.Audit on /nodes)."
    `);
  });

  test("to an auditor, updates and backups", async () => {
    const { alpha } = healthyDemo();
    expect(await healthOf(membersOf([alpha], "audit"))).toMatchInlineSnapshot(`
      "Nothing found, as far as could be looked: alpha (3 nodes, 13 guests).
      Not looked at on alpha: updates on pve1, pve2, pve3 (the token lacks Sys.Modify on /nodes/{node}); backups on backups (the token lacks Datastore.Allocate on /storage/backups, without which backups are not listed)."
    `);
  });

  test("to the operator of a pool, the guests of others", async () => {
    const { alpha } = healthyDemo();
    const text = await healthOf(membersOf([alpha], "op"));
    expect(text).toStartWith("Nothing found, as far as could be looked: alpha (3 nodes, 3 guests).");
    expect(text).toContain("guests beyond the 3 visible (the token lacks VM.Audit on /vms)");
  });

  test.each([
    ["a privilege on /vms that does not hold below", { "/": { "VM.Audit": 1 }, "/vms": { "VM.Audit": 0 } }],
    ["no row for /vms, though / has the privilege", { "/": { "VM.Audit": 1 } }],
    ["a guest without it", { "/vms": { "VM.Audit": 1 }, "/vms/104": { "VM.Console": 1 } }],
  ])("to a token with %s, guests beyond the visible ones", async (_, vms) => {
    const { beta } = healthyDemo();
    const [member] = membersOf([beta]);
    const others = { "/nodes": { "Sys.Audit": 1 }, "/storage": { "Datastore.Audit": 1 } };
    const text = await healthOf([instead(member, { "/access/permissions": saying({ ...others, ...vms }) })]);
    expect(text).toContain("guests beyond the 3 visible (the token lacks VM.Audit on /vms)");
    expect(text).not.toContain("on /nodes)");
  });

  test("where the rights cannot be read, that nothing is visible", async () => {
    const { alpha } = healthyDemo();
    const [member] = membersOf([alpha], "none");
    const text = await healthOf([instead(member, { "/access/permissions": failing(501, "not implemented") })]);
    expect(text).toContain("guests, storages (none is visible, perhaps for lack of rights)");
    expect(text).toContain("the token's own rights (this version of Proxmox VE lacks it)");
  });

  test("what the configuration withholds", async () => {
    const { beta } = healthyDemo();
    const [member] = membersOf([beta]);
    const text = await healthOf([
      { ...member, name: "beta", fetch: beta.fetch, policy: { deny: ["GET /nodes/*/disks/**"] } },
    ]);
    expect(text).toBe(
      "Nothing found, as far as could be looked: beta (1 node, 3 guests).\nNot looked at on beta: disks, ZFS on bpve (the configuration withholds it (allow, deny)).",
    );
  });

  test("an endpoint that the version lacks, and an answer of unknown form", async () => {
    const { beta } = healthyDemo();
    const [member] = membersOf([beta]);
    const text = await healthOf([
      instead(member, {
        "/cluster/ha/status/current": failing(501, "not implemented"),
        "/nodes/bpve/certificates/info": saying({ strange: true }),
      }),
    ]);
    expect(text).toContain(
      "Not looked at on beta: HA (this version of Proxmox VE lacks it); certificates on bpve (the answer has an unknown form).",
    );
  });

  test("backup jobs beyond the first", async () => {
    const { beta } = healthyDemo();
    const [member] = membersOf([beta]);
    const job = (at: number) => ({ id: `j${at}`, schedule: "daily", enabled: 0, vmid: "999" });
    const jobs = Array.from({ length: 300 }, (_, at) => job(at));
    const text = await healthOf([instead(member, { "/cluster/backup": saying(jobs) })]);
    expect(text).toContain("44 more backup jobs (only 256 are looked at)");
  });

  test("Ceph that gives no answer, where guests are on it", async () => {
    const { beta } = healthyDemo();
    beta.world.storages.set("pool", {
      config: { type: "rbd", content: "images", shared: 1 },
      total: 1000,
      used: 100,
      volumes: [],
    });
    expect(await healthOf(membersOf([beta]))).toContain("Not looked at on beta: Ceph (");
  });

  test("backups on a storage that is not active", async () => {
    const { alpha } = healthyDemo();
    alpha.faults.inactive = ["backups"];
    const text = await healthOf(membersOf([alpha]));
    expect(text).toContain("now\talpha\tstorage backups on pve1, pve2, pve3\tnot active");
    expect(text).toContain("backups on backups (the storage is not active, or not visible to the token)");
  });

  test("tasks beyond the newest 500 of a node", async () => {
    const { beta } = healthyDemo();
    const [member] = membersOf([beta]);
    const task = { upid: "UPID:bpve:1", type: "vncproxy", id: "", starttime: 1, status: "OK" };
    const tasks = instead(member, { "/nodes/bpve/tasks": saying(Array.from({ length: 500 }, () => task)) });
    expect(await healthOf([tasks])).toContain("earlier tasks on bpve (more than 500 in 3 days)");
  });

  test("MAC addresses of more guests than are asked for one by one", async () => {
    const { alpha, beta } = healthyDemo();
    for (let vmid = 1000; vmid < 1400; vmid++) {
      const config = {
        name: `web-${vmid}`,
        net0: `virtio=BC:24:11:AA:${vmid.toString(16).padStart(4, "0").replace(/..$/, ":$&")}`,
      };
      alpha.world.guests.set(vmid, {
        kind: "qemu",
        vmid,
        node: "pve1",
        config,
        pending: new Map(),
        snapshots: new Map(),
        run: undefined,
      });
    }
    beta.world.guests.set(2000, {
      ...{ kind: "qemu", vmid: 2000, node: "bpve", pending: new Map(), snapshots: new Map(), run: undefined },
      config: { name: "web-1399", net0: "virtio=BC:24:11:AA:05:77" },
    });
    const [one, two] = membersOf([alpha, beta]).map(counting);
    const text = await healthOf([one, two].flatMap((each) => each?.member ?? []));
    const configs = [one, two].flatMap((each) => each?.requests ?? []).filter((path) => path.endsWith("/config"));
    expect(configs).toHaveLength(256);
    expect(text).toContain(" on alpha, beta (4 nodes, 417 guests, MAC addresses of 256 compared).\n");
    expect(text).not.toContain("Not looked at: MAC");
    // The one that is named like another cluster's guest is among those that were asked.
    expect(text).toContain("the same MAC address: 1399 web-1399 on alpha, 2000 web-1399 on beta (BC:24:11:AA:05:77)");
  });
});

describe("a cluster or node that does not answer", () => {
  test("is a finding, and loses nobody else's", async () => {
    const { alpha, beta } = healthyDemo();
    const dead: Member = {
      ...membersOf([alpha])[0],
      name: "alpha",
      fetch: () => Promise.reject(new TypeError("refused")),
    };
    const text = await healthOf([dead, ...membersOf([beta])]);
    expect(text).toStartWith("1 finding (1 now) on alpha, beta (1 node, 3 guests).\n");
    expect(text).toContain("now\talpha\tcluster\tcannot be looked at: ");
  });

  test("costs one question, and is not waited for longer than that takes", async () => {
    const { alpha } = healthyDemo({ frozenDelayMs: 30_000 });
    alpha.faults.frozen = ["pve2"];
    const { member, requests } = counting(membersOf([alpha])[0]);
    const started = performance.now();
    const text = await healthOf([member]);
    expect(performance.now() - started).toBeLessThan(10_000);
    expect(text).toContain("now\talpha\tnode pve2\tcounts as online but does not answer (no answer in time)");
    expect(requests.filter((path) => path.includes("/nodes/pve2/"))).toEqual(["GET /nodes/pve2/version"]);
  }, 15_000);

  test("that refuses the token says so once", async () => {
    const { alpha } = healthyDemo();
    const text = await healthOf(membersOf([alpha], "bad"));
    expect(text).toContain("now\talpha\tcluster\tcannot be looked at: 401");
    expect(text.split("\n")).toHaveLength(3);
  });

  test("ends with the caller's patience", async () => {
    const { alpha } = healthyDemo({ frozenDelayMs: 30_000 });
    alpha.faults.frozen = ["pve2"];
    const cancel = new AbortController();
    setTimeout(() => cancel.abort(new Error("enough")), 50);
    await expect(healthOf(membersOf([alpha]), undefined, cancel.signal)).rejects.toThrow("enough");
  });
});

test("a cluster that claims thousands of nodes and guests does not hurt", async () => {
  const { beta } = healthyDemo();
  const many = Array.from({ length: 20_000 }, (_, n) => [
    { type: "node", id: `node/n${n}`, node: `n${n}`, status: "offline" },
    { type: "qemu", id: `qemu/${n}`, vmid: n, node: `n${n}`, status: "unknown", name: "x".repeat(500) },
  ]).flat();
  const { member, requests } = counting(instead(membersOf([beta])[0], { "/cluster/resources": saying(many) }));
  const started = performance.now();
  const text = await healthOf([member]);
  expect(performance.now() - started).toBeLessThan(3000);
  expect(text.length).toBeLessThan(36_000);
  expect(text).toContain("And 19920 more: 19920 now on beta.");
  expect(requests.length).toBeLessThan(10);
});

test("what was not looked at stands at the end of the longest answer", async () => {
  const { beta } = healthyDemo();
  const disks = Array.from({ length: 200 }, (_, n) => ({
    devpath: `/dev/disk/${n}/${"x".repeat(500)}`,
    health: "FAILED!",
    model: "m".repeat(500),
  }));
  const answers = { "/nodes/bpve/disks/list": saying(disks), "/nodes/bpve/time": failing(501, "not implemented") };
  const text = await healthOf([instead(membersOf([beta])[0], answers)]);
  expect(text.length).toBeWithin(25_000, 36_000);
  expect(text).toMatch(/\nAnd 1[67]\d more: 1[67]\d now on beta\.\nNot looked at on beta: clock on bpve \(.*\)\.$/);
});

test("a cluster with many findings does not crowd out another's, and what is left out is said by cluster", async () => {
  const { alpha, beta } = healthyDemo();
  alpha.faults.inactive = ["vmdata"];
  const disks = Array.from({ length: 200 }, (_, n) => ({ devpath: `/dev/sd${n}`, health: "FAILED!" }));
  const [, one] = membersOf([alpha, beta]);
  const many = instead(one, { "/nodes/bpve/disks/list": saying(disks) });
  const text = await healthOf([many, ...membersOf([alpha])]);
  expect(text).toContain("\nnow\talpha\tstorage vmdata on pve1, pve2, pve3\tnot active\t");
  expect(text).toContain("\nAnd 121 more: 121 now on beta.");
});

test("a cluster with many guests takes no other's turn when MAC addresses are compared", async () => {
  const { alpha, beta } = healthyDemo();
  const guest = (vmid: number, node: string, name: string, mac: string) => ({
    ...{ kind: "qemu" as const, vmid, node, pending: new Map(), snapshots: new Map(), run: undefined },
    config: { name, net0: `virtio=${mac}` },
  });
  alpha.world.guests.set(700, guest(700, "pve1", "mail", "BC:24:11:00:77:77"));
  beta.world.guests.set(701, guest(701, "bpve", "mail-old", "BC:24:11:00:77:77"));
  const many = Array.from({ length: 600 }, (_, n) => {
    return { id: `qemu/${n + 1000}`, type: "qemu", vmid: n + 1000, name: "beta-db", node: "n", status: "running" };
  });
  const crowd: Member = { name: "crowd", fetch: async () => Response.json({ data: many }) };
  const text = await healthOf([crowd, ...membersOf([alpha, beta])]);
  expect(text).toContain("the same MAC address: 700 mail on alpha, 701 mail-old on beta (BC:24:11:00:77:77)");
});

test("a storage cannot name itself into a finding of ours", async () => {
  const { alpha } = healthyDemo();
  const [member] = membersOf([alpha], "audit");
  const job = { id: "nightly", all: 1, enabled: 1, schedule: "daily", storage: "s\nnow\talpha\tnode pve1" };
  const text = await healthOf([instead(member, { "/cluster/backup": saying([job]) })]);
  expect(text).toContain("backups on s\\nnow\\talpha\\tnode pve1 (");
  expect(text).not.toContain("\nnow\talpha\tnode");
});

test("a configuration of a form that Proxmox's never has loses nobody's answer", async () => {
  const { alpha, beta } = healthyDemo();
  const odd = instead(membersOf([alpha])[0], {
    "/nodes/pve1/qemu/100/config": saying({ net0: { toString: 1, valueOf: 1 } }),
  });
  expect(await healthOf([odd, ...membersOf([beta])])).toStartWith("All well: alpha, beta");
});

test("a version without end is cut", async () => {
  const { alpha } = healthyDemo();
  const endless = instead(membersOf([alpha])[0], {
    "/nodes/pve1/version": saying({ version: "9".repeat(3_000_000) }),
  });
  const text = await healthOf([endless]);
  expect(text).toContain("999...");
  expect(text.length).toBeLessThan(4000);
});

test("an unknown cluster is refused with the names of those that there are", async () => {
  const { alpha, beta } = healthyDemo();
  await expect(healthOf(membersOf([alpha, beta]), "gamma")).rejects.toThrow(/no cluster "gamma".*"alpha", "beta"/);
});

test("it only reads, once each", async () => {
  const { alpha } = healthyDemo();
  const { member, requests } = counting(membersOf([alpha])[0]);
  expect(await healthOf([member])).toBe("All well: alpha (3 nodes, 13 guests).");
  expect(requests.filter((request) => !request.startsWith("GET "))).toEqual([]);
  expect(new Set(requests).size).toBe(requests.length);
  // 7 of the cluster, 10 of each node, a list of backups.
  expect(requests).toHaveLength(38);
});

test("a client is told over MCP what the demo's clusters have", async () => {
  await using product = await startProduct(["--demo"]);
  await using client = await httpClient(product);
  const { text, isError } = await client.call("cluster_health");
  expect(isError).toBe(false);
  expect(text).toMatch(/^\d+ findings \(1 now, \d+ soon, \d+ later\) on alpha, beta \(4 nodes, 16 guests\)\.\n/);
  expect(text).toContain("now\talpha\tnode pve3\toffline; guests on it: 120, 220");
  expect(text).toContain("soon\talpha\tstorage tank on pve1, pve2\tup to 9");
  expect(text.length).toBeLessThan(3000);
  const one = await client.call("cluster_health", { cluster: "beta" });
  expect(one.text).not.toContain("alpha");
});
