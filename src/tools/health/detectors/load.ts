import type { Finding } from "../finding.ts";
import { defineDetector } from "../snapshot.ts";
import { percent } from "../wording.ts";

/** Shares of a node's memory and processors that an hour's mean should stay below. */
const memoryShort = 0.93;
const processorsBusy = 0.9;

/** Fewer minutes than this say nothing of an hour: the node has just booted. */
const leastMinutes = 15;

/** Nodes that were short of memory or processors for the last hour. */
export const pressure = defineDetector({
  name: "pressure",
  reads: ["load", "pools"],
  find({ nodes, guests }) {
    const runningOn = Map.groupBy(
      guests.filter(({ status }) => status === "running"),
      ({ node }) => node,
    );
    return nodes.flatMap(({ name, load = [], pools = [] }): Finding[] => {
      const running = runningOn.get(name)?.length ?? 0;
      const object = `node ${name}`;
      const memory = mean(load.map(memoryUse));
      const cpu = mean(load.map((row) => row.cpu));
      const withCache = pools.length > 0 && load.every(({ memavailable }) => memavailable === undefined);
      const short: Finding = withCache
        ? {
            urgency: "later",
            object,
            what: `memory ${percent(memory)} used over the last hour, ZFS's cache included, with ${running} running guests`,
            next: "`arc_summary` on the node tells how much the cache takes; what it takes it gives back, if slowly.",
          }
        : {
            urgency: "soon",
            object,
            what: `memory ${percent(memory)} used over the last hour, with ${running} running guests`,
            next: "Move guests away or give them less: when memory runs out the kernel kills one.",
          };
      const busy: Finding = {
        urgency: "soon",
        object,
        what: `CPU ${percent(cpu)} busy over the last hour, with ${running} running guests`,
        next: "get_cluster_resources sorted by CPU shows which guest it is; limit it or move guests away.",
      };
      return [...(memory >= memoryShort ? [short] : []), ...(cpu >= processorsBusy ? [busy] : [])];
    });
  },
});

/** Since Proxmox VE 9 it says what is available, and apart from that how much ZFS's cache takes (PVE::ProcFSTools). */
function memoryUse(row: {
  readonly memused?: number | undefined;
  readonly memtotal?: number | undefined;
  readonly memavailable?: number | undefined;
  readonly arcsize?: number | undefined;
}): number | undefined {
  const { memused, memtotal = 0, memavailable, arcsize = 0 } = row;
  if (memtotal === 0 || memused === undefined) return undefined;
  return ((memavailable === undefined ? memused : memtotal - memavailable) - arcsize) / memtotal;
}

function mean(values: readonly (number | undefined)[]): number {
  const known = values.filter((value) => value !== undefined);
  return known.length < leastMinutes ? 0 : known.reduce((sum, value) => sum + value, 0) / known.length;
}
