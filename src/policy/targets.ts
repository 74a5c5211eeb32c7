import type { Params } from "../proxmox/params.ts";
import type { ApiPath } from "../proxmox/path.ts";
import { parseUpid } from "../proxmox/tasks/upid.ts";
import type { Classified } from "./endpoint-classes/classify.ts";
import { isOn, textsOf, wordsOf } from "./endpoint-classes/values.ts";
import { covers } from "./pattern.ts";

/** What a request affects, as far as its path and parameters say. */
export type Target =
  | { readonly type: "guest"; readonly vmid: string }
  /** The VMID of a guest that is created; `overwrites` where a guest may have it already. */
  | { readonly type: "new-guest"; readonly vmid: string; readonly overwrites: boolean }
  | { readonly type: "node"; readonly node: string }
  | { readonly type: "guests-of-node"; readonly node: string }
  | { readonly type: "pool"; readonly pool: string }
  | { readonly type: "guests-of-pool"; readonly pool: string }
  | { readonly type: "all-guests" }
  /** Some guest that the request does not name. */
  | { readonly type: "unknown" };

/** The input of a rule: the values of the template's variables and the parameters. */
interface Asked {
  readonly values: Readonly<Record<string, string>>;
  readonly params: Params;
}

/** Endpoints and what their requests affect. The first rule that matches applies. */
interface AffectedRule {
  readonly on: readonly string[];
  readonly subjects: (asked: Asked) => readonly Target[];
}

const all: Target = { type: "all-guests" };
const unknown: Target = { type: "unknown" };

const rules: readonly AffectedRule[] = [
  {
    on: ["* /nodes/{node}/{type}/{vmid}/clone"],
    subjects: ({ values, params }) => [
      ...own(values),
      ...created(params, "newid", false),
      ...nodesIn(params, "target"),
      ...poolsIn(params, "pool"),
    ],
  },
  {
    on: [
      "* /nodes/{node}/qemu/{vmid}",
      "* /nodes/{node}/qemu/{vmid}/**",
      "* /nodes/{node}/lxc/{vmid}",
      "* /nodes/{node}/lxc/{vmid}/**",
    ],
    subjects: guestAndOthers,
  },
  {
    on: ["POST /nodes/{node}/qemu", "POST /nodes/{node}/lxc"],
    subjects: ({ values, params }) => [
      ...node(values),
      ...created(params, "vmid", isOn(params, "force")),
      ...poolsIn(params, "pool"),
      ...volumesIn(params),
    ],
  },
  {
    on: ["* /nodes/{node}/vzdump"],
    subjects: ({ values, params }) => [...node(values), ...backedUp(params, guestsOfNode(values))],
  },
  {
    on: [
      "* /nodes/{node}/startall",
      "* /nodes/{node}/stopall",
      "* /nodes/{node}/suspendall",
      "* /nodes/{node}/migrateall",
    ],
    subjects: ({ values, params }) => [
      ...node(values),
      ...nodesIn(params, "target"),
      ...namedOr(guestsOfNode(values), params, "vms"),
    ],
  },
  {
    // A service such as corosync that stops may have the node fenced, and its firewall forwards for its guests.
    on: [
      "* /nodes/{node}/status",
      "PUT /nodes/{node}/network",
      "* /nodes/{node}/disks/**",
      "* /nodes/{node}/services/{service}/stop",
      "* /nodes/{node}/services/{service}/restart",
      "* /nodes/{node}/firewall/**",
    ],
    subjects: ({ values }) => [...node(values), ...guestsOfNode(values)],
  },
  { on: ["* /nodes/{node}/ceph/**", "* /cluster/ceph/**"], subjects: ({ values }) => [...node(values), all] },
  {
    on: ["* /nodes/{node}/tasks/{upid}"],
    subjects: ({ values }) => [...node(values), ...ofTask(values["upid"] ?? "")],
  },
  {
    on: ["* /nodes/{node}/replication/{id}/**"],
    subjects: ({ values }) => [...node(values), ...ofReplication(values["id"] ?? "")],
  },
  {
    on: ["DELETE /nodes/{node}/storage/{storage}/prunebackups"],
    subjects: ({ values, params }) => [...node(values), ...namedOr([all], params, "vmid")],
  },
  {
    on: ["* /nodes/{node}/storage/{storage}/content/{volume}"],
    subjects: ({ values, params }) => [
      ...node(values),
      ...nodesIn(params, "target_node"),
      ...ofVolume(values["volume"] ?? ""),
      ...wordsOf(params, "target").flatMap(ofVolume),
    ],
  },
  {
    on: ["* /nodes/{node}/storage/{storage}/content"],
    subjects: ({ values, params }) => [...node(values), ...guests(wordsOf(params, "vmid"))],
  },
  { on: ["* /nodes/**"], subjects: ({ values }) => node(values) },
  {
    on: ["* /cluster/bulk-action/guest/*"],
    subjects: ({ params }) => [...nodesIn(params, "target"), ...namedOr([all], params, "vms")],
  },
  { on: ["POST /cluster/backup"], subjects: ({ params }) => backedUp(params, [all]) },
  // The guests of an existing job are in the cluster's configuration.
  { on: ["* /cluster/backup/{id}"], subjects: () => [all] },
  { on: ["POST /cluster/ha/resources"], subjects: ({ params }) => wordsOf(params, "sid").flatMap(ofService) },
  {
    on: ["* /cluster/ha/resources/{sid}", "* /cluster/ha/resources/{sid}/**"],
    subjects: ({ values, params }) => [...ofService(values["sid"] ?? ""), ...nodesIn(params, "node")],
  },
  { on: ["POST /cluster/ha/rules"], subjects: ({ params }) => wordsOf(params, "resources").flatMap(ofService) },
  { on: ["* /cluster/ha/**"], subjects: () => [all] },
  {
    on: ["POST /cluster/replication"],
    subjects: ({ params }) => [...wordsOf(params, "id").flatMap(ofReplication), ...nodesIn(params, "target")],
  },
  { on: ["* /cluster/replication/{id}"], subjects: ({ values }) => ofReplication(values["id"] ?? "") },
  { on: ["* /cluster/config/nodes/{node}"], subjects: ({ values }) => [...node(values), ...guestsOfNode(values)] },
  { on: ["* /cluster/config", "* /cluster/config/join"], subjects: () => [unknown] },
  {
    on: [
      "* /cluster/firewall/**",
      "PUT /cluster/sdn",
      "* /cluster/sdn/vnets/{vnet}/firewall/**",
      "* /cluster/sdn/vnets/{vnet}/ips",
    ],
    subjects: () => [all],
  },
  { on: ["PUT /cluster/mapping/**", "DELETE /cluster/mapping/**"], subjects: () => [all] },
  { on: ["* /cluster/**"], subjects: () => [] },
  { on: ["PUT /access/acl"], subjects: ({ params }) => wordsOf(params, "path").flatMap(ofAclPath) },
  { on: ["* /access/**"], subjects: () => [] },
  {
    on: ["* /pools", "* /pools/{poolid}"],
    subjects: ({ values, params }) => {
      const own: Target[] = values["poolid"] === undefined ? [] : [{ type: "pool", pool: values["poolid"] }];
      return [...own, ...poolsIn(params, "poolid"), ...guests(wordsOf(params, "vms"))];
    },
  },
  { on: ["POST /storage"], subjects: () => [] },
  { on: ["* /storage/{storage}"], subjects: () => [all] },
];

/** The input of {@link affected}. */
interface Affecting {
  readonly method: string;
  readonly path: ApiPath;
  readonly params?: Params;
}

/**
 * What a request affects, by its path and parameters, each once; empty for a read. An unclear request counts as affecting
 * a guest: `protect` must hold on every path to it.
 */
export function affected(request: Affecting, classified: Classified): readonly Target[] {
  const subjects = subjectsOf(request, classified);
  return [...new Map(subjects.map((subject) => [JSON.stringify(subject), subject])).values()];
}

function subjectsOf({ method, path, params = {} }: Affecting, classified: Classified): readonly Target[] {
  const { template, values } = classified;
  if (classified.class === "read") return [];
  if (template === undefined) return ofUnknownPath(path);
  const shape = template.split("/").filter((segment) => segment !== "");
  const rule = rules.find(({ on }) => on.some((pattern) => covers(pattern, method, shape)));
  return rule === undefined ? [unknown] : rule.subjects({ values, params });
}

/** A path of a newer Proxmox, which affects at least the guest or node that it names. */
function ofUnknownPath([first, node, type, vmid]: ApiPath): readonly Target[] {
  if (first !== "nodes" || node === undefined) return [unknown];
  if ((type === "qemu" || type === "lxc") && vmid !== undefined) return guests([vmid]);
  return [
    { type: "node", node },
    { type: "guests-of-node", node },
  ];
}

function guestAndOthers({ values, params }: Asked): readonly Target[] {
  return [
    ...own(values),
    ...nodesIn(params, "target"),
    ...guests(wordsOf(params, "target-vmid")),
    ...volumesIn(params),
  ];
}

function own({ vmid }: Asked["values"]): Target[] {
  return guests([vmid ?? ""]);
}

/** The guests that a list names; an empty list counts as a missing one. */
function namedOr(others: readonly Target[], params: Params, name: string): readonly Target[] {
  const vmids = wordsOf(params, name);
  return vmids.length === 0 ? others : guests(vmids);
}

/** An invalid VMID counts as an unknown guest. */
function guests(vmids: readonly string[]): Target[] {
  return vmids.map((vmid) => (/^\d+$/.test(vmid) ? { type: "guest", vmid: String(Number(vmid)) } : unknown));
}

function created(params: Params, name: string, overwrites: boolean): Target[] {
  return wordsOf(params, name).map((vmid) => ({ type: "new-guest", vmid: String(Number(vmid)), overwrites }));
}

function node({ node }: Asked["values"]): Target[] {
  return node === undefined ? [] : [{ type: "node", node }];
}

function guestsOfNode({ node }: Asked["values"]): Target[] {
  return node === undefined ? [unknown] : [{ type: "guests-of-node", node }];
}

/** Nodes that guests are moved or copied to. */
function nodesIn(params: Params, name: string): Target[] {
  return wordsOf(params, name).map((node) => ({ type: "node", node }));
}

function poolsIn(params: Params, name: string): Target[] {
  return wordsOf(params, name).map((pool) => ({ type: "pool", pool }));
}

function backedUp(params: Params, others: readonly Target[]): readonly Target[] {
  const pools = wordsOf(params, "pool").map((pool): Target => ({ type: "guests-of-pool", pool }));
  const named = [...guests(wordsOf(params, "vmid")), ...pools];
  return isOn(params, "all") || named.length === 0 ? [...named, ...others] : named;
}

function ofTask(upid: string): Target[] {
  const task = parseUpid(upid);
  if (task === undefined) return [unknown];
  return /^\d+$/.test(task.id) ? guests([task.id]) : guestsOfNode({ node: task.node });
}

/** `100-0` is the first replication of guest 100. */
function ofReplication(id: string): Target[] {
  const [, vmid] = /^(\d+)-\d+$/.exec(id) ?? [];
  return vmid === undefined ? [unknown] : guests([vmid]);
}

/** `vm:100`, `ct:100`, or the VMID alone. */
function ofService(sid: string): Target[] {
  const [, vmid] = /^(?:[a-z]+:)?(\d+)$/i.exec(sid) ?? [];
  return vmid === undefined ? [unknown] : guests([vmid]);
}

function ofAclPath(path: string): Target[] {
  const [first, ...rest] = path.split("/").filter((segment) => segment !== "");
  // Pools lie in pools: "infra/db".
  const name = rest.length === 0 ? undefined : rest.join("/");
  if (first === undefined || (first === "vms" && name === undefined)) return [all];
  if (first === "vms") return guests([name ?? ""]);
  if (first === "pool" && name !== undefined)
    return [
      { type: "pool", pool: name },
      { type: "guests-of-pool", pool: name },
    ];
  if (first === "nodes" && name !== undefined)
    return [
      { type: "node", node: name },
      { type: "guests-of-node", node: name },
    ];
  return first === "pool" || first === "nodes" ? [all] : [];
}

/** Disks whose names say whose they are: `vm-100-disk-0`, also below a `base-9000-disk-0/`. */
const diskName = /(?:^|[:/])(?:vm|base|subvol|basevol)-(\d+)-/g;

/** A disk of any name in the folder of its guest: `nfs:100/copy.qcow2`. */
const folderName = /^(?:[\w-]+=)?[a-z][\w.-]*:(\d+)\//gi;

const backupName = /(?:^|[:/])(?:vzdump-[a-z]+-(\d+)[-.]|backup\/(?:vm|ct)\/(\d+)\/)/g;

/** Volumes that belong to no guest. */
const ownerless = /^(?:[^:/]+:)?(?:iso|vztmpl|snippets|import)\//;

function ofVolume(volume: string): Target[] {
  const owners = ownersOf(volume);
  if (owners.length > 0) return guests(owners);
  return ownerless.test(volume) ? [] : [all];
}

function ownersOf(text: string, names: readonly RegExp[] = [diskName, folderName, backupName]): string[] {
  const found = names.flatMap((name) => [...text.matchAll(name)]);
  return [...new Set(found.flatMap(([, first, second]) => first ?? second ?? []))];
}

/** Guests whose volumes are named in the settings of another: a disk that is attached there is changed there. */
function volumesIn(params: Params): Target[] {
  const texts = textsOf(params).filter(([name]) => name !== "archive" && name !== "description");
  const parts = texts.flatMap(([, text]) => text.split(","));
  return guests([...new Set(parts.flatMap((part) => ownersOf(part, [diskName, folderName])))]);
}
