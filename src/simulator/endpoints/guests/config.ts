import { randomBytes } from "node:crypto";
import { on, onAny } from "../../access.ts";
import { type Endpoint, get, put, type SimulatedCall } from "../../endpoint.ts";
import { died } from "../../failure.ts";
import { flag, list, optional, type Parameters, text, type Value } from "../../schema.ts";
import { guestDigest } from "../../state/digest.ts";
import { guestOf, type Kind, qemu, unchanged, unlocked } from "../../state/guest-kinds.ts";
import { type Config, type SimulatedCluster, type SimulatedGuest, words } from "../../state/state.ts";
import { logMessage } from "../nodes/task.ts";
import { allocate, isDisk } from "./disk.ts";

/** Parameters of a request that are no part of the configuration. */
const steering = ["node", "vmid", "delete", "digest", "revert", "force", "skiplock", "background_delay"];
/** What a running VM takes up only at its next start. */
const cold = /^(memory|cores|sockets|vcpus|cpu|bios|machine|ostype|scsihw|numa|kvm|args|balloon)$/;

/** Writes new settings into a configuration, making the disks and MAC addresses they ask for; gives the log's lines. */
export function write(
  world: SimulatedCluster,
  guest: Pick<SimulatedGuest, "kind" | "vmid" | "node" | "config">,
  wanted: Config,
): string[] {
  const log: string[] = [];
  for (const [key, value] of Object.entries(wanted)) {
    const fresh = /^([\w.-]+):(\d+(?:\.\d+)?)$/.exec(String(value).split(",")[0] ?? "");
    if (isDisk(key) && fresh !== null) {
      const options = String(value).split(",").slice(1);
      const format = options.find((it) => it.startsWith("format="))?.slice(7);
      const disk = allocate(world, guest, {
        key,
        storage: fresh[1] ?? "",
        size: Number(fresh[2]) * 1024 ** 3,
        options: options.filter((it) => !it.startsWith("format=")),
        ...(format === undefined ? {} : { format }),
      });
      guest.config[key] = disk.value;
      log.push(...disk.lines);
      if (guest.kind === "qemu") log.push(`${key}: successfully created disk '${disk.value}'`);
    } else guest.config[key] = /^net\d+$/.test(key) ? withAddress(guest.kind, String(value)) : tidy(key, value);
  }
  return log;
}

function tidy(key: string, value: Value): Value {
  if (key !== "tags") return value;
  const tags = String(value).split(/[,; \0]+/);
  return [...new Set(tags.filter((tag) => tag !== ""))].sort().join(";");
}

function withAddress(kind: SimulatedGuest["kind"], net: string): string {
  if (/([0-9A-F]{2}:){5}/i.test(net)) return net;
  const mac = ["BC:24:11", ...[...randomBytes(3)].map((it) => it.toString(16).toUpperCase().padStart(2, "0"))].join(
    ":",
  );
  const [model = "virtio", ...rest] = net.split(",");
  return kind === "qemu" ? [`${model}=${mac}`, ...rest].join(",") : `${net},hwaddr=${mac},type=veth`;
}

/** What a request says about the configuration itself. */
export function settings(call: SimulatedCall, ...besides: string[]): Config {
  const given = Object.entries(call.params).filter(([key]) => ![...steering, ...besides].includes(key));
  const { cdrom, ...rest } = Object.fromEntries(given);
  // An alias that wins over `ide2` when both are sent (recorded, `alpha-pending.json`).
  return cdrom === undefined ? rest : { ...rest, ide2: withMedia(String(cdrom)) };
}

function withMedia(drive: string): string {
  return drive.split(",").includes("media=cdrom") ? drive : `${drive},media=cdrom`;
}

/** Changes that waited for a start take effect. */
export function applyPending(guest: SimulatedGuest): void {
  for (const [key, value] of guest.pending) {
    if (value === null) delete guest.config[key];
    else guest.config[key] = value;
  }
  guest.pending.clear();
}

function change(call: SimulatedCall, kind: Kind): null {
  const guest = unlocked(guestOf(call, kind));
  unchanged(call, guest);
  const gone = words(call.text("delete")).map((key) => (key === "cdrom" ? "ide2" : key));
  const wanted = settings(call);
  const dropped = words(call.text("revert"));
  if (gone.length + dropped.length + Object.keys(wanted).length === 0) throw died("no options specified");
  if (kind.type === "qemu") logMessage(call, `update VM ${guest.vmid}: ${asLogged(call)}`);
  for (const key of dropped) guest.pending.delete(key);
  for (const key of gone) {
    const value = guest.config[key];
    guest.pending.delete(key);
    if (guest.run !== undefined && cold.test(key) && value !== undefined) guest.pending.set(key, null);
    else delete guest.config[key];
    if (becomesUnused(call, key, value)) {
      const free = [0, 1, 2, 3, 4, 5, 6, 7].find((n) => guest.config[`unused${n}`] === undefined) ?? 8;
      guest.config[`unused${free}`] = String(value).split(",")[0] ?? "";
    }
  }
  const late = Object.entries(wanted).filter(
    ([key]) => kind.type === "qemu" && guest.run !== undefined && cold.test(key),
  );
  for (const [key, value] of late) {
    // What is in force already does not wait.
    if (String(guest.config[key]) === String(value)) guest.pending.delete(key);
    else guest.pending.set(key, value);
    delete wanted[key];
  }
  for (const key of Object.keys(wanted)) guest.pending.delete(key);
  write(call.world, guest, wanted);
  return null;
}

/** Whether a disk that is taken out stays as `unused0`: not with `force`, and no CD-ROM. */
function becomesUnused(call: SimulatedCall, key: string, value: Value | undefined): value is Value {
  if (value === undefined || !isDisk(key) || key.startsWith("unused")) return false;
  return call.params["force"] !== 1 && !String(value).split(",").includes("media=cdrom");
}

/** The parameters in the words of the cluster log. */
function asLogged({ params }: SimulatedCall): string {
  const given = Object.entries(params).filter(([name]) => !["node", "vmid", "digest"].includes(name));
  const shown = given.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `-${name} ${value}`);
  return shown.join(" ");
}

function pendingRows(guest: SimulatedGuest): object[] {
  const keys = new Set([...Object.keys(guest.config), ...guest.pending.keys()]);
  const rows = [...keys].map((key) => {
    const value = guest.config[key];
    const next = guest.pending.get(key);
    const now = value === undefined ? {} : { value };
    if (next === undefined) return { key, ...now };
    return next === null ? { key, ...now, delete: 1 } : { key, ...now, pending: next };
  });
  return [...rows, { key: "digest", value: guestDigest(guest) }];
}

/** Detaches or removes disks: a change of the configuration under another name. */
const unlink = (path: string): Endpoint =>
  put(path, {
    does: "Detach disks, or with force remove them.",
    needs: on("/vms/{vmid}", "VM.Config.Disk"),
    takes: {
      idlist: list("The disks, such as `scsi1`."),
      force: flag("Remove a detached disk for good.", { optional: 1 }),
    },
    quorum: "config",
    run: (call) => {
      const { idlist = "", ...rest } = call.params;
      const params = { ...rest, delete: idlist };
      return change({ ...call, params, text: (name) => String(name === "delete" ? idlist : call.text(name)) }, qemu);
    },
  });

/** The privileges of which one is needed to change a guest's configuration; each option then asks for its own. */
const qemuConfig = ["Disk", "CDROM", "CPU", "Memory", "Network", "HWType", "Options", "Cloudinit"];
const lxcConfig = ["Disk", "CPU", "Memory", "Network", "Options"];

/** Reading and changing the configuration of one kind of guest; `known` is what it may hold. */
export function configEndpoints(kind: Kind, known: Parameters): readonly Endpoint[] {
  const path = `${kind.base}/{vmid}`;
  const privileges = (kind.type === "qemu" ? qemuConfig : lxcConfig).map((it) => `VM.Config.${it}`);
  const takes = optional({
    ...known,
    delete: list("Settings to remove."),
    digest: text("Refuse when the configuration has changed since it had this digest.", { maxLength: 64 }),
    revert: list("Waiting changes to drop."),
    ...(kind.type === "qemu"
      ? {
          cdrom: text("An alias for ide2."),
          force: flag("Remove a detached disk for good."),
          skiplock: flag("Ignore a lock; only for root."),
        }
      : {}),
  });
  const needs = onAny("/vms/{vmid}", ...privileges);
  const quorum = "config";
  return [
    get(`${path}/config`, {
      does: `The ${kind.noun}'s configuration, with waiting changes unless \`current\` is set.`,
      needs: on("/vms/{vmid}", "VM.Audit"),
      takes: optional({
        current: flag("Only what is in effect now.", { default: 0 }),
        snapshot: text("The configuration that this snapshot holds.", { format: "pve-configid", maxLength: 40 }),
      }),
      run: (call) => {
        const guest = guestOf(call, kind);
        const name = call.text("snapshot");
        if (name !== "") {
          const snapshot = guest.snapshots.get(name);
          if (snapshot === undefined) throw died(`snapshot '${name}' does not exist`);
          return { ...snapshot.config, digest: guestDigest(guest) };
        }
        const shown: SimulatedGuest = { ...guest, config: { ...guest.config }, pending: new Map(guest.pending) };
        if (call.number("current") !== 1) applyPending(shown);
        return { ...shown.config, digest: guestDigest(guest) };
      },
    }),
    get(`${path}/pending`, {
      does: "The configuration with the changes that wait for the next start.",
      needs: on("/vms/{vmid}", "VM.Audit"),
      gives: "array",
      run: (call) => pendingRows(guestOf(call, kind)),
    }),
    ...(kind.type === "qemu" ? [unlink(`${path}/unlink`)] : []),
    put(`${path}/config`, {
      does: `Change the ${kind.noun}'s configuration at once.`,
      needs,
      takes,
      quorum,
      run: (call) => change(call, kind),
    }),
  ];
}
