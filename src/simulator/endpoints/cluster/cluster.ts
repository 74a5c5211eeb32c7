import { anyone, may, mayAny, on } from "../../access.ts";
import { type Endpoint, get, type SimulatedCall } from "../../endpoint.ts";
import { refused } from "../../failure.ts";
import { choice, integer, optional } from "../../schema.ts";
import { resourceRow } from "../../state/guest-kinds.ts";
import { quorate, type SimulatedCluster } from "../../state/state.ts";
import { nodeRow, seen } from "../nodes/node.ts";
import { storageResources } from "../nodes/storage.ts";

function pools({ world, who }: SimulatedCall): object[] {
  const visible = [...world.pools.keys()].filter((pool) => may(world, who, `/pool/${pool}`, "Pool.Audit"));
  return visible.map((pool) => ({ id: `/pool/${pool}`, type: "pool", pool }));
}

/** Proxmox VE 9 calls them networks, 8 calls them sdn. */
function zones({ world, who }: SimulatedCall): object[] {
  if (!mayAny(world, who, "/sdn/zones/localnetwork", "SDN.Audit", "SDN.Use", "SDN.Allocate")) return [];
  return [...world.nodes.keys()].map((node) =>
    world.modern
      ? {
          id: `network/${node}/zone/localnetwork`,
          type: "network",
          "network-type": "zone",
          network: "localnetwork",
          node,
          status: "ok",
        }
      : { id: `sdn/${node}/localnetwork`, type: "sdn", sdn: "localnetwork", node, status: "ok" },
  );
}

function resources(call: SimulatedCall): object[] {
  const { world } = call;
  const type = call.text("type");
  const guests = [...world.guests.values()].sort((a, b) => a.vmid - b.vmid);
  const parts: Record<string, () => object[]> = {
    pool: () => pools(call),
    vm: () => guests.map((guest) => resourceRow(call, guest)).filter((row) => row !== undefined),
    node: () =>
      [...world.nodes.values()].map((node) => ({
        ...nodeRow(call, node),
        ...(node.online ? { "cgroup-mode": 2 } : {}),
      })),
    storage: () => storageResources(call),
    sdn: () => zones(call),
  };
  return type === "" ? Object.values(parts).flatMap((part) => part()) : (parts[type]?.() ?? []);
}

function status({ world, node: from }: SimulatedCall): object[] {
  const nodes = [...world.nodes.values()].map((node) => ({
    id: `node/${node.name}`,
    type: "node",
    name: node.name,
    nodeid: world.clustered ? node.id : 0,
    online: seen(world, node, from) ? 1 : 0,
    local: node.name === from ? 1 : 0,
    level: "",
    ...(node.online ? { ip: node.ip } : {}),
  }));
  if (!world.clustered) return nodes;
  return [
    {
      id: "cluster",
      type: "cluster",
      name: world.name,
      version: 3,
      nodes: nodes.length,
      quorate: quorate(world) ? 1 : 0,
    },
    ...nodes,
  ];
}

function nextId(world: SimulatedCluster): string {
  for (let vmid = 100; ; vmid++) if (!world.guests.has(vmid)) return String(vmid);
}

const audit = on("/", "Sys.Audit");
const nothing = (path: string, does: string): Endpoint =>
  get(path, { does, needs: anyone, gives: "array", run: () => [] });

export const clusterEndpoints: readonly Endpoint[] = [
  get("/cluster/resources", {
    does: "Everything in the cluster that the caller may see: guests, nodes, storages, pools, networks.",
    needs: anyone,
    takes: optional({ type: choice("Only this type.", ["vm", "storage", "node", "sdn"]) }),
    gives: "array",
    sets: ["content"],
    run: resources,
  }),
  get("/cluster/status", { does: "Quorum, and which nodes are online.", needs: audit, gives: "array", run: status }),
  get("/cluster/nextid", {
    does: "The lowest free guest number, or whether a given one is free.",
    needs: anyone,
    takes: optional({ vmid: integer("The number to check.", { minimum: 100, maximum: 999999999 }) }),
    gives: "integer",
    run: (call) => {
      const vmid = call.params["vmid"];
      if (vmid === undefined) return nextId(call.world);
      if (call.world.guests.has(Number(vmid))) throw refused({ vmid: `VM ${vmid} already exists` });
      return String(vmid);
    },
  }),
  get("/cluster/options", {
    does: "Settings of the whole datacenter.",
    needs: anyone,
    run: ({ world }) => world.options,
  }),
  get("/cluster/log", {
    does: "The cluster's log, newest first.",
    needs: anyone,
    takes: optional({ max: integer("How many entries.", { minimum: 1 }) }),
    gives: "array",
    rows: "kept",
    run: ({ world, who, number }) => {
      const all = may(world, who, "/", "Sys.Syslog");
      const written = world.log.filter(({ user }) => all || user === who.id).toReversed();
      const rows = written.map((entry, index) => {
        const uid = String(written.length - index + 1);
        return { ...entry, uid, id: `${uid}:${entry.node}`, tag: "pvedaemon", pri: 6 };
      });
      const started = [...world.nodes.values()]
        .filter(({ online }) => online)
        .map(({ name, booted }) => ({
          uid: "1",
          id: `1:${name}`,
          node: name,
          time: Math.floor(booted / 1000),
          pid: 145,
          user: "root",
          tag: "cluster",
          pri: 6,
          msg: "starting cluster log",
        }));
      return [...rows, ...started].slice(0, number("max", 50));
    },
  }),
  nothing("/cluster/mapping/pci", "The mapped PCI devices."),
  nothing("/cluster/metrics/server", "The servers that receive metrics."),
  nothing("/cluster/jobs/realm-sync", "The jobs that synchronize realms."),
];
