import type { ProxmoxErrorKind } from "../errors/proxmox-error.ts";
import type { Params } from "../params.ts";
import { formatPath } from "../path.ts";
import type { ProxmoxRequest } from "../request.ts";
import type { StartedTask } from "../tasks/task-types.ts";

/** A write of which it is unknown whether it was carried out. */
export interface DoubtfulWrite {
  readonly request: ProxmoxRequest;
  /** The task that it starts, if it starts one that is known. */
  readonly task: StartedTask | undefined;
  /** Whether a GET of the same path shows what it sets. */
  readonly setsValues: boolean;
}

/**
 * Which read tells whether a write was carried out, what to look for, and when. There is no moment from which a write
 * that left can no longer be carried out: flock on a guest waits 10 s, in places 30 s (PVE/AbstractConfig.pm), a cluster
 * or storage lock 10 s more, held for up to 60 s (PVE/Cluster.pm), they add up, and a stopped pveproxy or pvedaemon
 * reads what it has received once it goes on (measured). So the advice is a wait that covers the usual, and no promise.
 */
export function howToCheck(write: DoubtfulWrite, kind: ProxmoxErrorKind): string {
  const isHung = kind === "timeout" || kind === "node-timeout";
  const when = isHung ? "Once the node answers normally, wait 60 s more" : "Wait 60 s";
  const why = isHung
    ? "a node that hung carries out what it received when it goes on"
    : "Proxmox waits for one lock after the other, and may carry it out late";
  return `Check before you send it again. ${when} (${why}), then ${readOf(write)}`;
}

function readOf({ request, task, setsValues }: DoubtfulWrite): string {
  const { method, path, params = {} } = request;
  const where = formatPath(path);
  if (task !== undefined) return taskRead(task, where);
  if (setsValues) return `GET ${where}: ${valuesOf(params)} as sent mean done.`;
  switch (method) {
    case "DELETE":
      return `GET ${where}: if it is gone, it was deleted.`;
    case "PUT":
      return `GET ${where}: the values as sent mean done.`;
    default:
      return `GET ${where}, if there is one: what was to be made is listed there when it was done. Tasks are in GET /cluster/tasks.`;
  }
}

function taskRead(task: StartedTask, where: string): string {
  const { params } = task;
  const state = stateRead(task, where, params);
  const [vmid] = task.ids.filter((id) => /^\d+$/.test(id));
  const filter = vmid === undefined ? "source=all" : `source=all and vmid=${vmid}`;
  const tasks = `GET /nodes/${task.node}/tasks with ${filter}: a ${task.types.join(" or ")} begun after it was sent`;
  return state === undefined ? `${tasks} may be its own.` : `${state} ${tasks} has its log.`;
}

/** What the write made, where that shows better than a task does. */
function stateRead({ evidence, node }: StartedTask, where: string, params: Params): string | undefined {
  const guest = where.split("/").slice(0, 5).join("/");
  const kind = where.split("/")[3] ?? "qemu";
  switch (evidence) {
    case "clone":
      return `GET /nodes/${params["target"] ?? node}/${kind}/${params["newid"]}/config: if guest ${params["newid"]} exists, it was cloned.`;
    case "creation":
      return `GET /nodes/${node}/${kind}/${params["vmid"]}/config: if guest ${params["vmid"]} exists, it was created.`;
    case "destruction":
      return `GET ${guest}/config: an error that it does not exist means that it was destroyed.`;
    case "snapshot":
      return `GET ${guest}/snapshot: a snapshot ${params["snapname"]} with a snaptime after it was sent means done.`;
    case "snapshot-deletion":
      return `GET ${guest}/snapshot: no snapshot ${params["snapname"]} means deleted.`;
    case "rollback":
      return `GET ${guest}/snapshot: parent ${params["snapname"]} of "current" means rolled back.`;
    case "migration":
      return `GET /cluster/resources with type=vm: node ${params["target"]} means migrated.`;
    case "resize":
      return `GET ${guest}/config: compare the size of ${params["disk"]} with the one before.`;
    case "move":
      return `GET ${guest}/config: compare the storage of ${params["disk"] ?? params["volume"]} with ${params["storage"] ?? "the one asked for"}.`;
    case "update":
      return `GET ${guest}/config and GET ${guest}/pending: the values as sent mean done.`;
    case "backup":
      return `GET /nodes/${node}/storage/${params["storage"] ?? "local"}/content with content=backup: an archive with a ctime after it was sent means done.`;
    case "download":
      return `GET /nodes/${node}/storage/${params["storage"]}/content: ${params["filename"]} with a ctime after it was sent means done.`;
    case "removal":
      return `GET /nodes/${node}/storage/${params["storage"]}/content: no ${params["volume"]} means removed.`;
    case "stop":
    case "suspend":
    case "none":
      return undefined;
  }
}

function valuesOf(params: Params): string {
  const names = Object.keys(params);
  return names.length === 0 ? "the values" : `the values of ${names.slice(0, 20).join(", ")}`;
}
