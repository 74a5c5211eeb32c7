import { endpoints } from "./api.ts";
import { apidoc, apidocPath } from "./apidoc.ts";
import { settle } from "./endpoints/nodes/task.ts";
import { Failure } from "./failure.ts";
import { crowd } from "./fixtures/bulk-guests.ts";
import { beta } from "./fixtures/single-node.ts";
import { alpha } from "./fixtures/three-node.ts";
import { answer, failed, grow } from "./router.ts";
import type { Faults, SimulatedCluster } from "./state/state.ts";

export type { Faults, SimulatedCluster } from "./state/state.ts";

/** How a demo starts and how long things take in it. */
export interface DemoOptions {
  /** Milliseconds since 1970; default `Date.now`. Everything that moves follows it. */
  readonly now?: () => number;
  /** What a refused token waits for its 401, in milliseconds; default 3000, as real servers do. */
  readonly authDelayMs?: number;
  /** What a request to an offline node takes, in milliseconds; default 2000. */
  readonly offlineDelayMs?: number;
  /** What a request to a frozen node takes, in milliseconds; default 30000. */
  readonly frozenDelayMs?: number;
  /** What a write waits for the cluster's lock without quorum, in milliseconds; default 10000. */
  readonly lockDelayMs?: number;
  /** About how long simulated tasks run, in milliseconds; default 2500. */
  readonly taskMs?: number;
  /** Start as the recordings found it: every guest off, no task in the log. Default false: a cluster at work. */
  readonly asRecorded?: boolean;
  /** So many guests on each cluster, instead of the few that the recordings show. */
  readonly guests?: number;
  /**
   * Decides the order of everything that Proxmox keeps in hashes; default `Math.random`, so that keys, rows and sets
   * come in another order with every answer.
   */
  readonly random?: () => number;
}

/** One simulated cluster. */
export interface DemoCluster {
  readonly name: string;
  readonly nodes: readonly string[];
  readonly credentials: { readonly user: string; readonly tokenId: string; readonly tokenSecret: string };
  /** Tokens by what they may do, each as `user!tokenid=secret`: admin, audit, op, none, expired, bad. */
  readonly tokens: Readonly<Record<string, string>>;
  /** Set these to break the cluster, at any time. */
  readonly faults: Faults;
  /** The cluster's state; a change to it shows in the next answer. */
  readonly world: SimulatedCluster;
  /** Answers as `node` (default: the first one that is online) would as the entry point. */
  fetch(request: Request, node?: string): Promise<Response>;
}

/** Clusters that share nothing with those of another demo. */
export interface Demo {
  readonly clusters: readonly DemoCluster[];
}

/** Two clusters to try the product on: `alpha`, three nodes of which one is offline, and `beta`, a single older node. */
export function createDemo(options: DemoOptions = {}): Demo {
  const now = options.now ?? Date.now;
  const setting = {
    now,
    delays: {
      auth: options.authDelayMs ?? 3000,
      offline: options.offlineDelayMs ?? 2000,
      frozen: options.frozenDelayMs ?? 30000,
      lock: options.lockDelayMs ?? 10000,
    },
    taskMs: options.taskMs ?? 2500,
    asRecorded: options.asRecorded ?? false,
    random: options.random ?? Math.random,
  };
  const started = new Date(now()).toUTCString();
  const worlds = [alpha(setting), beta(setting)].map((world) => crowd(world, options.guests ?? 0));
  return { clusters: worlds.map((world) => cluster(world, started)) };
}

const api = grow(endpoints);

function cluster(world: SimulatedCluster, started: string): DemoCluster {
  const tokens: Record<string, string> = {};
  for (const [user, { tokens: own }] of world.users)
    for (const [id, { secret, comment }] of own)
      tokens[roles[`${user}!${id}`] ?? comment ?? id] = `${user}!${id}=${secret}`;
  const secret = tokens["admin"]?.split("=")[1] ?? "";
  tokens["bad"] = "mcp@pve!tok=00000000-0000-4000-8000-00000000dead";
  const first = (): string => [...world.nodes.values()].find(({ online }) => online)?.name ?? "";
  return {
    name: world.name,
    nodes: [...world.nodes.keys()],
    credentials: { user: "mcp@pve", tokenId: "tok", tokenSecret: secret },
    tokens,
    faults: world.faults,
    world,
    fetch: async (request, node = first()) => {
      const { pathname } = new URL(request.url);
      // Nothing listens on a node that is off. It comes back from a reboot on time, whether anybody asks it or not.
      settle(world);
      if (world.nodes.get(node)?.online !== true) throw new Error(`connect ECONNREFUSED: node '${node}' is offline`);
      // A frozen node takes connections and never answers: only the caller's patience ends that.
      if (world.faults.frozen.includes(node)) return await never(request.signal);
      if (pathname === apidocPath) return schema(request, started);
      const path = /^\/api2\/json(\/.*)?$/.exec(pathname);
      if (path !== null) return await answer(world, api, request, node, path[1] ?? "/");
      if (pathname === "/") return new Response(page, { headers: { "content-type": "text/html; charset=UTF-8" } });
      return failed(new Failure(500, `no such file '${pathname}'`, { bodiless: true }));
    },
  };
}

const roles: Readonly<Record<string, string>> = {
  "mcp@pve!tok": "admin",
  "audit@pve!tok": "audit",
  "operator@pve!tok": "op",
  "mcp@pve!none": "none",
  "mcp@pve!expired": "expired",
};

function never(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

const page = "<!DOCTYPE html>\n<html><head><title>Proxmox Virtual Environment</title></head><body></body></html>\n";

let written: string | undefined;

function schema(request: Request, modified: string): Response {
  if (request.method !== "GET")
    return failed(new Failure(501, `method '${request.method}' not available`, { bodiless: true }));
  const since = request.headers.get("if-modified-since");
  if (since !== null && Date.parse(since) >= Date.parse(modified))
    return new Response(null, { status: 304, statusText: "Not Modified" });
  written ??= apidoc(endpoints);
  return new Response(written, { headers: { "content-type": "application/javascript", "last-modified": modified } });
}
