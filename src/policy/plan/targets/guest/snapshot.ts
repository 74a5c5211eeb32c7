import { findBackups } from "../../backups.ts";
import type { Context, Describer } from "../../describer.ts";
import {
  disksOf,
  diskText,
  type GuestState,
  quotedNames,
  readTarget,
  type Snapshot,
  snapshotText,
} from "../../guest-state.ts";
import { yes } from "../../look.ts";
import { ageText, dateText, listText, nameText, shortest } from "../../wording.ts";

/** `DELETE .../snapshot/{snapname}`. */
export const describeSnapshotDeletion: Describer = async (context) => {
  const { state, name, snapshot } = await readSnapshot(context);
  const children = (state.snapshots ?? []).filter(({ parent }) => parent === name);
  return {
    action: `DELETE snapshot ${nameText(name)} of ${state.label}`,
    effect: [
      ...(snapshot === undefined ? [] : [takenText(snapshot, context.now)]),
      ...(snapshot?.hasMemory === true ? ["with memory"] : []),
      state.snapshots === undefined
        ? "snapshots not readable"
        : `${Math.max(state.snapshots.length - 1, 0)} other left`,
    ],
    details: [
      ...state.lines,
      "The guest keeps its present state.",
      ...(children.length === 0
        ? []
        : [`Snapshots based on it stay: ${listText(children.map((one) => nameText(one.name)))}.`]),
    ],
    words: [name, state.guest.vmid],
    digest: state.digest,
  };
};

/** `POST .../snapshot/{snapname}/rollback`: what the guest wrote since is lost, and newer snapshots may be. */
export const describeRollback: Describer = async (context) => {
  const { state, name, snapshot } = await readSnapshot(context);
  if (state.config !== undefined && yes(state.config["template"])) {
    throw context.noEffect(`${state.label} is a template, and Proxmox rolls none back`);
  }
  const newer = snapshot === undefined ? [] : descendants(name, state.snapshots ?? []);
  const backups = await findBackups(context, state.guest);
  const age = snapshot === undefined ? undefined : ageText(snapshot.time, context.now);
  return {
    action: `ROLL BACK ${state.label} to ${nameText(name)}`,
    effect: [
      age === undefined ? "loses all changes since" : `loses all since ${age}`,
      ...(newer.length === 0
        ? []
        : [shortest(20, `newer: ${listText(newer.map((one) => nameText(one.name)))}`, `${newer.length} newer`)]),
      ...(state.running === false ? [] : [state.power]),
      backups.short,
    ],
    details: [
      ...state.lines,
      ...(snapshot === undefined ? [] : [`Snapshot: ${snapshotText(snapshot, context.now)}.`]),
      ...(newer.length === 0
        ? []
        : [
            `Newer snapshots, which storages such as ZFS must lose for a rollback: ${listText(newer.map((one) => snapshotText(one, context.now)))}.`,
          ]),
      ...(state.config === undefined
        ? []
        : disksOf(state.config).map((disk) => `Disk that goes back: ${diskText(disk, true)}.`)),
      backups.line,
    ],
    words: [...state.words, name],
    digest: state.digest,
  };
};

/** `GET` and `PUT .../snapshot/{snapname}/config`. */
export const describeSnapshotConfig: Describer = async (context) => {
  const { state, name, snapshot } = await readSnapshot(context);
  return {
    action: `${context.method === "GET" ? "READ configuration of" : "CHANGE"} snapshot ${nameText(name)} of ${state.label}`,
    effect: [
      ...(snapshot === undefined ? [] : [takenText(snapshot, context.now)]),
      context.planned.classified.reason.replace(/^it /, ""),
    ],
    details: state.lines,
    words: [name, state.guest.vmid],
  };
};

/** @throws {NoEffect} where the guest's whole list has no snapshot of that name. */
async function readSnapshot(
  context: Context,
): Promise<{ state: GuestState; name: string; snapshot: Snapshot | undefined }> {
  const state = await readTarget(context);
  const name = context.values["snapname"] ?? context.path[5] ?? "";
  const snapshot = state.snapshots?.find((one) => one.name === name);
  if (state.snapshots !== undefined && snapshot === undefined) {
    const has =
      state.snapshots.length === 0 ? "it has none" : `it has: ${quotedNames(state.snapshots.map((one) => one.name))}`;
    throw context.noEffect(`snapshot ${JSON.stringify(name)} does not exist on ${state.label}; ${has}`);
  }
  return { state, name, snapshot };
}

function takenText(snapshot: Snapshot, now: number): string {
  const age = ageText(snapshot.time, now);
  return `taken ${dateText(snapshot.time)}${age === undefined ? "" : ` (${age})`}`;
}

function descendants(name: string, all: readonly Snapshot[]): readonly Snapshot[] {
  const found: Snapshot[] = [];
  const parents = new Set([name]);
  // A parent may be listed after its child, and an answer may hold a circle.
  for (let before = -1; before !== found.length; ) {
    before = found.length;
    for (const one of all) {
      if (one.parent !== undefined && parents.has(one.parent) && !parents.has(one.name)) {
        parents.add(one.name);
        found.push(one);
      }
    }
  }
  return found;
}
