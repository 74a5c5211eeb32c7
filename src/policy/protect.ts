import { glob } from "../glob.ts";
import { isUnread, ProxmoxError } from "../proxmox/errors/proxmox-error.ts";
import type { ProxmoxRequest, Sender } from "../proxmox/request.ts";
import type { Guest } from "./guests.ts";
import type { Subject } from "./targets.ts";

/** A parsed entry of `protect`; the configuration has validated its syntax. */
type Entry = { readonly text: string } & (
  | { readonly by: "vmid"; readonly from: number; readonly to: number }
  | { readonly by: "name" | "tag" | "pool" | "node"; readonly matches: (value: string) => boolean }
);

/** What `protect` is evaluated with. */
export interface Protection {
  readonly protect: readonly string[];
  readonly client: Sender;
  /** The guests that the token may see. */
  guests(): Promise<readonly Guest[]>;
  readonly within: Pick<ProxmoxRequest, "signal" | "timeoutMs">;
}

/**
 * Why a change of these subjects is refused, as the end of a sentence; `undefined` when none is protected. Looks the
 * subjects up now. A `protect` entry that cannot be evaluated counts as matching: guests of an offline node have no name,
 * tags or pool, and missing permissions can hide guests.
 */
export async function protectedFrom(
  subjects: readonly Subject[],
  { protect, client, guests, within }: Protection,
): Promise<string | undefined> {
  const entries = protect.map(readEntry);
  if (entries.length === 0) return undefined;
  let listed: Promise<readonly Guest[] | string> | undefined;
  const list = () => (listed ??= guests().catch(reasonOf));
  for (const subject of subjects) {
    const reason = await judgeSubject(subject, entries, list, async () => await hidesGuests(client, within));
    if (reason !== undefined) return reason;
  }
  return undefined;
}

type List = () => Promise<readonly Guest[] | string>;

async function judgeSubject(
  subject: Subject,
  entries: readonly Entry[],
  list: List,
  hides: () => Promise<string | undefined>,
): Promise<string | undefined> {
  switch (subject.type) {
    case "unknown":
      return `protect contains ${quoted(entries)}, and the call does not say which guests it affects`;
    case "node": {
      const entry = entries.find((one) => one.by === "node" && one.matches(subject.node));
      return entry && `protect contains ${quoted([entry])}, which matches node ${subject.node}`;
    }
    case "pool": {
      const entry = entries.find((one) => one.by === "pool" && poolsOf(subject.pool).some(one.matches));
      return entry && `protect contains ${quoted([entry])}, which matches pool ${subject.pool}`;
    }
    case "guest":
      return await judgeGuest(subject.vmid, true, entries, list);
    case "new-guest":
      return await judgeGuest(subject.vmid, subject.overwrites, entries, list);
    default:
      return await judgeMany(subject, entries, list, hides);
  }
}

/** @param exists whether the guest certainly exists, so that a list without it is incomplete. */
async function judgeGuest(
  vmid: string,
  exists: boolean,
  entries: readonly Entry[],
  list: List,
): Promise<string | undefined> {
  const byNumber = entries.find((entry) => entry.by === "vmid" && holdsVmid(entry, vmid));
  if (byNumber !== undefined) return `protect contains ${quoted([byNumber])}, which matches guest ${vmid}`;
  const others = entries.filter((entry) => entry.by !== "vmid");
  if (others.length === 0) return undefined;
  const guests = await list();
  if (typeof guests === "string") return unclear(others, `guest ${vmid}`, guests);
  const guest = guests.find((one) => one.vmid === vmid);
  if (guest !== undefined) return judgeKnown(guest, others);
  return exists ? unclear(others, `guest ${vmid}`, "it is not listed, or the token has no VM.Audit on it") : undefined;
}

type Many = Exclude<Subject, { type: "unknown" | "node" | "pool" | "guest" | "new-guest" }>;

async function judgeMany(
  subject: Many,
  entries: readonly Entry[],
  list: List,
  hides: () => Promise<string | undefined>,
): Promise<string | undefined> {
  const guests = await list();
  const what = describeMany(subject);
  if (typeof guests === "string") return unclear(entries, what, guests);
  const meant = guests.filter((guest) => isOf(guest, subject));
  for (const guest of meant) {
    const reason = judgeKnown(guest, entries);
    if (reason !== undefined) return `${reason} (one of ${what})`;
  }
  const hidden = await hides();
  return hidden === undefined ? undefined : unclear(entries, what, hidden);
}

function isOf(guest: Guest, subject: Many): boolean {
  if (subject.type === "guests-of-node") return guest.node === subject.node;
  // The pool of a guest on an offline node is not listed.
  if (subject.type === "guests-of-pool")
    return poolsOf(guest.pool ?? "").includes(subject.pool) || guest.status === "unknown";
  return true;
}

function describeMany(subject: Many): string {
  if (subject.type === "guests-of-node") return `the guests on node ${subject.node}`;
  return subject.type === "guests-of-pool" ? `the guests of pool ${subject.pool}` : "all guests";
}

function judgeKnown(guest: Guest, entries: readonly Entry[]): string | undefined {
  const entry = entries.find((one) => covers(one, guest));
  if (entry !== undefined) return `protect contains ${quoted([entry])}, which matches ${called(guest)}`;
  if (guest.status !== "unknown" && guest.name !== undefined) return undefined;
  const unread = entries.filter(({ by }) => by === "name" || by === "tag" || by === "pool");
  return unread.length === 0
    ? undefined
    : unclear(unread, called(guest), `node ${guest.node} is not reporting, so name, tags and pool are missing`);
}

function covers(entry: Entry, guest: Guest): boolean {
  switch (entry.by) {
    case "vmid":
      return holdsVmid(entry, guest.vmid);
    case "name":
      return guest.name !== undefined && entry.matches(guest.name);
    case "tag":
      return guest.tags.some(entry.matches);
    case "pool":
      return guest.pool !== undefined && poolsOf(guest.pool).some(entry.matches);
    case "node":
      return entry.matches(guest.node);
  }
}

/** Pools have at most so many levels (`verify_poolname` in PVE/AccessControl.pm). */
const mostPoolLevels = 3;

/** A pool and its parents, whose permissions propagate to it: `infra/db` and `infra` (Proxmox VE 8.1). */
function poolsOf(pool: string): string[] {
  const parts = pool.split("/", mostPoolLevels);
  return [pool, ...parts.map((_, index) => parts.slice(0, index + 1).join("/"))];
}

function holdsVmid({ from, to }: Extract<Entry, { by: "vmid" }>, vmid: string): boolean {
  const number = Number(vmid);
  return from <= number && number <= to;
}

function called({ vmid, name }: Guest): string {
  return name === undefined ? `guest ${vmid}` : `guest ${vmid} ${JSON.stringify(name)}`;
}

function unclear(entries: readonly Entry[], what: string, why: string): string {
  return `protect contains ${quoted(entries)}, and whether it matches ${what} is unknown: ${why}. Unknown counts as protected`;
}

function quoted(entries: readonly Entry[]): string {
  return entries.map(({ text }) => `"${text}"`).join(", ");
}

/** Proxmox compares tags without regard to letter case, unless `tag-style` says otherwise; names and nodes are DNS names. */
function readEntry(text: string): Entry {
  const by = text.slice(0, text.indexOf(":")) as Entry["by"];
  const value = text.slice(text.indexOf(":") + 1);
  if (by === "vmid") {
    const [from = "", to = from] = value.split("-");
    return { text, by, from: Number(from), to: Number(to) };
  }
  return { text, by, matches: glob(value) };
}

/**
 * Why the list of guests may be incomplete; `undefined` when it is complete. Proxmox leaves out guests without VM.Audit;
 * the token's permissions tell (`GET /access/permissions`, open to every token). A privilege is 1 where it also holds
 * below and 0 where it does not, and a path without privileges has no row, `/vms` too (recorded).
 */
async function hidesGuests(
  client: Sender,
  within: Pick<ProxmoxRequest, "signal" | "timeoutMs">,
): Promise<string | undefined> {
  const why = "the token may not see all guests (it needs VM.Audit on /vms)";
  try {
    const { data } = await client.request({ method: "GET", path: ["access", "permissions"], ...within });
    const rights = typeof data === "object" && data !== null ? (data as Record<string, Record<string, unknown>>) : {};
    const guests = Object.entries(rights).filter(([path]) => path.startsWith("/vms/"));
    const seesAll = Number(rights["/vms"]?.["VM.Audit"]) === 1;
    return seesAll && guests.every(([, held]) => held["VM.Audit"] !== undefined) ? undefined : why;
  } catch (error) {
    return reasonOf(error);
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof ProxmoxError && !isUnread(error)) return error.message;
  throw error;
}
