import { anyone, may, on, onAny } from "../../access.ts";
import { type Endpoint, get, type SimulatedCall } from "../../endpoint.ts";
import { died } from "../../failure.ts";
import { integer, optional } from "../../schema.ts";
import { quorate, seconds } from "../../state/state.ts";

/** What watches over guests: the manager, each node's own part, and the guests themselves. */
function highAvailability({ world, node }: SimulatedCall): object[] {
  const lost = !quorate(world);
  const quorum = {
    id: "quorum",
    type: "quorum",
    node,
    quorate: lost ? 0 : 1,
    status: lost ? `No quorum on node '${node}'!` : "OK",
  };
  const managed = [...world.ha].map(([sid, it]) => [sid, String(it["state"] ?? "started")] as const);
  const all = { ...Object.fromEntries(managed.filter(([, state]) => state !== "ignored")), ...world.faults.services };
  const services = Object.entries(all).map(([sid, state]) => {
    const at = world.guests.get(Number(sid.split(":")[1]))?.node ?? node;
    const common = { id: `service:${sid}`, type: "service", sid, node: at, status: `${sid} (${at}, ${state})` };
    return { ...common, state, crm_state: state, request_state: "started", max_relocate: 1, max_restart: 1 };
  });
  const fencing = { id: "fencing", type: "fencing", node };
  if (services.length === 0) {
    return [quorum, { ...fencing, status: "standby (CRM watchdog standby)", "armed-state": "standby" }];
  }
  // Each node's own part writes the time every few seconds, as long as it is alive.
  const own = [...world.nodes.values()].map(({ name, online }) => {
    const timestamp = seconds(world) - (online ? 4 : 7200);
    const status = `${name} (${online ? "active" : "old timestamp - dead?"})`;
    return { id: `lrm:${name}`, type: "lrm", node: name, status, timestamp };
  });
  return [quorum, { ...fencing, status: "armed", "armed-state": "armed" }, ...own, ...services];
}

/** Replication jobs of the guests that are on the node, with how they went. */
function replication(call: SimulatedCall): object[] {
  const { world, node, who } = call;
  const nodes = [...world.nodes.keys()];
  return Object.entries(world.faults.replication).flatMap(([id, error]) => {
    const [guest = 0, jobnum = 0] = id.split("-").map(Number);
    if (world.guests.get(guest)?.node !== node || !may(world, who, `/vms/${guest}`, "VM.Audit")) return [];
    const now = seconds(world);
    const target = nodes.find((name) => name !== node) ?? node;
    const job = { id, guest, jobnum, type: "local", source: node, target, schedule: "*/15", vmtype: "qemu" };
    const run = { last_try: now - 300, next_sync: now + 600, duration: 2.5 };
    return error === ""
      ? [{ ...job, ...run, last_sync: now - 300, fail_count: 0 }]
      : [{ ...job, ...run, last_sync: now - 7200, fail_count: 8, error }];
  });
}

function disks({ world, node }: SimulatedCall): object[] {
  return Object.entries(world.faults.nodes[node]?.disks ?? {}).map(([devpath, { health, wearout }]) => ({
    devpath,
    health,
    wearout,
    gpt: 1,
    model: "SAMSUNG_MZQL2960",
    osdid: -1,
    "osdid-list": null,
    rpm: 0,
    serial: "S64FNE0R000000",
    size: 960197124096,
    type: "nvme",
    used: "ZFS",
    vendor: "unknown",
    wwn: "eui.000000",
  }));
}

function pools({ world, node }: SimulatedCall): object[] {
  return Object.entries(world.faults.nodes[node]?.pools ?? {}).map(([name, health]) => ({
    name,
    health,
    size: 107374182400,
    alloc: 21474836480,
    free: 85899345920,
    frag: 4,
    dedup: 1,
  }));
}

function ceph({ world }: SimulatedCall): object {
  const { ceph: state } = world.faults;
  if (state === undefined) throw died("binary not installed: /usr/bin/ceph-mon");
  const checks = Object.entries(state.checks).map(([name, message]) => [
    name,
    { severity: state.status, summary: { message, count: 1 }, detail: [], muted: false },
  ]);
  return {
    fsid: "00000000-0000-4000-8000-00000000cef0",
    health: { status: state.status, checks: Object.fromEntries(checks), mutes: [] },
  };
}

const subscriptions = {
  none: { status: "notfound", message: "There is no subscription key" },
  url: "https://www.proxmox.com/en/proxmox-virtual-environment/pricing",
  serverid: "0123456789ABCDEF0123456789ABCDEF",
};

function subscription({ world, node }: SimulatedCall): object {
  const { none, ...common } = subscriptions;
  const status = world.faults.nodes[node]?.subscription;
  if (status === undefined) return { ...common, ...none };
  const nextduedate = new Date(world.now() - 10 * 86_400_000).toISOString().slice(0, 10);
  return { ...common, status, level: "c", productname: "Proxmox VE Community Subscription 1 CPU/year", nextduedate };
}

const audit = on("/nodes/{node}", "Sys.Audit");

/** The state of HA, replication, disks, ZFS, subscriptions and Ceph: where a cluster shows its faults. */
export const troubleEndpoints: readonly Endpoint[] = [
  get("/cluster/ha/status/current", {
    does: "What high availability does.",
    needs: on("/", "Sys.Audit"),
    gives: "array",
    rows: "kept",
    run: highAvailability,
  }),
  get("/cluster/replication", {
    does: "The replication jobs.",
    needs: anyone,
    gives: "array",
    rows: "kept",
    run: (call) => [...call.world.nodes.keys()].flatMap((node) => replication({ ...call, node })),
  }),
  get("/nodes/{node}/replication", {
    does: "The replication jobs of the node's guests, and how they went.",
    needs: anyone,
    takes: optional({ guest: integer("Only this guest's.", { minimum: 100, maximum: 999999999 }) }),
    gives: "array",
    rows: "kept",
    run: replication,
  }),
  get("/nodes/{node}/disks/list", {
    does: "The node's disks.",
    needs: audit,
    gives: "array",
    rows: "kept",
    run: disks,
  }),
  get("/nodes/{node}/disks/zfs", {
    does: "The node's ZFS pools.",
    needs: on("/", "Sys.Audit"),
    gives: "array",
    run: pools,
  }),
  get("/nodes/{node}/subscription", { does: "The node's subscription.", needs: anyone, run: subscription }),
  get("/cluster/ceph/status", {
    does: "What Ceph says of itself.",
    needs: onAny("/", "Sys.Audit", "Datastore.Audit"),
    run: ceph,
  }),
];
