import { TemplateTree } from "../../apidoc/tree.ts";
import type { Method } from "../../proxmox/message.ts";
import type { ApiPath } from "../../proxmox/path.ts";
import { accessRows } from "./access.ts";
import { cephRows } from "./ceph.ts";
import { clusterRows } from "./cluster.ts";
import { lxcRows } from "./lxc.ts";
import { nodesRows } from "./nodes.ts";
import { qemuRows } from "./qemu.ts";
import { type Row, toRow } from "./row.ts";
import { sdnRows } from "./sdn.ts";
import { storageRows } from "./storage.ts";

/** The table: every endpoint of Proxmox VE 8.4 and 9.1, by area. It does not depend on a schema. */
export const areas: Readonly<Record<string, readonly Row[]>> = {
  access: accessRows.map(toRow),
  cluster: clusterRows.map(toRow),
  nodes: nodesRows.map(toRow),
  qemu: qemuRows.map(toRow),
  lxc: lxcRows.map(toRow),
  storage: storageRows.map(toRow),
  ceph: cephRows.map(toRow),
  sdn: sdnRows.map(toRow),
};

/** All rows of the table. */
export const rows: readonly Row[] = Object.values(areas).flat();

const byEndpoint = new Map(rows.map((row) => [row.endpoint, row]));
const templates = new TemplateTree(rows.map(({ endpoint }) => endpoint.slice(endpoint.indexOf(" ") + 1)));

/** The template of a path with the values of its variables, and the row of a method; no row for an unknown endpoint. */
export function findRow(method: Method, path: ApiPath) {
  const found = templates.find(path);
  return { row: found && byEndpoint.get(`${method} ${found.template}`), found };
}
