import { expect, test } from "bun:test";
import { createDemo, type DemoCluster } from "../../src/simulator/index.ts";
import firewall from "../recordings/second-series/alpha-firewall.json";
import ha from "../recordings/second-series/alpha-ha.json";
import pools from "../recordings/second-series/alpha-pools.json";
import purge from "../recordings/second-series/alpha-purge.json";
import storage from "../recordings/second-series/alpha-storage.json";

interface Recorded {
  request: { token: string; method: string; path: string; query?: object; form?: object };
  response: { status: number | null; reason: string; body?: unknown };
}

/** Sends what was recorded to a simulated cluster, and gives what it answers otherwise: status, reason, errors. */
async function differing(rows: readonly unknown[], prepare: (cluster: DemoCluster) => void = () => undefined) {
  let now = Date.UTC(2026, 10, 27, 20);
  const [cluster] = createDemo({ now: () => now, authDelayMs: 0, offlineDelayMs: 0, asRecorded: true }).clusters;
  if (cluster === undefined) throw new Error("no cluster");
  prepare(cluster);
  const wrong: string[] = [];
  for (const [index, { request, response }] of (rows as Recorded[]).entries()) {
    const { method, path, query, form, token } = request;
    const words = (of: object) =>
      new URLSearchParams(Object.entries(of).map(([key, value]): [string, string] => [key, String(value)]));
    const answer = await cluster.fetch(
      new Request(`http://demo/api2/json${path}${query === undefined ? "" : `?${words(query)}`}`, {
        method,
        headers: { authorization: `PVEAPIToken=${cluster.tokens[token]}` },
        ...(form === undefined || method === "GET" ? {} : { body: words(form) }),
      }),
    );
    const told = ({ status, reason, body }: Pick<Recorded["response"], "status" | "reason" | "body">): string =>
      JSON.stringify([status, reason, (body as { errors?: unknown } | undefined)?.errors]);
    const is = told({ status: answer.status, reason: answer.statusText, body: await answer.json().catch(() => null) });
    if (is !== told(response))
      wrong.push(`${index} ${method} ${path} ${JSON.stringify(form ?? query)}: ${is}, recorded ${told(response)}`);
    now += 10_000;
  }
  return wrong;
}

/** Those rows of a recording whose path and parameters together fit. */
function only(rows: readonly unknown[], fits: RegExp, but = /(?!)/): readonly unknown[] {
  return (rows as Recorded[]).filter(({ request: { method, path, form, query, token } }) => {
    const text = `${token} ${method} ${path} ${JSON.stringify(form ?? query ?? {})}`;
    return fits.test(text) && !but.test(text);
  });
}

test("address sets and aliases of the firewall answer as recorded", async () => {
  const rows = only(firewall, /^\w+ \w+ \/cluster\/firewall\/(aliases|ipset.*two)/);
  expect(rows.length).toBeGreaterThan(15);
  expect(await differing(rows)).toEqual([]);
});

/** A stopped virtual machine on pve1. */
function addVm(cluster: DemoCluster, vmid: number): void {
  const config = { name: `rec-${vmid}`, memory: "64" };
  const state = { pending: new Map(), snapshots: new Map(), run: undefined };
  cluster.world.guests.set(vmid, { kind: "qemu", vmid, node: "pve1", config, ...state });
}

test("the firewall rules of a guest answer as recorded, with one digest for all", async () => {
  const rows = only(
    firewall,
    /^admin (GET|POST|PUT|DELETE) \/nodes\/pve1\/qemu\/170\/firewall\/rules/,
    /digest|macro|99999|300\.1/,
  );
  expect(rows.length).toBeGreaterThan(20);
  const prepare = (cluster: DemoCluster): void => {
    addVm(cluster, 170);
    const rule = { type: "in", action: "ACCEPT", enable: 1 };
    const set = { comment: "rec", entries: [] };
    const file = { options: {}, aliases: new Map(), ipsets: new Map() };
    cluster.world.firewalls.set("cluster", { ...file, rules: [], ipsets: new Map([["recset", set]]) });
    cluster.world.firewalls.set("guest/170", { ...file, rules: [rule, rule, rule] });
  };
  expect(await differing(rows, prepare)).toEqual([]);
});

test("HA resources answer as recorded", async () => {
  const rows = only(ha, /^\w+ \w+ \/cluster\/ha\/resources/, /\/migrate|\/relocate|"group"/);
  expect(rows.length).toBeGreaterThan(20);
  const prepare = (cluster: DemoCluster): void => {
    for (const vmid of [170, 172]) addVm(cluster, vmid);
    cluster.world.ha.set("vm:170", { state: "ignored", comment: "rec" });
  };
  // The recording's last calls found that purging the guest had removed its resource.
  expect(await differing(only(rows, /./, /^admin DELETE .*vm:172/), prepare)).toEqual([]);
});

test("pools answer as recorded, also nested ones, which only the parameter reaches", async () => {
  const rows = only(pools, /^admin \w+ \/pools/, /bad name|"\/a"|"a\/"|%25/);
  expect(rows.length).toBeGreaterThan(40);
  const prepare = (cluster: DemoCluster): void => {
    for (const vmid of [170, 171]) addVm(cluster, vmid);
    cluster.world.pools.set("rec", { comment: "for recordings", guests: new Set([170, 171]), storages: new Set() });
  };
  expect(await differing(rows, prepare)).toEqual([]);
});

test("destroying a guest takes away what was recorded, with purge and without", async () => {
  expect(await differing(only(purge, /./, /\/tasks\/|\/access\/acl/))).toEqual([]);
});

test("storages are defined, changed and removed as recorded", async () => {
  const rows = only(storage, /^admin \w+ \/storage/, /"digest"/);
  expect(rows.length).toBeGreaterThan(8);
  expect(await differing(rows)).toEqual([]);
});
