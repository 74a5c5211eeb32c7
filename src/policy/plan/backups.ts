import type { Guest } from "../guests.ts";
import type { Context } from "./describer.ts";
import { rowsIn, textIn, yes } from "./look.ts";
import { ageText, count, dateText, listText, nameText } from "./wording.ts";

/** The backups of a guest that the token can see. */
export interface Backups {
  /** `newest backup 2 h ago`, `no backup found`. */
  readonly short: string;
  /** Their number, the newest, and the storages that were not looked at. */
  readonly line: string;
}

/** So many storages are asked for a guest's backups. */
const maxStorages = 8;

/** Looks for the backups of a guest on the storages of its node; binds the consent to the newest. */
export async function findBackups({ look, facts, now }: Context, { node, vmid }: Guest): Promise<Backups> {
  const storages = await look(["nodes", node, "storage"], { content: "backup", enabled: true });
  const rows = rowsIn(storages);
  if (rows === undefined) {
    const why = "missing" in storages ? storages.missing : "the answer is no list";
    return { short: "backups not readable", line: `Its backups could not be looked for: ${why}.` };
  }
  const names = rows
    .filter(({ enabled, active }) => (enabled === undefined || yes(enabled)) && (active === undefined || yes(active)))
    .flatMap((row) => textIn(row["storage"]) ?? [])
    .toSorted();
  const found = await Promise.all(
    names.slice(0, maxStorages).map(async (storage) => ({
      storage,
      rows: rowsIn(await look(["nodes", node, "storage", storage, "content"], { content: "backup", vmid })),
    })),
  );
  const unread = [
    ...found.flatMap((one) => (one.rows === undefined ? [one.storage] : [])),
    ...names.slice(maxStorages),
  ];
  const backups = found
    .flatMap((one) => one.rows ?? [])
    .filter((row) => row["vmid"] === undefined || String(row["vmid"]) === vmid)
    .toSorted((a, b) => Number(b["ctime"] ?? 0) - Number(a["ctime"] ?? 0));
  const [newest] = backups;
  facts.add("newest backup", newest?.["volid"] ?? "none");
  facts.addRows("backup", backups, ({ volid }) => volid, { only: ["volid", "ctime"] });
  facts.add("storages not looked at", unread);
  const age = ageText(newest?.["ctime"], now);
  const left = unread.length === 0 ? "" : ` Not looked at: ${listText(unread.map((name) => nameText(name)))}.`;
  if (newest === undefined) {
    return {
      short:
        unread.length === 0 ? "no backup found" : `no backup found (${count(unread.length, "storage")} not looked at)`,
      line: `No backup of it was found.${left}`,
    };
  }
  return {
    short: age === undefined ? count(backups.length, "backup") : `newest backup ${age}`,
    line: `${count(backups.length, "backup")} of it, the newest of ${dateText(newest["ctime"])}: ${nameText(String(newest["volid"]), 200)}; backups are kept.${left}`,
  };
}
