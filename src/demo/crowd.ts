import { guest } from "./build.ts";
import type { Config, World } from "./world.ts";

const roles = ["web", "db", "app", "cache", "mail", "git", "ci", "proxy", "mon", "log", "queue", "dev"] as const;
const stages = ["prod", "staging", "dev"] as const;
const memories = [512, 1024, 2048, 4096, 8192, 16384] as const;
const day = 86_400_000;

/** Fills a cluster with guests, as a company's would be: every fourth is off, every third a container, over all nodes. */
export function crowd(world: World, count: number): World {
  const nodes = [...world.nodes.keys()];
  const [pool] = world.pools.values();
  for (let index = 0; world.guests.size < count; index++) {
    const vmid = 1000 + index;
    const kind = index % 3 === 2 ? "lxc" : "qemu";
    const role = roles[index % roles.length] ?? "vm";
    const stage = stages[(index >> 2) % stages.length] ?? "dev";
    const memory = memories[(index * 7) % memories.length] ?? 512;
    const name = `${role}-${String(1 + Math.floor(index / roles.length)).padStart(2, "0")}`;
    const common: Config = {
      cores: 1 + (index % 8),
      memory: kind === "qemu" ? String(memory) : memory,
      tags: `${stage};${role}`,
    };
    const own: Config =
      kind === "qemu"
        ? { name, boot: "order=scsi0", scsi0: `vmdata:${vmid}/vm-${vmid}-disk-0.qcow2,size=${8 + (index % 5) * 8}G` }
        : { hostname: name, rootfs: `vmdata:${vmid}/vm-${vmid}-disk-0.raw,size=8G` };
    const made = guest(kind, vmid, nodes[index % nodes.length] ?? "", { ...common, ...own });
    if (index % 4 !== 3) made.run = { since: world.now() - (1 + (index % 90)) * day, pid: 2000 + vmid, paused: false };
    world.guests.set(vmid, made);
    if (index % 5 === 0) pool?.guests.add(vmid);
  }
  return world;
}
