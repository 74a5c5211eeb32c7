import type { Params, ParamValue } from "../params.ts";
import type { ListedTask } from "../tasks/task-log.ts";
import type { StartedTask } from "../tasks/task-types.ts";
import { hasValues, matchesConfig } from "./config-match.ts";
import { type EvidenceKind, neutralParams } from "./evidence-kinds.ts";

/**
 * Whose a task is. `own`: it shows what this write asked for. `equal`: it does what this write asked for, and so would
 * the same request of another process. `foreign`: it shows something else. `pending`: it still runs, and shows nothing
 * yet. `unclear`: it shows too little.
 */
export type Ownership = "own" | "equal" | "foreign" | "pending" | "unclear";

/** Reads below the API's root; `undefined` for whatever is not answered. */
export type Read = (path: readonly string[], params?: Params) => Promise<unknown>;

interface Case {
  readonly params: Params;
  readonly task: ListedTask;
  readonly read: Read;
  /** The beginning of the task's log. */
  readonly lines: () => Promise<readonly string[]>;
}

/** How many lines of a log are read, and how many characters of each. */
const [maxLines, maxLineLength] = [200, 4_096];
/** How many entries of the cluster log are read. */
const maxEntries = 500;

/** Looks at what a task of the right type, subject, token and time says or made. */
export async function ownershipOf(task: ListedTask, started: StartedTask, read: Read): Promise<Ownership> {
  const { params } = started;
  const found = await judges[started.evidence]({ params, task, read, lines: once(() => readLines(task, read)) });
  return started.hidden.length > 0 && (found === "own" || found === "equal") ? "unclear" : found;
}

const judges: Readonly<Record<EvidenceKind, (of: Case) => Ownership | Promise<Ownership>>> = {
  none: () => "equal",
  suspend: () => "equal",
  // Stop and shutdown of a guest under high availability start the same task with the same log (PVE/API2/Qemu.pm).
  stop: ({ task }) => (task.type === "hastop" ? "unclear" : "equal"),
  update: async ({ params, task, lines }) => {
    const line = (await lines()).find((text) => /^update VM \d+: /.test(text));
    if (line === undefined) return undecided(task);
    return line.trimEnd() === updateMessage(params) ? "own" : "foreign";
  },
  creation,
  destruction: async ({ params, task, lines }) => {
    const purges = isSet(params["purge"]);
    const purged = (await lines()).some((line) => /^purging (?:VM|CT) \d+ from related/.test(line));
    if (purged) return purges ? "equal" : "foreign";
    if (task.exitstatus === undefined) return "pending";
    return purges ? (task.exitstatus === "OK" ? "foreign" : "unclear") : "equal";
  },
  clone: async ({ params, task, lines }) => {
    const log = await lines();
    const newid = String(params["newid"]);
    for (const line of log) {
      // 9.x says so in the first line.
      const [, made] = /^creating a clone of \w+ \d+ with ID (\d+)$/.exec(line.trimEnd()) ?? [];
      if (made !== undefined) return made === newid ? "own" : "foreign";
    }
    // 8.4 names only the volumes.
    const named = new Set(
      log.flatMap((line) => [...line.matchAll(/\b(?:vm|base|subvol|basevol)-(\d{3,9})-/g)].map(first)),
    );
    if (named.has(newid)) return "own";
    return [...named].some((vmid) => vmid !== task.id) ? "foreign" : undecided(task);
  },
  migration: async ({ params, task, lines }) => {
    for (const line of await lines()) {
      const [, target] =
        /(?:starting migration of|Requesting HA migration for) (?:VM|CT) \d{3,9} to node '?([\w-]{1,63})/.exec(line) ??
        [];
      if (target !== undefined) return target === params["target"] ? "own" : "foreign";
    }
    return undecided(task);
  },
  move: async ({ params, task, lines }) => {
    const log = await lines();
    const [, disk] = firstMatch(log, /^create full clone of (?:drive|mountpoint) (\w+) \(/) ?? [];
    if (disk === undefined) return undecided(task);
    if (disk !== (params["disk"] ?? params["volume"])) return "foreign";
    if (params["storage"] === undefined) return "own";
    const [, storage] = firstMatch(log, /target volume '([^':]+):/) ?? [];
    if (storage !== undefined) return storage === params["storage"] ? "own" : "foreign";
    return undecided(task);
  },
  resize: async ({ params, task, read, lines }) => {
    const text = await loggedBy(task, read, / \d+: resize --disk /);
    if (text !== undefined) {
      return text.endsWith(`: resize --disk ${params["disk"]} --size ${params["size"]}`) ? "own" : "foreign";
    }
    const [, disk] = firstMatch(await lines(), /disk '(\w+)' does not exist/) ?? [];
    if (disk !== undefined && disk !== params["disk"]) return "foreign";
    return disk === undefined ? undecided(task) : "own";
  },
  snapshot: async (of) => {
    const named = await namedSnapshot(of);
    if (named === "foreign") return named;
    const rows = await snapshots(of);
    const row = rows?.find(({ name }) => name === of.params["snapname"]);
    const fits = row === undefined || isSame(of.params["description"], row["description"]);
    if (named === "own") return fits ? "own" : "unclear";
    // The task's log names no snapshot; the list dates each by the second in which its task made it.
    const made = rows?.filter(({ snaptime }) => Number(snaptime) >= of.task.starttime) ?? [];
    if (row !== undefined && made.length === 1 && made[0] === row && fits) return "own";
    if (made.length > 0 && row !== undefined) return "unclear";
    return made.length > 0 ? "foreign" : undecided(of.task);
  },
  "snapshot-deletion": async (of) => {
    const named = await namedSnapshot(of);
    if (named !== undefined) return named;
    const isThere = (await snapshots(of))?.some(({ name }) => name === of.params["snapname"]);
    return isThere === true && of.task.exitstatus === "OK" ? "foreign" : undecided(of.task);
  },
  rollback: async (of) => {
    const named = await namedSnapshot(of);
    if (named !== undefined) return named;
    if (of.task.exitstatus !== "OK") return undecided(of.task);
    // Where the guest came from last.
    const current = (await snapshots(of))?.find(({ name }) => name === "current");
    return current?.["parent"] === of.params["snapname"] ? "own" : "unclear";
  },
  backup: async ({ params, task, lines }) => {
    const line = (await lines()).find((text) => text.includes("starting new backup job: vzdump"));
    if (line === undefined) return undecided(task);
    return isBackupOf(line, params) ? "own" : "foreign";
  },
  download: async ({ params, task, read, lines }) => {
    const line = (await lines()).find((text) => text.startsWith("downloading "));
    if (line === undefined) return undecided(task);
    const [start, end] = [`downloading ${params["url"]} to `, `/${task.id}`];
    if (!line.startsWith(start) || !line.trimEnd().endsWith(end)) return "foreign";
    // The log has the file's path and not the storage.
    if (task.exitstatus !== "OK") return undecided(task);
    const path = ["nodes", task.node, "storage", String(params["storage"]), "content"];
    const rows = rowsOf(await read(path, { content: String(params["content"]) }));
    const isThere = rows?.some(({ volid, ctime }) => String(volid).endsWith(end) && Number(ctime) >= task.starttime);
    return isThere === true ? "own" : "unclear";
  },
  removal: async ({ params, task, lines }) => {
    const log = await lines();
    const volume = String(params["volume"]);
    const volid = volume.includes(":") ? volume : `${params["storage"]}:${volume}`;
    const [, removed] = firstMatch(log, /^Removed volume '(.*)'$/) ?? [];
    if (removed !== undefined) return removed === volid ? "own" : "foreign";
    return log.some((line) => line.includes(`'${volid.slice(volid.indexOf(":") + 1)}'`)) ? "own" : undecided(task);
  },
};

/** Parameters of a creation that no configuration shows. */
const unreadable = [
  ...["archive", "ostemplate", "start", "pool", "unique", "force", "storage", "restore", "live-restore", "ha-managed"],
  ...["password", "ssh-public-keys", "cipassword", "sshkeys", "ignore-unpack-errors", "import-working-storage"],
];

/** A VMID is unique: what counts is that the guest is the one that was described. */
async function creation({ params, task, read, lines }: Case): Promise<Ownership> {
  const asked = Object.entries(params).filter(([name]) => !neutralParams.includes(name));
  if (asked.length === 0) return "equal";
  const source = params["archive"] ?? params["ostemplate"];
  const file = source === undefined ? "" : String(source).slice(String(source).lastIndexOf("/") + 1);
  if (file !== "" && !(await lines()).some((line) => line.includes(file))) return undecided(task);
  const readable = asked.filter(([name]) => !unreadable.includes(name));
  if (readable.length === 0) return file === "" ? "unclear" : "own";
  const kind = task.type.startsWith("vz") ? "lxc" : "qemu";
  const config = await read(["nodes", task.node, kind, task.id, "config"]);
  if (typeof config !== "object" || config === null) return undecided(task);
  if (matchesConfig(config as Record<string, unknown>, Object.fromEntries(readable))) return "own";
  return task.exitstatus === "OK" ? "foreign" : undecided(task);
}

/** What a running task shows nothing of yet. */
function undecided({ exitstatus }: ListedTask): Ownership {
  return exitstatus === undefined ? "pending" : "unclear";
}

/** The snapshot that a task is about, by the cluster log or by its own failure. */
async function namedSnapshot({ params, task, read, lines }: Case): Promise<"own" | "foreign" | undefined> {
  const text = await loggedBy(task, read, /snapshot (?:VM|container|LXC) \d+: /);
  const name =
    text === undefined
      ? firstMatch(await lines(), /^TASK ERROR: snapshot (?:name )?'([^']*)'/)?.[1]
      : text.slice(text.indexOf(": ") + 2);
  if (name === undefined) return undefined;
  return name === params["snapname"] ? "own" : "foreign";
}

async function snapshots({ task, read }: Case): Promise<readonly Record<string, unknown>[] | undefined> {
  const kind = task.type.startsWith("vz") ? "lxc" : "qemu";
  return rowsOf(await read(["nodes", task.node, kind, task.id, "snapshot"]));
}

/** What a task's process wrote to the cluster log, where a token sees its own entries at least (PVE/API2/Cluster.pm). */
async function loggedBy(task: ListedTask, read: Read, form: RegExp): Promise<string | undefined> {
  const { path, params } = clusterLogRequest;
  const entry = clusterLogEntries(await read(path, params)).find(({ node, pid, user, time, msg }) => {
    const isBy = node === task.node && pid === task.pid && user === task.user && time >= task.starttime;
    return isBy && form.test(msg);
  });
  return entry?.msg;
}

/** An entry of the cluster log. */
export interface ClusterLogEntry {
  readonly node: string;
  readonly pid: number;
  readonly user: string;
  /** Seconds since 1970. */
  readonly time: number;
  readonly msg: string;
}

/** Reads the newest entries of the cluster log. */
export const clusterLogRequest = { method: "GET", path: ["cluster", "log"], params: { max: maxEntries } } as const;

/** The entries in an answer to `clusterLogRequest`; none where it could not be read. */
export function clusterLogEntries(data: unknown): readonly ClusterLogEntry[] {
  return (rowsOf(data) ?? []).slice(0, maxEntries).flatMap(({ node, pid, user, time, msg }) => {
    if (typeof node !== "string" || typeof user !== "string" || typeof msg !== "string") return [];
    return [{ node, pid: Number(pid), user, time: Number(time), msg: msg.slice(0, maxLineLength).trimEnd() }];
  });
}

/**
 * What Proxmox logs when it changes a VM's configuration, with the guest's lock held (PVE/API2/Qemu.pm); `undefined`
 * where that is not known to the letter.
 */
export function updateMessage(params: Params): string | undefined {
  const unlogged = ["node", "vmid", "digest", "background_delay", "skip_cloud_init", "import-working-storage"];
  const words: string[] = [];
  for (const [name, value] of Object.entries(params).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (unlogged.includes(name)) continue;
    if (typeof value === "object") return undefined;
    const text = typeof value === "boolean" ? (value ? "1" : "0") : String(value);
    words.push(`-${name} ${name === "cipassword" ? "<hidden>" : text}`);
  }
  const message = `update VM ${params["vmid"]}: ${words.join(" ")}`;
  return /^[\x20-\x7e]{1,1000}$/.test(message) && !message.endsWith(" ") ? message : undefined;
}

/** Whether a backup was started with these options, and no others. */
function isBackupOf(line: string, params: Params): boolean {
  const words = line.slice(line.indexOf("vzdump") + "vzdump".length).trim();
  const asked = Object.entries(params).filter(([name]) => name !== "node" && name !== "vmid");
  const guests = String(params["vmid"] ?? "")
    .split(/[,; ]/)
    .filter((vmid) => vmid !== "");
  if (words.slice(0, words.indexOf("--")).trim() !== guests.join(" ")) return false;
  const options = ` ${words} `;
  const has = (name: string, value: ParamValue) => {
    if (typeof value === "object") return false;
    const text = typeof value === "boolean" ? (value ? "1" : "0") : String(value);
    return options.includes(` --${name} ${text} `) || options.includes(` --${name} '${text}' `);
  };
  const count = options.split(" --").length - 1 - (options.includes(` --node `) ? 1 : 0);
  return count === asked.length && asked.every(([name, value]) => has(name, value));
}

async function readLines({ node, upid }: ListedTask, read: Read): Promise<readonly string[]> {
  const rows = rowsOf(await read(["nodes", node, "tasks", upid, "log"], { start: 0, limit: maxLines }));
  return (rows ?? []).slice(0, maxLines).flatMap(({ t }) => (typeof t === "string" ? [t.slice(0, maxLineLength)] : []));
}

function once<T>(run: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return async () => {
    result ??= run();
    return await result;
  };
}

function rowsOf(data: unknown): readonly Record<string, unknown>[] | undefined {
  if (!Array.isArray(data)) return undefined;
  return data.filter((row): row is Record<string, unknown> => typeof row === "object" && row !== null);
}

function firstMatch(lines: readonly string[], form: RegExp): RegExpExecArray | undefined {
  for (const line of lines) {
    const match = form.exec(line.trimEnd());
    if (match !== null) return match;
  }
  return undefined;
}

function first([, group = ""]: RegExpMatchArray): string {
  return group;
}

function isSame(sent: ParamValue | undefined, shown: unknown): boolean {
  return sent === undefined || hasValues({ value: shown ?? "" }, { value: sent });
}

function isSet(value: ParamValue | undefined): boolean {
  return value === true || value === 1 || value === "1" || value === "true";
}
