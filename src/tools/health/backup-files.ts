import { z } from "zod";
import type { QueryRunner } from "./asker.ts";
import { isEnabled } from "./backup-jobs.ts";
import { holds, holdsOnAll } from "./rights.ts";
import type { BackupFiles, HealthSnapshot, StoredBackups } from "./snapshot.ts";
import { listed } from "./wording.ts";

/** A list of backups may be megabytes long; no cluster has that many storages for them. */
const maxStorages = 8;

const parse = (data: unknown) =>
  z.array(z.object({ vmid: z.coerce.number().optional(), ctime: z.coerce.number().optional() })).parse(data);

/** Reads what backups there are on the storages that enabled jobs write to. */
export async function readBackupFiles(
  view: HealthSnapshot<"jobs" | "permissions">,
  asker: QueryRunner,
): Promise<BackupFiles | undefined> {
  if (view.jobs === undefined) return undefined;
  const enabled = view.jobs.filter(isEnabled);
  const unnamed = enabled.flatMap(({ id, storage }) => (storage === undefined ? id : []));
  if (unnamed.length > 0) {
    const reason = "no storage is named: vzdump.conf on the nodes does that";
    asker.gaps.push({ what: `backups of jobs without a storage, ${listed(unnamed)}`, reason });
  }
  const names = new Set(enabled.flatMap(({ storage }) => storage ?? []));
  const files = new Map<string, StoredBackups>();
  await Promise.all(
    [...names].map(async (name, index) => {
      const what = `backups on ${name}`;
      const reason = index < maxStorages ? lackingRight(view, name) : `more than ${maxStorages} storages`;
      if (reason !== undefined) {
        asker.gaps.push({ what, reason });
        return;
      }
      const stored = await readBackups(name, what, view, asker);
      if (stored !== undefined) files.set(name, stored);
    }),
  );
  return files;
}

async function readBackups(
  name: string,
  what: string,
  view: HealthSnapshot,
  asker: QueryRunner,
): Promise<StoredBackups | undefined> {
  const answering = new Set(view.nodes.map((node) => node.name));
  const everywhere = view.storages.filter((it) => it.name === name);
  const at = everywhere.filter((it) => it.active && answering.has(it.node));
  const [first] = at;
  if (first === undefined) {
    asker.gaps.push({ what, reason: "the storage is not active, or not visible to the token" });
    return undefined;
  }
  const asked = first.shared ? [first] : at;
  const lists = await Promise.all(
    asked.map(({ node }) =>
      asker.read(
        { label: what, path: ["nodes", node, "storage", name, "content"], params: { content: "backup" }, parse },
        node,
      ),
    ),
  );
  if (lists.includes(undefined)) return undefined;
  const newest = new Map<number, number>();
  for (const { vmid, ctime = 0 } of lists.flatMap((list) => list ?? [])) {
    if (vmid !== undefined) newest.set(vmid, Math.max(newest.get(vmid) ?? 0, ctime));
  }
  if (first.shared) return { newest, nodes: new Set(view.hosts.map((host) => host.name)) };
  const nodes = new Set(asked.map(({ node }) => node));
  for (const { node } of everywhere) {
    // A node that does not answer is spoken of by itself.
    if (answering.has(node) && !nodes.has(node)) {
      asker.gaps.push({ what, node, reason: "the storage is not active there" });
    }
  }
  return { newest, nodes };
}

/** Proxmox leaves backups out of the list that the token may not restore (PVE::Storage::check_volume_access). */
function lackingRight({ permissions }: HealthSnapshot<"permissions">, storage: string): string | undefined {
  if (permissions === undefined) return "unknown whether the token sees them all";
  const path = `/storage/${storage}`;
  const all = holds(permissions, path, "Datastore.Allocate");
  const some = holds(permissions, path, "Datastore.AllocateSpace") && holdsOnAll(permissions, "/vms", ["VM.Backup"]);
  return all || some
    ? undefined
    : `the token lacks Datastore.Allocate on ${path}, without which backups are not listed`;
}
