import { isOff, isOn } from "../../endpoint-classes/values.ts";
import type { Context, Describer } from "../describer.ts";
import type { Row } from "../facts.ts";
import { findGuest, guestLabel, refuseUnread } from "../guest-state.ts";
import { objectIn, rowsIn, textIn, yes } from "../look.ts";
import { ageText, count, dateText, fileOf, listText, nameText, sizeText } from "../wording.ts";

/** What a token needs to read volumes. */
const volumeRight = "The token needs Datastore.Audit on the storage and VM.Audit or VM.Backup on the guest.";

/** Keys of a volume that stay while it is not changed; `used` grows with what a guest writes. */
const stable = [
  "volid",
  "content",
  "ctime",
  "format",
  "size",
  "vmid",
  "parent",
  "notes",
  "protected",
  "encrypted",
  "subtype",
];

/** `DELETE .../content/{volume}`: a backup with its date and guest, a disk, or a file. */
export const describeVolumeDeletion: Describer = async (context) => {
  const { volid, row, others, seen } = await readVolume(context);
  if (row === undefined) refuseUnread(context.planned, seen, volumeRight);
  if (yes(row?.["protected"])) {
    throw context.noEffect(`${volid} is protected, and Proxmox deletes no protected backup; set protected=0 first`);
  }
  const backup = isBackup(volid);
  const newest = backup ? rankOf(row, others) : undefined;
  const vmid = textIn(row?.["vmid"]);
  const [storage, file] = [volid.slice(0, volid.indexOf(":")), fileOf(volid)];
  const uses = backup ? [] : await usesOf(context, volid, vmid);
  const size = sizeText(row?.["size"]) ?? "size not known";
  // The name of a backup's file is longer than a line; guest, storage and time tell it from others.
  if (backup && vmid !== undefined && row?.["ctime"] !== undefined) {
    const age = ageText(row["ctime"], context.now);
    return {
      action: `DELETE backup of guest ${nameText(vmid)} from ${nameText(storage)}`,
      effect: [
        `of ${dateText(row["ctime"])}${age === undefined ? "" : ` (${age})`}`,
        size,
        ...(newest === undefined ? [] : [newest]),
      ],
      details: [`File: ${nameText(volid, 200)}.`, ...detailsOf(row, context.now)],
      words: [vmid, file],
    };
  }
  return {
    action: `DELETE ${backup ? "backup" : "volume"} ${nameText(volid, 110)}`,
    effect: [
      ...uses.map((use) => `IN USE as ${use}`),
      size,
      ...(vmid === undefined || uses.length > 0 ? [] : [`of guest ${nameText(vmid)}`]),
    ],
    details: detailsOf(row, context.now),
    words: backup ? [storage, file] : [file, volid],
  };
};

/** Where a guest's configuration names a volume: Proxmox deletes one that is in use without a word (recordings/FACTS.md). */
async function usesOf({ look, facts, planned }: Context, volid: string, vmid: string | undefined): Promise<string[]> {
  const guest = vmid === undefined ? undefined : await findGuest(vmid, planned);
  if (guest === undefined) return [];
  const config = objectIn(await look(["nodes", guest.node, guest.type, guest.vmid, "config"]));
  const keys = Object.entries(config ?? {})
    .filter(([, value]) => typeof value === "string" && value.split(",").some((part) => part.endsWith(volid)))
    .map(([key]) => key)
    .toSorted();
  const name = textIn(config?.["name"]) ?? textIn(config?.["hostname"]) ?? guest.name;
  const uses = keys.map((key) => `${nameText(key)} of ${guestLabel({ ...guest, name })}`);
  facts.add("used as", uses);
  return uses;
}

/** `PUT .../content/{volume}`: notes and protection. */
export const describeVolumeChange: Describer = async (context) => {
  const { params } = context;
  const { volid, row } = await readVolume(context);
  const isFree = isOff(params, "protected");
  if (row !== undefined && Object.keys(params).length === 1 && params["protected"] !== undefined) {
    if (isOn(params, "protected") === yes(row["protected"])) {
      throw context.noEffect(`${volid} is ${isFree ? "not protected" : "protected"} already`);
    }
  }
  return {
    action: `CHANGE volume ${nameText(volid, 110)}`,
    effect: [
      ...(isFree ? ["takes its protection off: it can be deleted then"] : []),
      ...(isOn(params, "protected") ? ["protects it from deletion"] : []),
      ...(row?.["ctime"] === undefined ? [] : [madeText(row, context.now)]),
    ],
    details: detailsOf(row, context.now),
    paraphrased: ["protected"],
  };
};

/** `DELETE .../prunebackups`: which backups go, as Proxmox's own dry run says. */
export const describePrune: Describer = async (context) => {
  const { path, params, look, facts, values, noEffect, now } = context;
  const seen = await look(path, params);
  const rows = rowsIn(seen);
  if (rows === undefined) refuseUnread(context.planned, seen, volumeRight);
  const doomed = (rows ?? []).filter(({ mark }) => mark === "remove");
  const kept = (rows ?? []).length - doomed.length;
  facts.addRows("backup", rows ?? [], ({ volid }) => volid, { only: ["volid", "ctime", "vmid", "mark"] });
  if (rows !== undefined && rows.length > 0 && doomed.length === 0) {
    throw noEffect(`it would delete no backup; all ${rows.length} are kept`);
  }
  return {
    action: `PRUNE backups on storage ${nameText(values["storage"] ?? "")}`,
    effect:
      rows === undefined ? ["backups not readable"] : [`deletes ${count(doomed.length, "backup")}, keeps ${kept}`],
    details: doomed.map(
      ({ volid, ctime }) =>
        `Deletes ${nameText(String(volid), 200)} of ${dateText(ctime)} (${ageText(ctime, now) ?? "age not known"}).`,
    ),
    long: doomed.length > 3 || rows === undefined,
  };
};

/** `POST .../content/{volume}` and `upload`: what may be overwritten. */
export const describeVolumeCopy: Describer = async (context) => {
  const { params, values, look, facts, path } = context;
  const volume = values["volume"];
  const target = textIn(params["target"]) ?? textIn(params["filename"]) ?? "";
  const kind = textIn(params["content"]);
  const storage = values["storage"] ?? "";
  const rows = rowsIn(await look(path.slice(0, 4).concat("content"), kind === undefined ? {} : { content: kind }));
  const there = rows?.find((row) => String(row["volid"]).endsWith(target.includes(":") ? target : `/${target}`));
  facts.add("volume at the target", there?.["volid"] ?? "none");
  facts.add("time of the volume at the target", there?.["ctime"]);
  return {
    action:
      volume === undefined
        ? `UPLOAD ${nameText(target)} to storage ${nameText(storage)}`
        : `COPY volume ${nameText(volume, 80)}`,
    effect: [
      ...(volume === undefined ? [] : [`to ${nameText(target, 100)}`]),
      ...(there === undefined
        ? []
        : [`overwrites ${nameText(String(there["volid"]), 100)} of ${dateText(there["ctime"])}`]),
    ],
    told: ["target", "filename", "content"],
  };
};

/** The volume, and the other volumes of its storage that belong to the same guest. */
async function readVolume(context: Context) {
  const { path, values, look, facts, noEffect } = context;
  const storage = values["storage"] ?? path[3] ?? "";
  const name = values["volume"] ?? path[5] ?? "";
  const volid = name.includes(":") ? name : `${storage}:${name}`;
  const list = path.slice(0, 5);
  const vmid = /(?:vzdump-[a-z]{1,20}-|(?:vm|ct)\/|(?:vm|base|subvol|basevol)-)(\d{1,10})[-/]/.exec(volid)?.[1];
  const [one, many] = await Promise.all([look(path), look(list, vmid === undefined ? {} : { vmid })]);
  const rows = rowsIn(many);
  const listed = rows?.find((row) => row["volid"] === volid);
  const found: Row | undefined = listed === undefined ? objectIn(one) : { ...objectIn(one), ...listed };
  const row = found && (await withoutWriteTime(context, found));
  // A list without rows may be one that the token may not see; one with others of the same guest is whole.
  const isGone = "missing" in one && !one.withheld && rows !== undefined && rows.length > 0 && listed === undefined;
  if (isGone) throw noEffect(`volume ${nameText(volid, 200)} does not exist on node ${nameText(path[1] ?? "")}`);
  if (row !== undefined) facts.addObject(row, { only: stable });
  else facts.add("volume", "not readable");
  const kin = isBackup(volid) ? (rows ?? []).filter((other) => isBackup(String(other["volid"]))) : [];
  if (kin.length > 0)
    facts.add(
      "backups on the storage",
      kin.map(({ volid }) => String(volid)),
    );
  return { volid, row, others: kin, seen: one };
}

/** The ctime of a disk's file moves while its guest writes (PVE::Storage::Plugin, file_size_info): it is no creation time then. */
async function withoutWriteTime({ look, planned }: Context, row: Row): Promise<Row> {
  const vmid = textIn(row["vmid"]);
  if (vmid === undefined || (row["content"] !== "images" && row["content"] !== "rootdir")) return row;
  const guest = await findGuest(vmid, planned);
  if (guest === undefined) return row;
  const status = objectIn(await look(["nodes", guest.node, guest.type, guest.vmid, "status", "current"]));
  return status?.["status"] === "stopped" ? row : { ...row, ctime: undefined };
}

function isBackup(volid: string): boolean {
  return /[:/]vzdump-|:backup\//.test(volid);
}

function rankOf(row: Row | undefined, all: readonly Row[]): string | undefined {
  const mine = Number(row?.["ctime"]);
  if (!Number.isFinite(mine) || all.length === 0) return undefined;
  if (all.length === 1) return "the only one here";
  const newer = all.filter((other) => Number(other["ctime"]) > mine).length;
  return newer === 0 ? `newest of ${all.length} here` : `${newer} newer of ${all.length} here`;
}

function madeText(row: Row | undefined, now: number): string {
  return `made ${ageText(row?.["ctime"], now) ?? "at an unknown time"}`;
}

function detailsOf(row: Row | undefined, now: number): string[] {
  if (row === undefined) return ["The volume could not be read, or the token may not see it."];
  const notes = textIn(row["notes"]);
  const facts = [
    ...(row["ctime"] === undefined
      ? []
      : [`made ${dateText(row["ctime"])} (${ageText(row["ctime"], now) ?? "age not known"})`]),
    ...(textIn(row["format"]) === undefined ? [] : [`format ${nameText(String(row["format"]))}`]),
    ...(yes(row["protected"]) ? ["protected"] : []),
    ...(notes === undefined ? [] : [`notes ${nameText(notes, 200)}`]),
  ];
  return [`Volume: ${listText(facts)}.`];
}
