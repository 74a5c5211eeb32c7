import { isOn, wordsOf } from "../../../endpoint-classes/values.ts";
import type { Context } from "../../describer.ts";
import type { Row } from "../../facts.ts";
import type { GuestState } from "../../guest-state.ts";
import { rowsIn } from "../../look.ts";
import { count, listText, nameText } from "../../wording.ts";

/** What `purge=1` removes beside the guest, for line 2 and the details. */
export interface Purged {
  readonly effect: readonly string[];
  readonly details: readonly string[];
}

/**
 * The HA resource, replication jobs and backup jobs that go with a guest; a backup job that names only this guest is
 * deleted (PVE::VZDump::Plugin, remove_vmid_from_backup_jobs).
 */
export async function purgedWith(context: Context, { guest }: GuestState): Promise<Purged> {
  const { params, look, facts } = context;
  if (!isOn(params, "purge")) return { effect: [], details: [] };
  const read = async (...path: string[]) => rowsIn(await look(["cluster", ...path]));
  const [resources, replications, backups] = await Promise.all([
    read("ha", "resources"),
    read("replication"),
    read("backup"),
  ]);
  const sid = `${guest.type === "lxc" ? "ct" : "vm"}:${guest.vmid}`;
  const named = (rows: readonly Row[] | undefined, key: string, fits: (row: Row) => boolean) =>
    (rows ?? [])
      .filter(fits)
      .map((row) => String(row[key]))
      .toSorted();
  const vmidsOf = (row: Row) => wordsOf({ vmid: String(row["vmid"] ?? "") }, "vmid");
  const isNamed = (row: Row) => vmidsOf(row).includes(guest.vmid);
  const gone = {
    "HA resource": named(resources, "sid", (row) => row["sid"] === sid),
    "replication job": named(replications, "id", (row) => String(row["guest"]) === guest.vmid),
    "backup job": named(backups, "id", (row) => isNamed(row) && vmidsOf(row).length === 1),
  };
  const shrunk = named(backups, "id", (row) => isNamed(row) && vmidsOf(row).length > 1);
  const unread = [
    ...(resources === undefined ? ["HA resources"] : []),
    ...(replications === undefined ? ["replication jobs"] : []),
    ...(backups === undefined ? ["backup jobs"] : []),
  ];
  facts.add("removed with it", [...Object.values(gone).flat(), ...shrunk.map((id) => `guest in backup job ${id}`)]);
  const removals = Object.entries(gone).filter(([, names]) => names.length > 0);
  const short = [
    ...removals.map(([noun, names]) =>
      names.length === 1 ? `${noun} ${nameText(names[0] ?? "")}` : count(names.length, noun),
    ),
    ...(shrunk.length === 0 ? [] : [`its place in ${count(shrunk.length, "backup job")}`]),
  ];
  return {
    effect: [
      ...(short.length > 0 ? [`purge removes ${short.join(", ")}`] : []),
      ...(unread.length > 0 ? ["jobs or HA not readable"] : short.length > 0 ? [] : ["no jobs or HA resource of it"]),
    ],
    details: [
      ...removals.map(
        ([noun, names]) =>
          `Purge deletes the ${noun} ${listText(names.map((name) => nameText(name)))}${noun === "backup job" ? ", which names no other guest" : ""}.`,
      ),
      ...(shrunk.length === 0
        ? []
        : [`Purge takes it out of the backup job ${listText(shrunk.map((id) => nameText(id)))}.`]),
      ...(unread.length === 0
        ? []
        : [`Purge also removes its HA resource, replication jobs and backup jobs; not readable: ${listText(unread)}.`]),
    ],
  };
}
