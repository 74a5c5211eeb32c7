import { expect, test } from "bun:test";
import faults from "../../recordings/alpha-faults.json";
import alpha from "../../recordings/alpha-reads.json";
import beta from "../../recordings/beta-reads.json";
import { healthOf, type Member } from "./fleet.ts";

interface Recorded {
  readonly request: { readonly method: string; readonly path: string; readonly query?: Record<string, string> };
  readonly response: { readonly status: number; readonly reason: string; readonly body?: unknown };
}

type Answer = Recorded["response"];

/** The clock of the recorded nodes, in milliseconds. */
const recordedAt = 1_795_344_725_000;

/** Beta's guests, which are in no job, for it has none. */
const uncovered = [
  { vmid: 100, type: "qemu", name: "beta-vm" },
  { vmid: 105, type: "qemu", name: "beta-db" },
  { vmid: 200, type: "lxc", name: "beta-ct" },
];

/** What the recorded servers were not asked: what is empty without backup jobs, replication and ZFS, and what Proxmox's source says without Ceph. */
const unrecorded: readonly (readonly [path: RegExp, response: Answer])[] = [
  [/\/(replication|disks\/zfs|disks\/list)$|^\/cluster\/backup$/, ok([])],
  [/^\/cluster\/backup-info\/not-backed-up$/, ok(uncovered)],
  [/^\/cluster\/ha\/status\/current$/, ok([])],
  [
    /^\/cluster\/ceph\/status$/,
    { status: 500, reason: "binary not installed: /usr/bin/ceph-mon", body: { data: null } },
  ],
  [/\/subscription$/, ok({ status: "notfound", message: "There is no subscription key" })],
  [/\/time$/, ok({ time: recordedAt / 1000, localtime: recordedAt / 1000, timezone: "Etc/UTC" })],
  [/^\/nodes\/bpve\/version$/, ok({ version: "8.4.21", release: "8.4", repoid: "2606ac850d46da29" })],
];

function ok(data: unknown): Answer {
  return { status: 200, reason: "OK", body: { data } };
}

/** A cluster that answers as recorded; `first` are recordings that go before the others. */
function recorded(name: string, rows: unknown, first: unknown = []): Member {
  const all = [...(first as Recorded[]), ...(rows as Recorded[])].filter(({ request }) => request.method === "GET");
  return {
    name,
    fetch: async (request) => {
      const path = decodeURIComponent(new URL(request.url).pathname.replace("/api2/json", ""));
      // The recorded nodes of alpha are alike, and only the first was asked for most.
      const found =
        all.find((row) => row.request.path.split("?")[0] === path) ??
        all.find((row) => row.request.path.split("?")[0] === path.replace("/pve2/", "/pve1/"));
      const { status, reason, body } = found?.response ??
        unrecorded.find(([pattern]) => pattern.test(path))?.[1] ?? { status: 501, reason: "not implemented" };
      const headers = { date: new Date(recordedAt).toUTCString(), "content-type": "application/json;charset=UTF-8" };
      return new Response(body === undefined ? null : JSON.stringify(body), { status, statusText: reason, headers });
    },
  };
}

const both = [recorded("alpha", alpha), recorded("beta", beta)];

test("over the recorded clusters it says what an operator would", async () => {
  expect(`\n${await healthOf(both)}\n`).toMatchSnapshot();
});

test("over the recorded cluster that lost its quorum, that comes first", async () => {
  expect(`\n${await healthOf([recorded("alpha", alpha, faults["no-quorum"])])}\n`).toMatchSnapshot();
});

test("over the recorded cluster with a frozen node, it says what it could not see of it", async () => {
  const frozen: Recorded = {
    request: { method: "GET", path: "/nodes/pve2/version" },
    response: (faults["proxied-node-frozen"][0] as Recorded).response,
  };
  const rows = [...faults["proxied-node-frozen"], frozen];
  expect(`\n${await healthOf([recorded("alpha", alpha, rows)])}\n`).toMatchSnapshot();
});
