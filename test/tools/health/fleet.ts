import { Secret } from "../../../src/config/secret.ts";
import type { ClusterConfig } from "../../../src/config/types.ts";
import { createDemo, type DemoCluster, type DemoOptions } from "../../../src/simulator/index.ts";
import { clusterHealth } from "../../../src/tools/catalog/cluster-health.ts";
import { guarded } from "../../support/guarded.ts";

const open: ClusterConfig["policy"] = {
  access: "full",
  consentFallback: "code",
  allow: undefined,
  deny: [],
  protect: [],
};

/** A cluster that answers inside this process. */
export interface Member {
  readonly name: string;
  /** `user!tokenid=secret`; the default may do anything. */
  readonly token?: string | undefined;
  readonly policy?: Partial<ClusterConfig["policy"]>;
  readonly fetch: (request: Request) => Promise<Response>;
}

/** What `cluster_health` says of these clusters. */
export async function healthOf(
  members: readonly Member[],
  cluster?: string,
  signal = new AbortController().signal,
): Promise<string> {
  const configs = members.map(({ name, token = "mcp@pve!tok=none", policy = {} }): ClusterConfig => {
    const [, user = "", tokenId = "", secret = ""] = /^(.+)!(.+)=(.+)$/.exec(token) ?? [];
    return {
      name,
      endpoints: [`https://${name}.invalid:8006`],
      user,
      tokenId,
      tokenSecret: new Secret(secret),
      tls: { mode: "verify" },
      timeoutMs: 30_000,
      policy: { ...open, ...policy },
    };
  });
  const proxmox = guarded(configs, {
    optionsOf: (name) => {
      const member = members.find((each) => each.name === name);
      return member === undefined ? {} : { fetch: member.fetch };
    },
  });
  return await clusterHealth.call(cluster === undefined ? {} : { cluster }, { proxmox, signal });
}

/** The demo's clusters as members, with their tokens of full rights. */
export function membersOf(clusters: readonly DemoCluster[], token = "admin"): Member[] {
  return clusters.map(({ name, tokens, fetch }) => ({
    name,
    token: tokens[token],
    fetch: async (request) => await fetch(request),
  }));
}

/** A member that answers some paths otherwise. */
export function instead(
  member: Member | undefined,
  answers: Readonly<Record<string, () => Response | Promise<Response>>>,
): Member {
  if (member === undefined) throw new Error("the demo has other clusters");
  return {
    ...member,
    fetch: async (request) => {
      const answer = answers[decodeURIComponent(new URL(request.url).pathname.replace("/api2/json", ""))];
      return answer === undefined ? await member.fetch(request) : await answer();
    },
  };
}

/** Two clusters in which nothing is wrong: all nodes on, all guests backed up last night, nothing to update. */
export function healthyDemo(options: DemoOptions = {}): { alpha: DemoCluster; beta: DemoCluster } {
  const demo = createDemo({ offlineDelayMs: 0, authDelayMs: 0, frozenDelayMs: 0, ...options });
  for (const { world, nodes } of demo.clusters) {
    const night = Math.floor(world.now() / 1000) - 6 * 3600;
    for (const node of world.nodes.values()) node.online = true;
    world.faults.nodes = Object.fromEntries(nodes.map((name) => [name, { updates: 0 }]));
    world.storages.delete("tank");
    world.tasks.length = 0;
    const storage = world.storages.has("backups") ? "backups" : "local";
    world.jobs.splice(0, world.jobs.length, { id: "nightly", all: 1, enabled: 1, schedule: "02:00", storage });
    const volumes = world.storages.get(storage)?.volumes;
    for (const { vmid, kind } of world.guests.values()) {
      const row = { content: "backup", ctime: night, format: "vma.zst", size: 1, subtype: kind, vmid };
      volumes?.push({ volid: `${storage}:backup/vzdump-${kind}-${vmid}-night.vma.zst`, node: undefined, row });
    }
  }
  const [alpha, beta] = demo.clusters;
  if (alpha === undefined || beta === undefined) throw new Error("the demo has other clusters");
  return { alpha, beta };
}
