import { expect, test } from "bun:test";
import { createDemo, type DemoCluster } from "../../src/simulator/index.ts";

/** A small generator with a seed (mulberry32), so that a test can have the same orders twice. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function begin(random?: () => number): DemoCluster {
  const now = (): number => Date.UTC(2026, 10, 22, 12);
  const [cluster] = createDemo({ now, authDelayMs: 0, offlineDelayMs: 0, ...(random && { random }) }).clusters;
  if (cluster === undefined) throw new Error("no cluster");
  const rule = (comment: string) => ({ type: "in", action: "ACCEPT", comment });
  const entries = ["192.0.2.1", "192.0.2.2", "198.51.100.7"].map((cidr) => ({ cidr }));
  const alias = (name: string): [string, { name: string; cidr: string }] => [name, { name, cidr: "192.0.2.9" }];
  cluster.world.firewalls.set("cluster", {
    options: { enable: 0, policy_in: "DROP", policy_out: "ACCEPT" },
    rules: ["c", "a", "b"].map(rule),
    aliases: new Map([alias("two"), alias("one")]),
    ipsets: new Map([["web", { comment: undefined, entries }]]),
  });
  for (const id of ["b-job", "a-job"]) cluster.world.jobs.push({ id, schedule: "03:00", storage: "backups" });
  for (const vmid of [100, 102, 103]) cluster.world.ha.set(`vm:${vmid}`, { state: "started" });
  const guest = cluster.world.guests.get(100);
  for (const [index, name] of ["one", "two", "three"].entries())
    guest?.snapshots.set(name, { config: {}, description: "", snaptime: 1000 + index, parent: undefined, vmstate: 0 });
  return cluster;
}

async function read(cluster: DemoCluster, path: string): Promise<string> {
  const headers = { authorization: `PVEAPIToken=${cluster.tokens["admin"]}` };
  const response = await cluster.fetch(new Request(`http://demo/api2/json${path}`, { headers }));
  expect(`${path} ${response.status}`).toBe(`${path} 200`);
  return await response.text();
}

/** Twenty readings of one path, each as `pick` sees it. */
async function readings(path: string, pick: (data: never) => unknown): Promise<Set<string>> {
  const cluster = begin();
  const seen = new Set<string>();
  for (let count = 0; count < 20; count++) {
    const { data } = JSON.parse(await read(cluster, path)) as { data: never };
    seen.add(JSON.stringify(pick(data)));
  }
  return seen;
}

const rowsBy = (key: string) => (data: readonly Record<string, unknown>[]) => data.map((row) => row[key]);

const shuffled: Readonly<Record<string, string>> = {
  "/storage": "storage",
  "/nodes": "node",
  "/nodes/pve1/storage": "storage",
  "/cluster/resources": "id",
  "/cluster/status": "id",
  "/cluster/config/nodes": "node",
  "/cluster/ha/resources": "sid",
  "/access/acl": "ugid",
  "/access/groups": "groupid",
  "/access/roles": "roleid",
  "/access/domains": "realm",
  "/access/users/mcp@pve/token": "tokenid",
  "/nodes/pve1/qemu": "vmid",
  "/nodes/pve1/lxc": "vmid",
  "/nodes/pve1/network": "iface",
  "/nodes/pve1/qemu/100/snapshot": "name",
  "/nodes/pve1/qemu/100/pending": "key",
};
for (const [path, key] of Object.entries(shuffled))
  test(`the rows of ${path} come in another order, with the same members`, async () => {
    const orders = await readings(path, rowsBy(key));
    expect(orders.size).toBeGreaterThan(1);
    const members = [...orders].map((text) => JSON.stringify((JSON.parse(text) as unknown[]).sort()));
    expect(new Set(members).size).toBe(1);
  });

const kept: Readonly<Record<string, string>> = {
  "/cluster/firewall/rules": "comment",
  "/cluster/firewall/ipset/web": "cidr",
  "/cluster/firewall/aliases": "name",
  "/cluster/backup": "id",
  "/pools": "poolid",
  "/access/users": "userid",
  "/cluster/tasks": "upid",
  "/nodes/pve1/tasks": "upid",
  "/nodes/pve1/syslog": "n",
  "/nodes/pve1/rrddata?timeframe=hour": "time",
  "/nodes/pve1/storage/local/content": "volid",
  "/nodes/pve1/services": "service",
};
for (const [path, key] of Object.entries(kept))
  test(`the rows of ${path} keep their order`, async () => {
    expect((await readings(path, rowsBy(key))).size).toBe(1);
  });

test("keys come in another order at every depth, in objects, rows and around the data", async () => {
  const cluster = begin();
  const orders = {
    outer: new Set<string>(),
    inner: new Set<string>(),
    deep: new Set<string>(),
    row: new Set<string>(),
  };
  for (let count = 0; count < 20; count++) {
    const body = JSON.parse(await read(cluster, "/nodes/pve1/tasks")) as Record<string, unknown>;
    orders.outer.add(Object.keys(body).join());
    const { data } = JSON.parse(await read(cluster, "/nodes/pve1/status")) as { data: Record<string, object> };
    orders.inner.add(Object.keys(data).join());
    orders.deep.add(Object.keys(data["cpuinfo"] ?? {}).join());
    const { data: rules } = JSON.parse(await read(cluster, "/cluster/firewall/rules")) as { data: object[] };
    orders.row.add(Object.keys(rules[0] ?? {}).join());
  }
  for (const [where, seen] of Object.entries(orders)) expect(seen.size, where).toBeGreaterThan(1);
});

test("keys that look like numbers change their places, too", async () => {
  const cluster = begin();
  cluster.world.options["map"] = { 3: "c", 1: "a", 2: "b" };
  const seen = new Set<string>();
  for (let count = 0; count < 20; count++) {
    const text = await read(cluster, "/cluster/options");
    seen.add(/"map":(\{[^}]*\})/.exec(text)?.[1] ?? "");
  }
  expect(seen.size).toBeGreaterThan(1);
  expect(seen).not.toContain("");
});

test("the keys of an error change their places", async () => {
  const cluster = begin();
  const headers = { authorization: `PVEAPIToken=${cluster.tokens["admin"]}` };
  const seen = new Set<string>();
  for (let count = 0; count < 20; count++) {
    const response = await cluster.fetch(new Request("http://demo/api2/json/cluster/nextid?vmid=100", { headers }));
    seen.add(Object.keys((await response.json()) as object).join());
  }
  expect(seen.size).toBeGreaterThan(1);
});

interface StorageRow {
  readonly storage: string;
  readonly content: string;
  readonly nodes?: string;
}
const local = (rows: readonly StorageRow[]): unknown => rows.find(({ storage }) => storage === "local")?.content;

test("the words of a storage's content and nodes change their places wherever it is shown", async () => {
  const sets: [string, (data: never) => unknown][] = [
    ["/storage", local],
    ["/storage/local", ({ content }: StorageRow) => content],
    ["/storage/tank", ({ nodes }: StorageRow) => nodes],
    ["/nodes/pve1/storage", local],
    ["/nodes/pve1/storage/local/status", ({ content }: StorageRow) => content],
    ["/cluster/resources", local],
  ];
  for (const [path, pick] of sets) {
    const orders = await readings(path, pick);
    expect(orders.size, path).toBeGreaterThan(1);
    const words = [...orders].map((text) => String(JSON.parse(text)).split(",").sort().join());
    expect(new Set(words).size, path).toBe(1);
  }
});

test("with one seed two demos write the same bytes, with another they do not", async () => {
  const texts = async (seed: number): Promise<string> => {
    const cluster = begin(seeded(seed));
    return (await Promise.all(["/cluster/resources", "/storage"].map((path) => read(cluster, path)))).join("\n");
  };
  expect(await texts(1)).toBe(await texts(1));
  expect(await texts(1)).not.toBe(await texts(2));
});
