import { z } from "zod";
import type { Asker } from "./asker.ts";
import { holds } from "./rights.ts";
import type { View } from "./view.ts";

/** When each guest was last backed up (seconds since 1970), by the storage of backup jobs; only storages that could be read. */
export type BackupFiles = ReadonlyMap<string, ReadonlyMap<number, number>>;

/** A list of backups may be megabytes long; nobody has that many storages for them. */
const mostStorages = 8;

const parse = (data: unknown) =>
  z.array(z.object({ vmid: z.coerce.number().optional(), ctime: z.coerce.number().optional() })).parse(data);

/** Reads what backups there are on the storages that enabled jobs write to. */
export async function readBackupFiles(
  view: View<"jobs" | "permissions">,
  asker: Asker,
): Promise<BackupFiles | undefined> {
  if (view.jobs === undefined) return undefined;
  const names = new Set(view.jobs.flatMap(({ enabled, storage }) => (enabled === 0 ? [] : (storage ?? []))));
  const files = new Map<string, ReadonlyMap<number, number>>();
  await Promise.all(
    [...names].map(async (name, index) => {
      const what = `backups on ${name}`;
      const lacking = lackingRight(view, name);
      const reason = lacking ?? (index < mostStorages ? undefined : `more than ${mostStorages} storages`);
      if (reason !== undefined) {
        asker.gaps.push({ what, reason });
        return;
      }
      const answering = new Set(view.nodes.map((node) => node.name));
      const at = view.storages.filter((it) => it.name === name && it.active && answering.has(it.node));
      const [first] = at;
      if (first === undefined) {
        asker.gaps.push({ what, reason: "the storage is not active, or not visible to the token" });
        return;
      }
      const lists = await Promise.all(
        (first.shared ? [first] : at).map(({ node }) =>
          asker.read(
            { label: what, path: ["nodes", node, "storage", name, "content"], params: { content: "backup" }, parse },
            node,
          ),
        ),
      );
      if (lists.includes(undefined)) return;
      const newest = new Map<number, number>();
      for (const { vmid, ctime = 0 } of lists.flatMap((list) => list ?? [])) {
        if (vmid !== undefined) newest.set(vmid, Math.max(newest.get(vmid) ?? 0, ctime));
      }
      files.set(name, newest);
    }),
  );
  return files;
}

/** Proxmox leaves backups out of the list that the token may not restore (PVE::Storage::check_volume_access). */
function lackingRight({ permissions }: View<"permissions">, storage: string): string | undefined {
  if (permissions === undefined) return "unknown whether the token sees them all";
  const path = `/storage/${storage}`;
  const all = holds(permissions, path, "Datastore.Allocate");
  const some = holds(permissions, path, "Datastore.AllocateSpace") && holds(permissions, "/vms", "VM.Backup");
  return all || some
    ? undefined
    : `the token lacks Datastore.Allocate on ${path}, without which backups are not listed`;
}
