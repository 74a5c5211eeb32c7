import { expect, test } from "bun:test";
import { stableOrder, stableRows } from "../../src/proxmox/stable-order.ts";
import orders from "../recordings/second-series/alpha-orders.json";

interface Recorded {
  request: { method: string; path: string; query?: unknown };
  response: { status: number; body?: { data: unknown } };
}

/** Figures that move from reading to reading, and what a write between two readings changed. */
const moving =
  /^(cpu|mem|memhost|disk|netin|netout|diskread|diskwrite|uptime|used|avail|nics|pressure.*|digest|cores|blockstat|balloon.*|proxmox-support|next-run|comment)$/;

const settled = (value: unknown): string =>
  JSON.stringify(value, (key, it: unknown) => (moving.test(key) ? undefined : it));

/** Rows without the row of `/pending` that holds the digest, and the one that was written meanwhile. */
const lasting = (data: unknown): unknown =>
  Array.isArray(data) ? data.filter((row: { key?: string }) => row.key !== "digest" && row.key !== "cores") : data;

const readings = Map.groupBy(
  (orders as unknown as Recorded[]).filter(({ request }) => request.method === "GET"),
  ({ request }) => `${request.path} ${JSON.stringify(request.query ?? {})}`,
);

for (const [what, rows] of readings) {
  test(`all readings of ${what} are one text in stable order, as they were recorded`, () => {
    const texts = new Set(rows.map(({ response }) => settled(stableOrder(lasting(response.body?.data)))));
    expect(rows.length).toBeGreaterThan(1);
    expect(texts.size).toBe(1);
  });
}

test("the recording itself came in many orders, so that the tests above prove something", () => {
  const many = [...readings.values()].filter((rows) => {
    return new Set(rows.map(({ response }) => settled(lasting(response.body?.data)))).size > 1;
  });
  expect(many.length).toBeGreaterThan(20);
});

const shown = (rows: readonly object[], key: string): unknown[] =>
  stableRows(rows).map((row) => (row as Record<string, unknown>)[key]);

test("rows are sorted as people count: VMIDs as numbers, numbers in names, too", () => {
  expect(shown([{ vmid: 1000 }, { vmid: "200" }, { vmid: 99 }], "vmid")).toEqual([99, "200", 1000]);
  expect(shown([{ node: "pve10" }, { node: "pve2" }], "node")).toEqual(["pve2", "pve10"]);
});

test("rows that one key does not tell apart are sorted by the next", () => {
  const acl = [
    { path: "/", roleid: "PVEAuditor", type: "user", ugid: "b@pve" },
    { path: "/vms", roleid: "PVEAuditor", type: "user", ugid: "a@pve" },
    { path: "/", roleid: "PVEAuditor", type: "user", ugid: "a@pve" },
  ];
  expect(stableRows(acl)).toEqual(stableRows([...acl].reverse()));
  const storages = ["pve2", "pve1"].map((node) => ({ storage: "local", node }));
  expect(shown(storages, "node")).toEqual(["pve1", "pve2"]);
});

test("snapshots are sorted by time, and the guest as it is comes last", () => {
  const rows = [
    { name: "current" },
    { name: "a", snaptime: 30 },
    { name: "z", snaptime: 4 },
    { name: "b", snaptime: 30 },
  ];
  expect(shown(rows, "name")).toEqual(["z", "a", "b", "current"]);
});

test("lists whose order says something stay as they are, and those without a known key", () => {
  for (const rows of [
    [
      { pos: 1, type: "in" },
      { pos: 0, type: "in" },
    ],
    [
      { n: 2, t: "b" },
      { n: 1, t: "a" },
    ],
    [
      { upid: "UPID:b", id: "2" },
      { upid: "UPID:a", id: "1" },
    ],
    [
      { time: 9, id: "b" },
      { time: 3, id: "a" },
    ],
    [{ unheard: 2 }, { unheard: 1 }],
  ]) {
    expect(stableOrder(rows)).toEqual(rows);
  }
  expect(stableOrder({ loadavg: ["3", "1", "2"] })).toEqual({ loadavg: ["3", "1", "2"] });
});

test("words of a storage are sorted, and those of a file's content are not", () => {
  const storage = { storage: "local", content: "vztmpl,iso", nodes: "pve2,pve1" };
  expect(stableOrder(storage)).toEqual({ storage: "local", content: "iso,vztmpl", nodes: "pve1,pve2" });
  expect(stableOrder({ content: "b,a", "bytes-read": 3 })).toEqual({ content: "b,a", "bytes-read": 3 });
});

test("the keys of objects are sorted at every depth", () => {
  expect(JSON.stringify(stableOrder({ b: [{ d: 1, c: { f: 1, e: 2 } }], a: null }))).toBe(
    '{"a":null,"b":[{"c":{"e":2,"f":1},"d":1}]}',
  );
});
