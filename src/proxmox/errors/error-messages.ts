import type { Attempted, ProxmoxErrorDetails, ProxmoxErrorKind } from "./proxmox-error.ts";

/** What a text of Proxmox means; without `what` the text itself says it best. */
export interface Meaning {
  readonly kind: ProxmoxErrorKind;
  readonly what?: string;
  readonly hint?: string;
  readonly details?: ProxmoxErrorDetails;
}

type Reading = (match: RegExpExecArray, attempted: Attempted) => Meaning;

/** The first that matches counts. Names in them are bounded, and so is what a text costs that names nothing. */
const readings: readonly (readonly [text: RegExp, reading: Reading])[] = [
  [/no quorum|cluster not ready/i, noQuorum],
  // A configuration that cannot be written: /etc/pve is read-only for everybody while there is no quorum.
  [/unable to open file '\/etc\/pve\/[^']{0,255}' - Permission denied/, noQuorum],
  [/^Configuration file 'nodes\/([^/]{1,63})\/(?:qemu-server|lxc)\/(\d{1,9})\.conf' does not exist/, guestElsewhere],
  // What `assert_config_exists_on_node` says, mostly inside tasks.
  [
    /^unable to find configuration file for (?:VM|CT) (\d{1,9}) on node '([^']{0,63})'/,
    ([, vmid = "", node = ""]) => guestElsewhere(["", node, vmid]),
  ],
  [/hostname lookup '([^']{0,255})' failed/, noNode],
  [/no such user \('([^']{0,255})'\)/, ([, id = ""]) => missing("user", id)],
  [/no such (token|resource|ha rule) '([^']{0,255})'/, ([, type = "", id = ""]) => missing(haNames[type] ?? type, id)],
  [
    /^(storage|pool|user|group|role|domain|realm|snapshot|volume|job|token) '([^']{0,255})' does not exist/i,
    ([, type = "", id = ""]) => missing(type.toLowerCase(), id),
  ],
  [/(?:VM|CT)(?: \d{1,9})? is locked \(([^)]{0,63})\)/, locked],
  [/can't lock file '([^']{0,255})' - got timeout/, heldFile],
  [/(?:VM|CT) (\d{1,9}) - protection mode enabled/, protectedGuest],
  [/checksum mismatch|detected modified configuration/, conflict],
  [/guest agent is not running/i, noAgent],
  [/(?:VM|CT)(?: (\d{1,9}))?(?: is)? not running/, notRunning],
  [/VM quit\/powerdown failed|^command 'lxc-stop /, deafGuest],
  [/^unexpected status$/, lostWorker],
];

/** What one of the many texts behind status 500 means; the first that matches wins. */
export function failed(text: string, attempted: Attempted): Meaning {
  for (const [pattern, reading] of readings) {
    const match = pattern.exec(text);
    if (match !== null) return reading(match, attempted);
  }
  return { kind: "failed" };
}

function noQuorum(match: RegExpExecArray): Meaning {
  return {
    kind: "no-quorum",
    what: `the cluster has no quorum, so nothing can be changed (Proxmox says: ${oneLine(match.input)})`,
    hint: "Too few nodes see each other; reads go on. GET /cluster/status shows which are online: bring them back, or look at `pvecm status` on a node. It is no matter of rights.",
  };
}

function guestElsewhere([, node = "", vmid = ""]: readonly string[]): Meaning {
  return {
    kind: "not-found",
    what: `there is no guest ${vmid} of this kind on node ${node}`,
    hint: `It may run on another node, be of the other kind (qemu or lxc), or not exist: GET /cluster/resources with type=vm (get_cluster_resources) shows where guest ${vmid} is.`,
    details: { subject: { type: "guest", id: vmid } },
  };
}

function noNode([, node = ""]: RegExpExecArray): Meaning {
  return { ...missing("node", node), what: `there is no node ${node} in this cluster` };
}

/** Where each kind of thing is listed. */
const lists: Readonly<Record<string, string>> = {
  node: "/nodes",
  storage: "/storage",
  pool: "/pools",
  user: "/access/users",
  group: "/access/groups",
  role: "/access/roles",
  domain: "/access/domains",
  realm: "/access/domains",
  "HA resource": "/cluster/ha/resources",
  "HA rule": "/cluster/ha/rules",
};

/** PVE::API2::HA calls its things by words that mean more elsewhere. */
const haNames: Readonly<Record<string, string>> = { resource: "HA resource", "ha rule": "HA rule" };

function missing(type: string, id: string): Meaning {
  const list = lists[type];
  return {
    kind: "not-found",
    what: `there is no ${type} ${id}`,
    hint: list === undefined ? `Check the spelling of the ${type}.` : `GET ${list} lists what there is.`,
    details: { subject: { type, id } },
  };
}

/** Who holds a guest's lock, by its name. */
const holders: Readonly<Record<string, string>> = {
  backup: "a backup is running",
  clone: "it is being cloned",
  create: "it is being created or restored",
  destroyed: "it is being destroyed",
  disk: "a disk of it is being moved or resized",
  fstrim: "its file system is being trimmed",
  migrate: "it is being migrated",
  mounted: "its file system is mounted on the host",
  rollback: "it is being rolled back to a snapshot",
  snapshot: "a snapshot is being taken",
  "snapshot-delete": "a snapshot is being deleted",
  suspended: "it was suspended to disk; resuming it ends this",
  suspending: "it is being suspended to disk",
};

function locked([, lock = ""]: RegExpExecArray, attempted: Attempted): Meaning {
  return {
    kind: "locked",
    what: `the guest is locked (${lock}): ${holders[lock] ?? "a task holds it"}`,
    hint: `Wait for that task; ${activeTasks(attempted)} shows it. Only if none is running is the lock left over, and an administrator may remove it on the node with \`qm unlock\` or \`pct unlock\`.`,
    details: { lock },
  };
}

function heldFile([text, file = ""]: RegExpExecArray, attempted: Attempted): Meaning {
  return {
    kind: "locked",
    what: `another task works on the same thing and did not finish in time (Proxmox says: ${oneLine(text)})`,
    hint: `Wait for it and try again; ${activeTasks(attempted)} shows what runs.`,
    details: { lock: file },
  };
}

function activeTasks(attempted: Attempted): string {
  const node = nodeOf(attempted);
  return node === undefined ? "GET /cluster/tasks" : `GET /nodes/${node}/tasks with source=active`;
}

function protectedGuest([, vmid = ""]: RegExpExecArray): Meaning {
  return {
    kind: "protected",
    what: `guest ${vmid} has Proxmox's protection flag set, which forbids removing it or its disks`,
    hint: "Somebody set it on purpose: ask first. Its option `protection` set to 0 takes it off.",
    details: { subject: { type: "guest", id: vmid } },
  };
}

function conflict(match: RegExpExecArray): Meaning {
  return {
    kind: "conflict",
    what: `the configuration was changed by somebody else since its digest was read (Proxmox says: ${oneLine(match.input)})`,
    hint: "Read the configuration again, look at what changed, and send the change with the new digest.",
  };
}

function noAgent(): Meaning {
  return {
    kind: "not-running",
    what: "the guest agent does not answer inside the guest",
    hint: "Install and start qemu-guest-agent in the guest, and set the VM's option `agent` to 1 (it takes effect at the next full start).",
    details: { subject: { type: "agent", id: "" } },
  };
}

function notRunning([, vmid]: RegExpExecArray, attempted: Attempted): Meaning {
  const [guest = "...", inPath = ""] = /^\/nodes\/[^/]+\/(?:qemu|lxc)\/(\d+)/.exec(attempted.path) ?? [];
  const id = vmid ?? inPath;
  return {
    kind: "not-running",
    what: `guest ${id} is not running`,
    hint: `Start it first (POST ${guest}/status/start), if that is wanted.`,
    details: { subject: { type: "guest", id } },
  };
}

/** As `qmshutdown`, `qmreboot` and `vzshutdown` end when the time is over. */
function deafGuest(): Meaning {
  return {
    kind: "failed",
    hint: "The system inside did not shut down in time. A VM hears it by the guest agent where its option `agent` is on (the agent must run inside), else by ACPI (which that system must heed); a container by its init.",
  };
}

/** What Proxmox says of a task whose log does not end as logs end. */
function lostWorker(): Meaning {
  return {
    kind: "failed",
    hint: "The task's process ended without saying how: it was killed, or its node went down. Look at what it worked on.",
  };
}

/** The node that a path names. */
export function nodeOf({ path }: Attempted): string | undefined {
  return /^\/nodes\/([^/]+)/.exec(path)?.[1];
}

/** Proxmox breaks some texts into lines, and ends them with one. */
export function oneLine(text: string): string {
  const lines = text.split(/[\r\n]+/).map((part) => part.trim());
  const line = lines.filter((part) => part !== "").join("; ");
  return line.length > 600 ? `${line.slice(0, 600)}...` : line;
}
