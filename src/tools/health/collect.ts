import { PolicyRefusal } from "../../policy/refusal.ts";
import { ProxmoxError } from "../../proxmox/errors/proxmox-error.ts";
import type { ToolContext } from "../tool.ts";
import { asker, type QueryRunner } from "./asker.ts";
import { readBackupFiles } from "./backup-files.ts";
import type { Finding } from "./finding.ts";
import { inventory } from "./inventory.ts";
import { noteLimits } from "./limits.ts";
import { ceph, clusterReadings, type NodeReading, nodeReadings, type Reading, resources, version } from "./queries.ts";
import { type Gap, reasonOf } from "./skipped-checks.ts";
import type { HealthSnapshot, NodeSnapshot, NodeStorage, NodeSummary, ReadingName } from "./snapshot.ts";
import { quoted } from "./wording.ts";

/** A look at one cluster. */
export interface Collection {
  readonly cluster: string;
  /** What was read; `undefined` where the cluster gave nothing at all. */
  readonly view: HealthSnapshot | undefined;
  /** That it gave nothing, where that needs a human. */
  readonly findings: readonly Finding[];
  /** For what else is to be asked of it; what cannot be learned stands in its gaps. */
  readonly asker: QueryRunner;
}

/** Proxmox supports clusters of some 32 nodes; an answer that claims many more is not followed. */
const maxNodes = 64;

/** Failures by which a node is silent, not unwilling. */
const silences = ["unreachable", "timeout", "node-offline", "node-timeout"];

/**
 * Reads what is wanted of a cluster, all at once; what does not answer holds up nothing else.
 * @throws {ClusterChoiceError} for a wrong cluster; the signal's reason when it is aborted.
 */
export async function look(
  context: ToolContext,
  cluster: string,
  wanted: ReadonlySet<ReadingName>,
): Promise<Collection> {
  const ask = asker(context, cluster);
  const [found, read] = await Promise.all([
    ask.attempt(resources),
    readAll<Reading<unknown>>(clusterReadings, wanted, async (reading) => await ask.read(reading)),
  ]);
  if (found.error !== undefined) return unseen(cluster, ask, found.error);
  const now = Math.floor((found.date?.getTime() ?? Date.now()) / 1000);
  const { guests, storages, hosts: known } = inventory(found.value, cluster);
  const [{ hosts, nodes }, cephStatus] = await Promise.all([
    readNodes(ask, known, now, wanted),
    wanted.has("ceph") ? readCeph(ask, storages) : undefined,
  ]);
  const view = { cluster, now, guests, storages, hosts, nodes, ...read, ceph: cephStatus } as HealthSnapshot;
  const backupFiles = wanted.has("backupFiles") ? await readBackupFiles(view, ask) : undefined;
  ask.gaps.push(...noteLimits(view));
  return { cluster, view: { ...view, backupFiles }, findings: [], asker: ask };
}

/** A cluster that does not even say what it has. What the configuration withholds is no fault of the cluster's. */
function unseen(cluster: string, ask: QueryRunner, error: Parameters<typeof reasonOf>[0]): Collection {
  if (error instanceof PolicyRefusal) {
    const gaps: Gap[] = [{ what: resources.label, reason: reasonOf(error) }];
    return { cluster, view: undefined, findings: [], asker: { ...ask, gaps } };
  }
  const [why, hint] = error instanceof ProxmoxError ? [quoted(error.what), error.hint] : [reasonOf(error), undefined];
  const what = `cannot be looked at: ${why}`;
  const next = hint?.replaceAll(/\s+/g, " ") ?? "Look at its nodes' network and pveproxy.";
  const findings: Finding[] = [{ urgency: "now", object: "cluster", what, next }];
  return { cluster, view: undefined, findings, asker: { ...ask, gaps: [] } };
}

/** Asks the nodes that count as online; each one's version first, so that a silent one costs one question. */
async function readNodes(
  ask: QueryRunner,
  known: readonly NodeSummary[],
  now: number,
  wanted: ReadonlySet<ReadingName>,
) {
  const online = known.filter(({ status }) => status !== "offline");
  const beyond = online.slice(maxNodes);
  if (beyond.length > 0) ask.gaps.push({ what: `${beyond.length} nodes`, reason: `only ${maxNodes} are looked into` });
  const silent = new Map<string, string>();
  const views = await Promise.all(
    online.slice(0, maxNodes).map(async ({ name }): Promise<NodeSnapshot[]> => {
      const below = { ...version, path: ["nodes", name, ...version.path] };
      const first = await ask.attempt(below);
      if (first.error instanceof ProxmoxError && silences.includes(first.error.kind)) {
        silent.set(name, reasonOf(first.error));
        return [];
      }
      if (first.error !== undefined) {
        ask.gaps.push({ what: version.label, node: name, reason: reasonOf(first.error) });
      }
      const read = await readAll<NodeReading<unknown>>(nodeReadings, wanted, async ({ params, ...reading }) => {
        const path = ["nodes", name, ...reading.path];
        return await ask.read({ ...reading, path, ...(params !== undefined && { params: params(now) }) }, name);
      });
      return [{ name, version: first.error === undefined ? first.value : undefined, ...read }];
    }),
  );
  return { nodes: views.flat(), hosts: known.map((host) => ({ ...host, silent: silent.get(host.name) })) };
}

/** Proxmox fails where Ceph is not installed, in words only; that nothing is stored on it says the same. */
async function readCeph(ask: QueryRunner, storages: readonly NodeStorage[]) {
  const { error, ...outcome } = await ask.attempt(ceph);
  if (error === undefined) return "value" in outcome ? outcome.value : undefined;
  const failed = error instanceof ProxmoxError && error.kind === "failed";
  const used = storages.some(({ type }) => type === "rbd" || type === "cephfs");
  if (used || !failed) ask.gaps.push({ what: ceph.label, reason: reasonOf(error) });
  return undefined;
}

async function readAll<Each>(
  readings: Readonly<Record<string, Each>>,
  wanted: ReadonlySet<string>,
  read: (reading: Each) => Promise<unknown>,
): Promise<Record<string, unknown>> {
  const named = Object.entries(readings).filter(([name]) => wanted.has(name));
  return Object.fromEntries(await Promise.all(named.map(async ([name, reading]) => [name, await read(reading)])));
}
