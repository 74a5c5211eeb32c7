import { anyone, may, on } from "../../access.ts";
import { type Endpoint, get, type SimulatedCall } from "../../endpoint.ts";
import { choice } from "../../schema.ts";
import { certificates, packages } from "../../state/inventory.ts";
import { findNode, type Node, quorate, type SimulatedCluster, seconds } from "../../state/state.ts";
import { frameNames, moments, nodeLoad } from "../cluster/metrics.ts";
import { beginTask } from "./task.ts";

const audit = on("/nodes/{node}", "Sys.Audit");
const disk = 270553174016;

/** Whether the node in front sees this one: without quorum it sees only itself. */
export function seen(world: SimulatedCluster, node: Node, from: string): boolean {
  return node.online && (quorate(world) || node.name === from);
}

/** A node as `/cluster/resources` and `/nodes` show it; load only with the right to see it. */
export function nodeRow(call: SimulatedCall, node: Node): Record<string, unknown> {
  const { world, who } = call;
  const row = { id: `node/${node.name}`, type: "node", node: node.name };
  if (!node.online) return { ...row, status: "offline" };
  const online = { ...row, status: seen(world, node, call.node) ? "online" : "offline", level: "" };
  if (!may(world, who, `/nodes/${node.name}`, "Sys.Audit")) return online;
  const size = { maxcpu: node.cpus, maxmem: node.memory, maxdisk: disk };
  if (online.status === "offline") return { ...online, ...size };
  const { cpu, mem, disk: used, uptime } = nodeLoad(world, node);
  return { ...online, ...size, cpu, mem, disk: used, uptime };
}

function status(world: SimulatedCluster, node: Node): object {
  const { cpu, mem, disk: used } = nodeLoad(world, node);
  const total = node.memory;
  const available = world.modern ? { available: total - mem } : {};
  const release = "6.17.4-1-pve";
  const version = "#1 SMP PREEMPT_DYNAMIC @0";
  const cpuinfo = {
    model: "AMD EPYC",
    ...(world.modern ? { vendor: "AuthenticAMD", family: "26" } : {}),
    flags: "fpu vme de pse tsc msr svm",
    hvm: "1",
    mhz: "2596.122",
    user_hz: 100,
  };
  return {
    cpu,
    cpuinfo: { ...cpuinfo, cpus: node.cpus, cores: node.cpus, sockets: 1 },
    memory: { total, used: mem, free: total - mem - 236703744, ...available },
    rootfs: { total: disk, used, free: disk - used, avail: disk - used - 161608880128 },
    swap: { total: 0, used: 0, free: 0 },
    ksm: { shared: 0 },
    loadavg: [1, 0.8, 0.7].map((part) => (cpu * node.cpus * part).toFixed(2)),
    // Exact, and the clock by which the `pstart` of a UPID counts.
    uptime: Math.floor((world.now() - node.booted) / 1000),
    idle: 0,
    wait: 0,
    "boot-info": { mode: "legacy-bios" },
    "current-kernel": { sysname: "Linux", release, version, machine: "x86_64" },
    kversion: `Linux ${release} ${version}`,
    pveversion: `pve-manager/${world.version.version}/${world.version.repoid}`,
  };
}

function history(world: SimulatedCluster, node: Node, frame: string): object[] {
  return moments(world, frame).map((time) => {
    if (time * 1000 < node.booted) return { time };
    const { disk: used, netin, netout, ...load } = nodeLoad(world, node, time * 1000);
    const fault = world.faults.nodes[node.name];
    const cpu = fault?.cpu ?? load.cpu;
    const mem = fault?.memory === undefined ? load.mem : node.memory * fault.memory;
    const zero = { iowait: 0, swaptotal: 0, swapused: 0 };
    const size = { maxcpu: node.cpus, memtotal: node.memory, roottotal: disk };
    const row = { time, cpu, memused: mem, rootused: used, netin, netout, loadavg: cpu * node.cpus, ...size, ...zero };
    const pressure = {
      pressurecpusome: 0,
      pressureiosome: 0,
      pressureiofull: 0,
      pressurememorysome: 0,
      pressurememoryfull: 0,
    };
    return world.modern ? { ...row, ...pressure, arcsize: 0, memavailable: node.memory - mem } : row;
  });
}

const own = (call: SimulatedCall): Node => findNode(call.world, call.node);

export const nodeEndpoints: readonly Endpoint[] = [
  get("/version", {
    does: "The version that answers.",
    needs: anyone,
    run: ({ world }) => ({
      ...world.version,
      ...(world.options["console"] === undefined ? {} : { console: world.options["console"] }),
    }),
  }),
  get("/nodes", {
    does: "The cluster's nodes.",
    needs: anyone,
    gives: "array",
    run: (call) =>
      [...call.world.nodes.values()].map((node) => ({ ...nodeRow(call, node), ssl_fingerprint: node.fingerprint })),
  }),
  get("/nodes/{node}/status", {
    does: "The node's load and hardware.",
    needs: audit,
    run: (call) => status(call.world, own(call)),
  }),
  get("/nodes/{node}/version", {
    does: "The node's version.",
    needs: anyone,
    run: ({ world, node }) => ({
      ...world.version,
      version: world.faults.nodes[node]?.version ?? world.version.version,
    }),
  }),
  get("/nodes/{node}/rrddata", {
    does: "How the node's load went.",
    needs: audit,
    takes: {
      timeframe: choice("How far back.", frameNames),
      cf: choice("Mean or maximum.", ["AVERAGE", "MAX"], { optional: 1 }),
    },
    gives: "array",
    rows: "kept",
    run: (call) => history(call.world, own(call), call.text("timeframe")),
  }),
  get("/nodes/{node}/dns", {
    does: "The node's DNS settings.",
    needs: audit,
    run: ({ world }) => ({ dns1: "127.0.0.1", search: `${world.name}.test` }),
  }),
  get("/nodes/{node}/time", {
    does: "The node's clock.",
    needs: audit,
    run: ({ world, node }) => {
      const time = seconds(world) + (world.faults.nodes[node]?.clockSeconds ?? 0);
      return { time, localtime: time, timezone: "Etc/UTC" };
    },
  }),
  get("/nodes/{node}/apt/update", {
    does: "Packages that could be updated.",
    needs: on("/nodes/{node}", "Sys.Modify"),
    gives: "array",
    run: ({ world, node }) => packages().slice(0, world.faults.nodes[node]?.updates),
  }),
  get("/nodes/{node}/apt/versions", {
    does: "The versions of Proxmox's own packages.",
    needs: audit,
    gives: "array",
    rows: "kept",
    run: () => packages().map((it) => ({ ...it, CurrentState: "Installed" })),
  }),
  get("/nodes/{node}/certificates/info", {
    does: "The node's certificates.",
    needs: anyone,
    gives: "array",
    rows: "kept",
    run: (call) => certificates(call.world, own(call)),
  }),
  get("/nodes/{node}/capabilities/qemu/cpu", {
    does: "The processor models that QEMU knows.",
    needs: anyone,
    gives: "array",
    run: () =>
      ["host", "max", "x86-64-v2-AES", "EPYC-Genoa", "Cascadelake-Server"].map((name) => ({
        name,
        custom: 0,
        vendor: name.startsWith("EPYC") ? "AuthenticAMD" : name.startsWith("C") ? "GenuineIntel" : "default",
        ...(name.startsWith("x86") ? { abstract: 1 } : {}),
      })),
  }),
];

/** Gives a demo that looks lived in its first tasks: a backup that went well, and one that did not. */
export function livedIn(world: SimulatedCluster, node: string): void {
  beginTask(world, { node, type: "vzdump", id: "", user: "root@pam" }, function* () {
    yield "INFO: starting new backup job: vzdump 100 101 200 --mode snapshot --storage backups";
    yield "ERROR: Backup of VM 101 failed - no space left on device";
    throw new Error("job errors");
  });
  beginTask(world, { node, type: "aptupdate", id: "", user: "root@pam" }, function* () {
    yield "starting apt-get update";
  });
}
