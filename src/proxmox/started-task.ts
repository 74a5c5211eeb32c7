import type { ProxmoxRequest } from "./client.ts";
import type { Params } from "./params.ts";

/** The task that a write starts, as its node's log would show it. */
export interface StartedTask {
  /** Whose log it stands in. */
  readonly node: string;
  /** Any one of these: with high availability the same button starts another task. */
  readonly types: readonly string[];
  /** Any one of these. */
  readonly ids: readonly string[];
}

/** The id of a task, with the path's and the request's parameters in braces. */
type Id = string | ((params: Params) => string);
type Row = readonly [endpoint: string, types: string, ...ids: Id[]];

/**
 * What each endpoint calls its task: recorded on 9.2 where `test/recordings/alpha-life.json` has it, else as the
 * `fork_worker` calls of Proxmox's source have it. Tasks that start on whichever node answers (SDN, ACME accounts) and
 * those of Ceph are not here: nobody knows whose log to read, or what would stand in it.
 */
const rows: readonly Row[] = [
  ...guestRows("qemu", "qm"),
  ...guestRows("lxc", "vz"),
  ["POST /nodes/{node}/qemu/{vmid}/config", "qmconfig", "{vmid}"],
  ["POST /nodes/{node}/qemu/{vmid}/template", "qmtemplate", "{vmid}"],
  ["POST /nodes/{node}/qemu/{vmid}/status/reset", "qmreset", "{vmid}"],
  ["POST /nodes/{node}/qemu/{vmid}/status/suspend", "qmpause qmsuspend", "{vmid}"],
  ["POST /nodes/{node}/qemu/{vmid}/migrate", "qmigrate hamigrate", "{vmid}"],
  ["POST /nodes/{node}/qemu/{vmid}/remote_migrate", "qmigrate", "{vmid}"],
  ["POST /nodes/{node}/qemu/{vmid}/move_disk", "qmmove", "{vmid}"],
  ["POST /nodes/{node}/lxc/{vmid}/status/suspend", "vzsuspend", "{vmid}"],
  ["POST /nodes/{node}/lxc/{vmid}/migrate", "vzmigrate hamigrate", "{vmid}"],
  ["POST /nodes/{node}/lxc/{vmid}/remote_migrate", "vzmigrate", "{vmid}"],
  ["POST /nodes/{node}/lxc/{vmid}/move_volume", "move_volume", "{vmid}"],
  // A backup of one guest is that guest's task, one of several is nobody's.
  ["POST /nodes/{node}/vzdump", "vzdump", ({ vmid }) => (/^\d+$/.test(String(vmid)) ? String(vmid) : "")],
  ["POST /nodes/{node}/startall", "startall", ""],
  ["POST /nodes/{node}/stopall", "stopall", ""],
  ["POST /nodes/{node}/suspendall", "suspendall", ""],
  ["POST /nodes/{node}/migrateall", "migrateall", ""],
  ["POST /nodes/{node}/services/{service}/start", "srvstart", "{service}"],
  ["POST /nodes/{node}/services/{service}/stop", "srvstop", "{service}"],
  ["POST /nodes/{node}/services/{service}/restart", "srvrestart", "{service}"],
  ["POST /nodes/{node}/services/{service}/reload", "srvreload", "{service}"],
  ["PUT /nodes/{node}/network", "srvreload", "networking"],
  ["POST /nodes/{node}/apt/update", "aptupdate", ""],
  ["POST /nodes/{node}/storage/{storage}/download-url", "download", "{filename}"],
  ["DELETE /nodes/{node}/storage/{storage}/prunebackups", "prunebackups", "{vmid}@{storage}", "{storage}"],
  ["POST /nodes/{node}/certificates/acme/certificate", "acmenewcert", ""],
  ["PUT /nodes/{node}/certificates/acme/certificate", "acmerenew", ""],
  ["DELETE /nodes/{node}/certificates/acme/certificate", "acmerevoke", ""],
];

/** What virtual machines and containers have in common. */
function guestRows(kind: "qemu" | "lxc", prefix: "qm" | "vz"): readonly Row[] {
  const guest = `/nodes/{node}/${kind}/{vmid}`;
  return [
    [`POST /nodes/{node}/${kind}`, `${prefix}create ${prefix}restore`, "{vmid}"],
    [`DELETE ${guest}`, `${prefix}destroy`, "{vmid}"],
    [`POST ${guest}/status/start`, `${prefix}start hastart`, "{vmid}"],
    [`POST ${guest}/status/stop`, `${prefix}stop hastop`, "{vmid}"],
    [`POST ${guest}/status/shutdown`, `${prefix}shutdown hastop`, "{vmid}"],
    [`POST ${guest}/status/reboot`, `${prefix}reboot`, "{vmid}"],
    [`POST ${guest}/status/resume`, `${prefix}resume`, "{vmid}"],
    [`POST ${guest}/clone`, `${prefix}clone`, "{vmid}"],
    [`PUT ${guest}/resize`, "resize", "{vmid}"],
    [`POST ${guest}/snapshot`, `${prefix}snapshot`, "{vmid}"],
    [`DELETE ${guest}/snapshot/{snapname}`, `${prefix}delsnapshot`, "{vmid}"],
    [`POST ${guest}/snapshot/{snapname}/rollback`, `${prefix}rollback`, "{vmid}"],
  ];
}

const table = rows.map(([endpoint, types, ...ids]) => {
  const [method = "", template = ""] = endpoint.split(" ");
  return { method, template: template.slice(1).split("/"), types: types.split(" "), ids };
});

/** The task that a write starts; `undefined` for one that starts none, or none that is known. */
export function taskStartedBy({ method, path, params = {} }: ProxmoxRequest): StartedTask | undefined {
  for (const row of table) {
    if (row.method !== method) continue;
    const values = valuesOf(row.template, path);
    if (values === undefined) continue;
    const ids = row.ids.flatMap((id) => (typeof id === "string" ? filled(id, { ...params, ...values }) : id(params)));
    const { node } = values;
    return node === undefined || ids.length === 0 ? undefined : { node, types: row.types, ids };
  }
  return undefined;
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

function valuesOf(template: readonly string[], path: readonly string[]): Record<string, string> | undefined {
  if (template.length !== path.length) return undefined;
  const values: Record<string, string> = {};
  for (const [index, part] of template.entries()) {
    const segment = path[index] ?? "";
    if (part.startsWith("{")) values[part.slice(1, -1)] = segment;
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
