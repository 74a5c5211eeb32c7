import { isOn, wordsOf } from "../../../endpoint-classes/values.ts";
import { findBackups } from "../../backups.ts";
import type { Context, Describer, Description } from "../../describer.ts";
import {
  bindVolumes,
  diskOf,
  disksOf,
  diskText,
  findGuest,
  type GuestState,
  guestLabel,
  readGuest,
  readTarget,
  refuseBlind,
  refuseProtected,
  snapshotsText,
} from "../../guest-state.ts";
import { objectIn, rowsIn, textIn, yes } from "../../look.ts";
import { count, listText, nameText, shortest, valueText } from "../../wording.ts";
import { purgedWith } from "./purge.ts";

/** `DELETE /nodes/{node}/qemu/{vmid}`: the guest with all its disks and snapshots. */
export const describeDeletion: Describer = async (context) => {
  const { params, path, noEffect } = context;
  const state = await readTarget(context);
  const isContainer = path[2] === "lxc";
  // PVE::API2::Qemu and PVE::API2::LXC destroy_vm: protection, HA without purge, and a running guest are refused.
  if (yes(state.config?.["protection"])) {
    throw noEffect(`Proxmox's protection flag is set on ${state.label}, and Proxmox refuses to remove it`);
  }
  if (state.running === true && !(isContainer && isOn(params, "force"))) {
    throw noEffect(`${state.label} is ${state.power}, and Proxmox deletes no running guest; stop it first`);
  }
  if (state.managedByHa && !isOn(params, "purge")) {
    throw noEffect(`${state.label} is managed by HA, and Proxmox deletes such a guest only with purge=1`);
  }
  if (!isOn(params, "purge")) {
    const jobs = rowsIn(await context.look(["cluster", "replication"]));
    const job = jobs?.find((row) => String(row["guest"]) === state.guest.vmid);
    if (job !== undefined) {
      throw noEffect(
        `${state.label} has the replication job ${nameText(String(job["id"]))}, and Proxmox deletes such a guest only with purge=1`,
      );
    }
  }
  // PVE::QemuServer::destroy_vm deletes one that is hibernated, PVE::API2::LXC none that is locked.
  const lock = textIn(state.config?.["lock"]);
  if (lock !== undefined && (isContainer || lock !== "suspended") && !isOn(params, "skiplock")) {
    throw noEffect(`${state.label} is locked (${nameText(lock)}), and Proxmox deletes no locked guest`);
  }
  const [loss, purged] = await Promise.all([lossOf(context, state), purgedWith(context, state)]);
  return {
    action: `DELETE ${state.label}`,
    effect: [...loss.effect, ...purged.effect],
    details: [
      ...state.lines,
      ...loss.details,
      ...purged.details,
      "Its ACL entries, pool membership and firewall rules are removed too.",
    ],
    words: state.words,
    digest: state.digest,
    paraphrased: isOn(params, "purge") ? ["purge"] : [],
    explains: ["purge"],
  };
};

/** What goes with a guest: disks, snapshots, and what is left of it in backups. */
async function lossOf(context: Context, state: GuestState) {
  const [backups] = await Promise.all([findBackups(context, state.guest), bindVolumes(context, state)]);
  const disks = state.config === undefined ? undefined : disksOf(state.config);
  return {
    effect: [
      disks === undefined
        ? "disks not readable"
        : disks.length === 0
          ? "no disks"
          : shortest(
              36,
              `disk${disks.length === 1 ? "" : "s"} ${disks.map((disk) => diskText(disk)).join(", ")}`,
              count(disks.length, "disk"),
            ),
      snapshotsText(state.snapshots),
      backups.short,
    ],
    details: [...(disks ?? []).map((disk) => `Disk that is lost: ${diskText(disk, true)}.`), backups.line],
  };
}

/** `POST /nodes/{node}/qemu`: a new guest, or one that is put in the place of another. */
export const describeCreation: Describer = async (context) => {
  const { params, path, planned } = context;
  const vmid = String(params["vmid"] ?? "");
  const overwrites = isOn(params, "force") && vmid !== "";
  const there = overwrites ? await findGuest(String(Number(vmid)), planned) : undefined;
  if (overwrites && there === undefined) {
    // GET /cluster/nextid tells every token whether a VMID is free, also where it may not see the guest.
    const free = await context.look(["cluster", "nextid"], { vmid });
    if ("missing" in free && !free.withheld) refuseBlind(planned, `whether VMID ${vmid} is free: ${free.missing}`);
    context.facts.add("guest that is overwritten", "none");
  }
  const source = textIn(params["archive"]) ?? (isOn(params, "restore") ? textIn(params["ostemplate"]) : undefined);
  const kind = path[2] === "lxc" ? "CT" : "VM";
  if (there === undefined) {
    const name = textIn(params["name"]) ?? textIn(params["hostname"]);
    return {
      action: `${source === undefined ? "CREATE" : "RESTORE"} ${kind} ${nameText(vmid)}${name === undefined ? "" : ` ${nameText(name, 63)}`}`,
      undo: { how: "by deleting it" },
      effect: [],
      words: [vmid, planned.cluster.name].filter((word) => word !== ""),
      told: ["vmid", "name", "hostname"],
    };
  }
  const state = await readGuest(context, there);
  // PVE::API2::Qemu and PVE::API2::LXC create_vm.
  const why = yes(state.config?.["protection"])
    ? "has Proxmox's protection flag"
    : state.running === true
      ? `is ${state.power}`
      : undefined;
  if (why !== undefined) throw context.noEffect(`${state.label} ${why}, and Proxmox overwrites no such guest`);
  const loss = await lossOf(context, state);
  return {
    action: `OVERWRITE ${state.label}${source === undefined ? "" : ` from ${nameText(source, 200)}`}`,
    effect: loss.effect,
    details: [`The new guest replaces ${state.label}, with all its disks.`, ...state.lines, ...loss.details],
    words: state.words,
    digest: state.digest,
    told: ["vmid", "archive"],
    paraphrased: ["force"],
  };
};

/**
 * `POST .../template`: no call turns the base images back; a full clone of the template is a guest again.
 * @throws {NoEffect} for what Proxmox refuses to convert (PVE::API2::Qemu and PVE::API2::LXC, template).
 */
export const describeTemplate: Describer = async (context) => {
  const state = await readTarget(context);
  const { label, words, digest, lines, config } = state;
  if (yes(config?.["template"])) throw context.noEffect(`${label} is a template already`);
  if (state.running === true)
    throw context.noEffect(`${label} is ${state.power}, and Proxmox converts no running guest`);
  const snapshots = state.snapshots ?? [];
  if (snapshots.length > 0) {
    throw context.noEffect(
      `${label} has ${count(snapshots.length, "snapshot")}, and Proxmox converts no guest with snapshots`,
    );
  }
  return {
    action: `CONVERT ${label} TO A TEMPLATE`,
    undo: { how: "only by a full clone" },
    effect: ["it cannot start again; its disks become read-only base images"],
    details: lines,
    words,
    digest,
  };
};

/** `PUT .../resize`: a disk's size, old and new. */
export const describeResize: Describer = async (context) => {
  const { params } = context;
  const state = await readTarget(context);
  const key = String(params["disk"] ?? "");
  const disk = diskAt(state, key);
  const to = String(params["size"] ?? "");
  return {
    action: `RESIZE disk ${nameText(key)} of ${state.label}`,
    // PVE::API2::Qemu and PVE::API2::LXC refuse to shrink ("shrinking disks is not supported").
    undo: { caveat: "cannot be shrunk again" },
    effect: [`${disk?.size ?? "size not known"} -> ${to.startsWith("+") ? `${valueText(to)} more` : valueText(to)}`],
    details: [...state.lines, ...(disk === undefined ? [] : [`Disk: ${diskText(disk, true)}.`])],
    words: state.words,
    digest: state.digest,
    told: ["disk", "size"],
  };
};

/** `POST .../move_disk` and `move_volume`: where a disk goes, and what is deleted. */
export const describeDiskMove: Describer = async (context) => {
  const { params, facts, planned } = context;
  const state = await readTarget(context);
  const key = String(params["disk"] ?? params["volume"] ?? "");
  const disk = diskAt(state, key);
  const vmid = textIn(params["target-vmid"]);
  const other = vmid === undefined ? undefined : await findGuest(vmid, planned);
  if (vmid !== undefined)
    facts.add("target guest", other === undefined ? "not listed" : `${guestLabel(other)} on ${other.node}`);
  if (isOn(params, "delete")) await bindVolumes(context, state, [key]);
  const storage = textIn(params["storage"]);
  return {
    action: `MOVE disk ${nameText(key)} of ${state.label}`,
    effect: [
      ...(disk === undefined ? ["disk not readable"] : [diskText(disk, true)]),
      ...(vmid === undefined
        ? []
        : [`it goes to ${other === undefined ? `guest ${nameText(vmid)}` : guestLabel(other)}`]),
      ...(storage === undefined ? [] : [`to storage ${nameText(storage)}`]),
      ...(isOn(params, "delete") ? ["the volume at the old place is deleted"] : []),
    ],
    details: state.lines,
    words: state.words,
    digest: state.digest,
    told: ["disk", "volume", "target-vmid", "storage"],
    paraphrased: isOn(params, "delete") ? ["delete"] : [],
  };
};

/** `PUT .../unlink`: disks that are detached, or deleted with `force`. */
export const describeUnlink: Describer = async (context) => {
  const { params, noEffect } = context;
  const state = await readTarget(context);
  const keys = wordsOf(params, "idlist");
  const set = keys.filter((key) => state.config?.[key] !== undefined);
  if (state.config !== undefined && keys.length > 0 && set.length === 0) {
    throw noEffect(
      `${state.label} has no ${listText(keys)}; it has: ${listText(disksOf(state.config).map(({ key }) => key))}`,
    );
  }
  const force = isOn(params, "force");
  refuseProtected(context, state, keys);
  const lost = keys.filter((key) => isDeleted(key, force));
  if (lost.length > 0) await bindVolumes(context, state, lost);
  return {
    action: `${lost.length > 0 ? "DELETE" : "DETACH"} ${keys.length === 1 ? "disk" : "disks"} of ${state.label}`,
    effect: [...lost, ...keys.filter((key) => !isDeleted(key, force))].map((key) =>
      describeLostDisk(key, state, force),
    ),
    details: state.lines,
    words: state.words,
    digest: state.digest,
    told: ["idlist"],
    paraphrased: ["force"],
  };
};

function describeLostDisk(key: string, state: GuestState, force: boolean): string {
  const disk = diskAt(state, key);
  const verb = isDeleted(key, force) ? "deletes" : "detaches";
  return `${verb} ${disk === undefined ? nameText(key) : diskText(disk, true)}`;
}

/** Whether a disk's volume goes with its key. */
function isDeleted(key: string, force: boolean): boolean {
  return force || key.startsWith("unused");
}

function diskAt({ config }: GuestState, key: string) {
  const value = config?.[key];
  return typeof value === "string" ? diskOf(key, value) : undefined;
}

/** `POST .../clone`, `migrate` and `remote_migrate`: where the guest or its copy goes. */
export const describePlacement: Describer = async (context) => {
  const { params, path, look, facts } = context;
  const state = await readTarget(context);
  const what = path[4] ?? "";
  const node = textIn(params["target"]) ?? (what === "clone" ? state.guest.node : undefined);
  const target = node === undefined ? undefined : await targetNode(context, node);
  const isClone = what === "clone";
  const newid = textIn(params["newid"]);
  if (isClone) {
    const source = textIn(params["snapname"]);
    return {
      action: `CLONE ${state.label} to ${nameText(newid ?? "a new guest")}`,
      undo: { how: "by deleting the copy" },
      effect: [
        `on node ${nameText(node ?? "")}${target ?? ""}`,
        ...(source === undefined ? [] : [`from snapshot ${nameText(source)}`]),
      ],
      details: state.lines,
      words: state.words,
      told: ["newid", "target", ...(source === undefined ? [] : ["snapname"])],
    };
  }
  if (what === "migrate" && node !== undefined) {
    const disks = rowsIn({
      data: objectIn(await look([...path.slice(0, 4), "migrate"], { target: node }))?.["local_disks"],
    });
    const local = disks?.filter((disk) => !yes(disk["shared"])) ?? [];
    facts.add("target node", node);
    facts.add(
      "local disks",
      local.map(({ volid }) => volid),
    );
    return {
      action: `MIGRATE ${state.label} from ${nameText(state.guest.node)} to ${nameText(node)}`,
      effect: [
        `it is ${state.power}${target ?? ""}`,
        ...(local.length === 0 ? [] : [`${local.length} local ${local.length === 1 ? "disk is" : "disks are"} copied`]),
      ],
      details: state.lines,
      words: state.words,
      digest: state.digest,
      told: ["target"],
    };
  }
  if (isOn(params, "delete")) await bindVolumes(context, state);
  return {
    ...general(context, state),
    action: `MIGRATE ${state.label} to another cluster`,
    undo: { how: "only from there" },
  };
};

/** A remark on a node that a guest is to run on, where it is not online. */
async function targetNode({ look, facts }: Context, node: string): Promise<string | undefined> {
  const rows = rowsIn(await look(["nodes"]));
  const row = rows?.find((one) => one["node"] === node);
  facts.add(`status of node ${node}`, row?.["status"] ?? "not listed");
  return row?.["status"] === "online"
    ? undefined
    : `, which is ${row === undefined ? "not listed" : String(row["status"])}`;
}

/** Any other call on a guest: the guest as it is, and the parameters. */
export const describeGuestCall: Describer = async (context) => general(context, await readTarget(context));

function general({ method, path, planned }: Context, state: GuestState): Description {
  const what = path
    .slice(4)
    .map((segment) => nameText(segment))
    .join("/");
  return {
    action: `${method === "GET" ? "READ" : method === "DELETE" ? "DELETE" : "CALL"} ${what === "" ? "" : `${what} of `}${state.label}`,
    effect: [planned.classified.reason.replace(/^it /, "")],
    details: state.lines,
    words: state.words,
    digest: state.digest,
  };
}
