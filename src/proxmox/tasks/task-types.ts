import type { Params } from "../params.ts";
import type { ProxmoxRequest } from "../request.ts";
import { type EvidenceKind, neutralParams, shownParams } from "../write-recovery/evidence-kinds.ts";

/** The task that a write starts, as its node's task list would show it. */
export interface StartedTask {
  /** Where it runs. */
  readonly node: string;
  /** Any one of these: for a guest under high availability the same endpoint starts another task. */
  readonly types: readonly string[];
  /** Any one of these. */
  readonly ids: readonly string[];
  /** What tells this write's task from one of another process with the same token. */
  readonly evidence: EvidenceKind;
  /** Path and request parameters by name. */
  readonly params: Params;
  /** Parameters that change what is done and that neither the task's id nor its evidence shows. */
  readonly hidden: readonly string[];
}

/** The id of a task, with the path's and the request's parameters in braces. */
type Id = string | ((params: Params) => readonly string[]);
type Types = string | ((params: Params) => string);
type Row = readonly [endpoint: string, types: Types, evidence: EvidenceKind, ...ids: Id[]];

/**
 * The task of each endpoint: recorded on 9.2 where `test/recordings/alpha-life.json` has it, else from the `fork_worker`
 * calls in Proxmox's source. Tasks that start on whichever node answers (SDN, ACME accounts) and those of Ceph are not
 * here: it is unknown which node's list would have them.
 */
const rows: readonly Row[] = [
  ...guestRows("qemu", "qm"),
  ...guestRows("lxc", "vz"),
  ["POST /nodes/{node}/qemu/{vmid}/config", "qmconfig", "update", "{vmid}"],
  ["POST /nodes/{node}/qemu/{vmid}/template", "qmtemplate", "none", "{vmid}"],
  ["POST /nodes/{node}/qemu/{vmid}/status/reset", "qmreset", "none", "{vmid}"],
  [
    "POST /nodes/{node}/qemu/{vmid}/status/suspend",
    ({ todisk }) => (isSet(todisk) ? "qmsuspend" : "qmpause"),
    "suspend",
    "{vmid}",
  ],
  ["POST /nodes/{node}/qemu/{vmid}/migrate", "qmigrate hamigrate", "migration", "{vmid}"],
  ["POST /nodes/{node}/qemu/{vmid}/move_disk", "qmmove", "move", "{vmid}"],
  ["POST /nodes/{node}/lxc/{vmid}/status/suspend", "vzsuspend", "none", "{vmid}"],
  ["POST /nodes/{node}/lxc/{vmid}/migrate", "vzmigrate hamigrate", "migration", "{vmid}"],
  ["POST /nodes/{node}/lxc/{vmid}/move_volume", "move_volume", "move", "{vmid}"],
  // The id is the one guest of the list that this node has, or empty when there are several (PVE/API2/VZDump.pm).
  ["POST /nodes/{node}/vzdump", "vzdump", "backup", ({ vmid }) => ["", ...String(vmid ?? "").split(/[,; ]/)]],
  ["POST /nodes/{node}/startall", "startall", "none", ""],
  ["POST /nodes/{node}/stopall", "stopall", "none", ""],
  ["POST /nodes/{node}/suspendall", "suspendall", "none", ""],
  ["POST /nodes/{node}/migrateall", "migrateall", "none", ""],
  ["POST /nodes/{node}/services/{service}/start", "srvstart", "none", "{service}"],
  ["POST /nodes/{node}/services/{service}/stop", "srvstop", "none", "{service}"],
  ["POST /nodes/{node}/services/{service}/restart", "srvrestart", "none", "{service}"],
  ["POST /nodes/{node}/services/{service}/reload", "srvreload", "none", "{service}"],
  ["PUT /nodes/{node}/network", "srvreload", "none", "networking"],
  ["POST /nodes/{node}/apt/update", "aptupdate", "none", ""],
  ["POST /nodes/{node}/storage/{storage}/download-url", "download", "download", "{filename}"],
  [
    "DELETE /nodes/{node}/storage/{storage}/content/{volume}",
    "imgdel",
    "removal",
    // The id is the storage, or `171@backups` where the volume belongs to a guest.
    ({ storage, volume }) => [String(storage), ...guestsIn(String(volume)).map((vmid) => `${vmid}@${storage}`)],
  ],
  ["DELETE /nodes/{node}/storage/{storage}/prunebackups", "prunebackups", "none", "{vmid}@{storage}", "{storage}"],
  ["POST /nodes/{node}/certificates/acme/certificate", "acmenewcert", "none", ""],
  ["PUT /nodes/{node}/certificates/acme/certificate", "acmerenew", "none", ""],
  ["DELETE /nodes/{node}/certificates/acme/certificate", "acmerevoke", "none", ""],
];

/** What virtual machines and containers have in common. */
function guestRows(kind: "qemu" | "lxc", prefix: "qm" | "vz"): readonly Row[] {
  const guest = `/nodes/{node}/${kind}/{vmid}`;
  return [
    [`POST /nodes/{node}/${kind}`, `${prefix}create ${prefix}restore`, "creation", "{vmid}"],
    [`DELETE ${guest}`, `${prefix}destroy`, "destruction", "{vmid}"],
    [`POST ${guest}/status/start`, `${prefix}start hastart`, "none", "{vmid}"],
    [`POST ${guest}/status/stop`, `${prefix}stop hastop`, "stop", "{vmid}"],
    [`POST ${guest}/status/shutdown`, `${prefix}shutdown hastop`, "stop", "{vmid}"],
    [`POST ${guest}/status/reboot`, `${prefix}reboot`, "none", "{vmid}"],
    [`POST ${guest}/status/resume`, `${prefix}resume`, "none", "{vmid}"],
    [`POST ${guest}/clone`, `${prefix}clone`, "clone", "{vmid}"],
    [`PUT ${guest}/resize`, "resize", "resize", "{vmid}"],
    [`POST ${guest}/snapshot`, `${prefix}snapshot`, "snapshot", "{vmid}"],
    [`DELETE ${guest}/snapshot/{snapname}`, `${prefix}delsnapshot`, "snapshot-deletion", "{vmid}"],
    [`POST ${guest}/snapshot/{snapname}/rollback`, `${prefix}rollback`, "rollback", "{vmid}"],
  ];
}

const table = rows.map(([endpoint, types, evidence, ...ids]) => {
  const [method = "", template = ""] = endpoint.split(" ");
  const segments = template.slice(1).split("/");
  const inId = ids.flatMap((id) =>
    typeof id === "string" ? [...id.matchAll(/\{(\w+)\}/g)].map(([, n = ""]) => n) : [],
  );
  return { method, segments, types, evidence, ids, inId };
});

/** The task that a write starts; `undefined` for one that starts none, or none that is known. */
export function taskStartedBy({ method, path, params = {} }: ProxmoxRequest): StartedTask | undefined {
  for (const row of table) {
    if (row.method !== method) continue;
    const values = valuesOf(row.segments, path);
    if (values === undefined) continue;
    const all = { ...params, ...values };
    const ids = row.ids.flatMap((id) => (typeof id === "string" ? filled(id, all) : id(all)));
    const { node } = values;
    if (node === undefined || ids.length === 0) return undefined;
    const types = (typeof row.types === "string" ? row.types : row.types(all)).split(" ");
    const shown = shownParams[row.evidence];
    const isShown = (name: string) => shown === "all" || shown.includes(name) || row.inId.includes(name);
    const hidden = Object.keys(params).filter((name) => !neutralParams.includes(name) && !isShown(name));
    return { node, types, ids, evidence: row.evidence, params: all, hidden };
  }
  return undefined;
}

/** The guest that a volume belongs to by its name: an image's, or a backup's. */
function guestsIn(volume: string): readonly string[] {
  const [, vmid] =
    /(?:(?:vm|base|subvol|basevol)-|vzdump-(?:qemu|lxc|openvz)-)(\d+)-/.exec(volume.slice(0, 1_024)) ?? [];
  return vmid === undefined ? [] : [vmid];
}

function isSet(value: Params[string] | undefined): boolean {
  return value === true || value === 1 || value === "1" || value === "true";
}

/** Endpoints of configurations that answer a GET with what a PUT sets. */
const settings = [
  "nodes/{node}/qemu/{vmid}/config",
  "nodes/{node}/lxc/{vmid}/config",
  "nodes/{node}/qemu/{vmid}/snapshot/{snapname}/config",
  "nodes/{node}/lxc/{vmid}/snapshot/{snapname}/config",
  "nodes/{node}/qemu/{vmid}/firewall/options",
  "nodes/{node}/lxc/{vmid}/firewall/options",
  "nodes/{node}/firewall/options",
  "nodes/{node}/config",
  "cluster/firewall/options",
  "cluster/backup/{id}",
  "cluster/ha/resources/{sid}",
  "storage/{storage}",
  "pools/{poolid}",
  "access/users/{userid}",
  "access/groups/{groupid}",
  "access/domains/{realm}",
].map((template) => template.split("/"));

/** Whether a write sets values that a GET of the same path shows. */
export function setsValues({ method, path }: ProxmoxRequest): boolean {
  return method === "PUT" && settings.some((template) => valuesOf(template, path) !== undefined);
}

/** The path's values by name; a volume may be several segments long. */
function valuesOf(template: readonly string[], path: readonly string[]): Record<string, string> | undefined {
  const length = template.at(-1) === "{volume}" ? Math.min(path.length, template.length) : path.length;
  if (template.length !== length) return undefined;
  const values: Record<string, string> = {};
  for (const [index, part] of template.entries()) {
    const segment = path[index] ?? "";
    if (part === "{volume}") values["volume"] = path.slice(index).join("/");
    else if (part.startsWith("{")) values[part.slice(1, -1)] = segment;
    else if (part !== segment) return undefined;
  }
  return values;
}

/** Nothing where a parameter is missing. */
function filled(id: string, values: Params): string[] {
  const names = [...id.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
  if (names.some((name) => values[name] === undefined)) return [];
  return [id.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(values[name]))];
}
