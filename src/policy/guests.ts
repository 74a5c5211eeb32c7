import { distance } from "fastest-levenshtein";
import { type ApiPath, formatPath } from "../proxmox/path.ts";
import type { ProxmoxRequest } from "../proxmox/request.ts";
import type { CallerCluster } from "./callers/caller-cluster.ts";

/** A path names a guest that is not there, or more than one. The message says which are. Nothing was sent to a guest. */
export class GuestError extends Error {
  override readonly name = "GuestError";
  /** `unknown`: the cluster has no such guest; `ambiguous`: it has several; `unreadable`: its list of guests is none. */
  readonly reason: "unknown" | "ambiguous" | "unreadable";

  constructor(message: string, reason: GuestError["reason"]) {
    super(message);
    this.reason = reason;
  }
}

/** The path whose GET lists the guests of a cluster. */
export const guestListPath: ApiPath = ["cluster", "resources"];

/** A guest as `GET /cluster/resources` lists it; without a name while its node does not report. */
export interface Guest {
  readonly vmid: string;
  readonly name: string | undefined;
  readonly node: string;
  readonly type: "qemu" | "lxc";
  /** `unknown` while its node does not report: then it has no name, tags or pool either. */
  readonly status: string;
  readonly tags: readonly string[];
  readonly pool: string | undefined;
}

/**
 * Where the guests of each cluster are, as one call of a tool learns it: guests migrate, so no list outlives the call
 * that it was read for. The parts of one call share a list.
 */
export class GuestLists {
  readonly #lists = new Map<string, Promise<readonly Guest[]>>();

  /** The guests of a cluster that its token may see. */
  of(cluster: CallerCluster, within: Pick<ProxmoxRequest, "signal" | "timeoutMs">): Promise<readonly Guest[]> {
    const known = this.#lists.get(cluster.name);
    if (known !== undefined) return known;
    const list = readGuests(cluster, within);
    this.#lists.set(cluster.name, list);
    return list;
  }
}

/** How a guest is looked up. */
export interface GuestLookup extends Pick<ProxmoxRequest, "signal" | "timeoutMs"> {
  readonly guests: GuestLists;
  /** Whether an error may name other guests: a setting may withhold the list of guests. */
  readonly mayList: boolean;
}

/** Whether a path is of the short form that {@link realPath} resolves. */
export function namesGuest(path: ApiPath): boolean {
  return path[0] === "guests";
}

/**
 * The path that `/guests/{vmid or name}/...` stands for: `/nodes/{its node}/{qemu or lxc}/{vmid}/...`. Digits are a
 * VMID, everything else is a name: letter for letter where a guest has it so, else in whatever letters.
 * @throws {GuestError} when no guest is meant or several are; {ProxmoxError} when the list cannot be read.
 */
export async function realPath(path: ApiPath, cluster: CallerCluster, lookup: GuestLookup): Promise<ApiPath> {
  const [, word, ...rest] = path;
  const refuse = (why: string, reason: GuestError["reason"] = "unknown") =>
    new GuestError(`${formatPath(path)} on ${cluster.name} was not sent: ${why}`, reason);
  if (word === undefined) {
    throw refuse("a VMID or a name is missing after /guests. GET /cluster/resources with type=vm lists the guests.");
  }
  const guests = await lookup.guests.of(cluster, lookup);
  const isVmid = /^\d+$/.test(word);
  const [found, ...others] = isVmid ? guests.filter(({ vmid }) => vmid === word) : named(word, guests);
  if (found === undefined) throw refuse(unknown(word, isVmid, guests, lookup.mayList));
  if (others.length > 0) throw refuse(ambiguous(word, [found, ...others], lookup.mayList), "ambiguous");
  return ["nodes", found.node, found.type, found.vmid, ...rest];
}

/** Names are DNS names, whose letter case means nothing; two guests may still differ by it alone. */
function named(word: string, guests: readonly Guest[]): readonly Guest[] {
  const exact = guests.filter(({ name }) => name === word);
  return exact.length > 0 ? exact : guests.filter(({ name }) => name?.toLowerCase() === word.toLowerCase());
}

/** Pools have at most so many levels (`verify_poolname` in PVE/AccessControl.pm). */
const maxPoolLevels = 3;

/** A pool and its parents, whose permissions propagate to it: `infra/db` and `infra` (Proxmox VE 8.1). */
export function poolsOf(pool: string): string[] {
  const parts = pool.split("/", maxPoolLevels);
  return [pool, ...parts.map((_, index) => parts.slice(0, index + 1).join("/"))];
}

async function readGuests(
  { client, name }: CallerCluster,
  { signal, timeoutMs }: Pick<ProxmoxRequest, "signal" | "timeoutMs">,
): Promise<readonly Guest[]> {
  using answer = await client.request({
    method: "GET",
    path: guestListPath,
    params: { type: "vm" },
    fresh: true,
    ...(signal !== undefined && { signal }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
  const { data, endpoint } = answer;
  // Proxmox lists them in any order, and texts name the first few.
  const guests = Array.isArray(data) ? data.flatMap((row: unknown) => readGuest(row) ?? []) : undefined;
  if (guests !== undefined) return guests.sort((a, b) => Number(a.vmid) - Number(b.vmid));
  throw new GuestError(`${name} (${endpoint}) answered with something else than a list of guests.`, "unreadable");
}

/** A row that is no guest, or whose parts could turn a path into another one, is left out: who answers may mean harm. */
function readGuest(row: unknown): Guest | undefined {
  if (typeof row !== "object" || row === null) return undefined;
  const { vmid, name, node, type, status, tags, pool } = row as Readonly<Record<string, unknown>>;
  if (type !== "qemu" && type !== "lxc") return undefined;
  if (typeof node !== "string" || !/^[a-z0-9][a-z0-9-]*$/i.test(node) || !/^\d{1,10}$/.test(String(vmid))) {
    return undefined;
  }
  return {
    vmid: String(vmid),
    name: typeof name === "string" && name !== "" ? name : undefined,
    node,
    type,
    status: typeof status === "string" ? status : "unknown",
    tags: typeof tags === "string" ? tags.split(/[;, ]+/).filter((tag) => tag !== "") : [],
    pool: typeof pool === "string" && pool !== "" ? pool : undefined,
  };
}

/** Maximum number of guests named in an error; with more of one name the list of guests is the better answer. */
const maxListed = 10;

function ambiguous(word: string, found: readonly Guest[], mayList: boolean): string {
  const which = mayList ? `: ${listed(found)}` : ".";
  return `${found.length} guests are called ${JSON.stringify(word)}; write the VMID of the one that is meant${which}`;
}

function unknown(word: string, isVmid: boolean, guests: readonly Guest[], mayList: boolean): string {
  const what = isVmid ? `there is no guest with VMID ${word}` : `there is no guest called ${JSON.stringify(word)}`;
  const hidden = "or the token may not see it (VM.Audit).";
  if (!mayList) return `${what}, ${hidden}`;
  const near = nearestGuests(word, guests);
  const nameless = isVmid ? [] : guests.filter(({ name }) => name === undefined);
  return [
    `${what}, ${hidden}`,
    near.length === 0 ? "GET /cluster/resources with type=vm lists those there are." : `Nearest: ${listed(near)}`,
    // Measured: the guests of an offline node keep VMID and node, and lose their name.
    nameless.length === 0 ? "" : `Those without a name just now are reached by VMID: ${listed(nameless)}`,
  ]
    .filter((part) => part !== "")
    .join(" ");
}

/** `100 (web-01, qemu on pve1, running); 120 (legacy-app, lxc on pve2, stopped).` */
function listed(guests: readonly Guest[]): string {
  const shown = guests.slice(0, maxListed).map(({ vmid, name, type, node, status }) => {
    return `${vmid} (${name === undefined ? "" : `${name}, `}${type} on ${node}, ${status})`;
  });
  const more = guests.length > maxListed ? ` and ${guests.length - maxListed} more` : "";
  return `${shown.join("; ")}${more}.`;
}

/** The three that a slip of the hand or half a name most likely meant. */
function nearestGuests(word: string, guests: readonly Guest[]): readonly Guest[] {
  return guests
    .map((guest) => ({ guest, far: Math.min(farness(word, guest.vmid), farness(word, guest.name)) }))
    .filter(({ far }) => far <= 0.5)
    .sort((a, b) => a.far - b.far)
    .slice(0, 3)
    .map(({ guest }) => guest);
}

/** From 0, the same but for letter case, to 1. Half a name is nearer than another name. */
function farness(word: string, name: string | undefined): number {
  if (name === undefined) return 1;
  const [a, b] = [word.toLowerCase(), name.toLowerCase()];
  if (a.length > 2 && (b.includes(a) || a.includes(b))) return 0.25;
  const most = Math.max(a.length, b.length);
  // No name in Proxmox is longer; comparing takes time in proportion to the product of both lengths.
  return most > 255 ? 1 : distance(a, b) / most;
}
