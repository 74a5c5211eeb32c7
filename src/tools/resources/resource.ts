/** A row of `GET /cluster/resources`, with the cluster that gave it. Which keys there are differs by type and status. */
export interface Resource {
  readonly cluster: string;
  readonly type: string;
  /** `qemu/100`, `node/pve1`, `storage/pve1/local`. */
  readonly id: string;
  readonly name?: string;
  readonly vmid?: number;
  readonly node?: string;
  readonly status?: string;
  readonly template?: number;
  readonly lock?: string;
  readonly tags?: string;
  readonly pool?: string;
  readonly hastate?: string;
  readonly storage?: string;
  readonly plugintype?: string;
  readonly content?: string;
  readonly shared?: number;
  /** Zones and fabrics: Proxmox 9.1 lists them as `network`, earlier ones as `sdn`. */
  readonly network?: string;
  readonly sdn?: string;
  /** A share of all cores, 0 to 1. */
  readonly cpu?: number;
  readonly maxcpu?: number;
  /** Bytes, as all of these; what a guest's disk holds is known of containers only. */
  readonly mem?: number;
  readonly maxmem?: number;
  readonly disk?: number;
  readonly maxdisk?: number;
  /** Seconds; 0 while it is off. */
  readonly uptime?: number;
  readonly [key: string]: unknown;
}

/** What `type` may ask for: Proxmox's types, and `vm` for both kinds of guests, as Proxmox's own parameter has it. */
export const resourceTypes = ["vm", "qemu", "lxc", "node", "storage", "pool", "sdn"] as const;

/** Whether a resource is of a type that was asked for. */
export function isOfType({ type }: Resource, asked: (typeof resourceTypes)[number] | undefined): boolean {
  if (asked === undefined || type === asked) return true;
  if (asked === "vm") return type === "qemu" || type === "lxc";
  return asked === "sdn" && type === "network";
}

/** Whether it is at work, so that its load is one. */
export function isOn({ status }: Resource): boolean {
  return status === "running" || status === "online" || status === "available";
}

/** A part by its whole; `undefined` where either is not known. */
export function ratio(part: number | undefined, whole: number | undefined): number | undefined {
  return part === undefined || whole === undefined || whole === 0 ? undefined : part / whole;
}

/** A storage that all nodes share is listed for each of them, and is one thing all the same. */
export function foldShared(resources: readonly Resource[]): Resource[] {
  const folded = new Map<string, Resource>();
  for (const resource of resources) {
    const { type, shared, storage, cluster, node = "", status } = resource;
    const key =
      type === "storage" && shared === 1 ? JSON.stringify([cluster, storage]) : JSON.stringify([cluster, resource.id]);
    const known = folded.get(key);
    if (known === undefined) folded.set(key, resource);
    // A node that does not report knows nothing of it; whoever does tells more.
    else {
      const better = known.status === "available" || status !== "available" ? known : resource;
      folded.set(key, { ...better, id: known.id, node: `${known.node},${node}` });
    }
  }
  return [...folded.values()];
}
