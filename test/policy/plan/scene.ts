import { type Cluster, ClusterManager } from "../../../src/clusters.ts";
import { Secret } from "../../../src/config/secret.ts";
import type { ClusterConfig } from "../../../src/config/types.ts";
import { classify } from "../../../src/policy/endpoint-classes/classify.ts";
import { GuestLists } from "../../../src/policy/guests.ts";
import type { Plan } from "../../../src/policy/plan/plan.ts";
import { makePlan } from "../../../src/policy/plan/planner.ts";
import { affected } from "../../../src/policy/targets.ts";
import type { Method } from "../../../src/proxmox/message.ts";
import { parseParams } from "../../../src/proxmox/params.ts";
import { type ApiPath, parsePath } from "../../../src/proxmox/path.ts";
import { parseUpid } from "../../../src/proxmox/tasks/upid.ts";
import { createDemo, type DemoCluster } from "../../../src/simulator/index.ts";

/** Plans of calls on a cluster, made at a fixed time. */
export interface Scene {
  /** `plan("DELETE /nodes/pve1/qemu/104", {purge: 1})`. */
  plan(request: string, params?: Record<string, unknown>, options?: PlanOptions): Promise<Plan>;
  /** The cluster whose client the plans use. */
  readonly cluster: Cluster;
  /** Every GET that plans made, in order. */
  readonly reads: readonly string[];
}

/** How a plan is made. */
export interface PlanOptions {
  /** Whether the caller may read a path through the server; anything by default. */
  readonly mayRead?: (path: ApiPath) => boolean;
}

const cluster: ClusterConfig = {
  name: "prod",
  endpoints: ["https://pve1.invalid:8006"],
  user: "mcp@pve",
  tokenId: "agent",
  tokenSecret: new Secret("00000000-0000-4000-8000-000000000000"),
  tls: { mode: "off" },
  timeoutMs: 5_000,
  policy: { access: "guarded", consentFallback: "code", allow: undefined, deny: [], protect: [] },
};

/** A scene over whatever answers requests: our own client, its policy and the planner are real. */
export function sceneOver(
  fetch: (request: Request) => Promise<Response>,
  { now = 0, config = cluster }: { readonly now?: number; readonly config?: ClusterConfig } = {},
): Scene {
  const reads: string[] = [];
  const clusters = new ClusterManager([config], () => ({
    fetch: async (request) => {
      const { pathname, search } = new URL(request.url);
      reads.push(`${decodeURIComponent(pathname.replace("/api2/json", ""))}${search}`);
      if (request.method !== "GET") throw new Error(`a plan sent ${request.method} ${pathname}`);
      return await fetch(request);
    },
  }));
  return {
    cluster: clusters.pick("prod"),
    reads,
    async plan(text, params = {}, { mayRead = () => true } = {}) {
      const [method = "", path = ""] = text.split(" ");
      const request = { method: method as Method, path: parsePath(path), params: parseParams(params) };
      const classified = classify(request);
      const lists = new GuestLists();
      const target = clusters.pick("prod");
      return await makePlan(
        {
          cluster: target,
          request,
          classified,
          subjects: affected(request, classified),
          guests: async () => await lists.of(target, {}),
          mayRead,
        },
        now,
      );
    },
  };
}

/** What a path answers: data, or a failure as Proxmox words it. */
export type Answer =
  | { readonly data: unknown; readonly changes?: unknown }
  | { readonly status: number; readonly message: string };

/** Answers by path, and by path with its query where one is written so. */
export type Answers = Record<string, Answer>;

/** Proxmox's words where a right is missing. */
export const forbidden: Answer = { status: 403, message: "Permission check failed (/vms/100, VM.Audit)" };

/** A scene over answers that are written down; every other path is forbidden. Keys and rows come in another order each time, as Perl writes them. */
export function sceneWith(answers: Answers, now = 0): Scene {
  let turn = 0;
  return sceneOver(
    async (request) => {
      const { pathname, search } = new URL(request.url);
      const path = decodeURIComponent(pathname.replace("/api2/json", ""));
      const answer = answers[`${path}${decodeURIComponent(search)}`] ?? answers[path] ?? forbidden;
      if ("status" in answer) {
        return Response.json({ data: null, message: `${answer.message}\n` }, { status: answer.status });
      }
      return Response.json({ ...answer, data: rotate(answer.data, turn++) });
    },
    { now },
  );
}

/** The same value with its keys and rows in another order. */
function rotate(value: unknown, by: number): unknown {
  if (Array.isArray(value)) return turned(value, by).map((item) => rotate(item, by));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(turned(Object.entries(value), by).map(([key, item]) => [key, rotate(item, by)]));
}

function turned<T>(items: readonly T[], by: number): T[] {
  const at = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}

/** A scene over the simulator's cluster of three nodes, and its administrator. */
export function demoScene(now: number = Date.now()) {
  const [alpha] = createDemo({ authDelayMs: 0, offlineDelayMs: 0, taskMs: 1 }).clusters as readonly [DemoCluster];
  const { user, tokenId, tokenSecret } = alpha.credentials;
  const scene = sceneOver((request) => alpha.fetch(request), {
    now,
    config: { ...cluster, user, tokenId, tokenSecret: new Secret(tokenSecret) },
  });
  const admin = async (method: string, path: string, params: Record<string, string> = {}): Promise<unknown> => {
    const form = new URLSearchParams(params);
    const inQuery = method === "GET" || method === "DELETE";
    const response = await alpha.fetch(
      new Request(`https://demo/api2/json${path}${inQuery && form.size > 0 ? `?${form}` : ""}`, {
        method,
        headers: { authorization: `PVEAPIToken=${user}!${tokenId}=${tokenSecret}` },
        ...(!inQuery && { body: form }),
      }),
    );
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    const { data } = (await response.json()) as { data: unknown };
    const task = typeof data === "string" ? parseUpid(data) : undefined;
    const isOver = async () => {
      const status = await admin("GET", `/nodes/${task?.node}/tasks/${data}/status`);
      return (status as { readonly status: string }).status === "stopped";
    };
    while (task !== undefined && !(await isOver())) await Bun.sleep(1);
    return data;
  };
  const fetch = async ({ url }: Request): Promise<Response> =>
    await alpha.fetch(
      new Request(url, { headers: { authorization: `PVEAPIToken=${user}!${tokenId}=${tokenSecret}` } }),
    );
  return { ...scene, admin, fetch };
}
