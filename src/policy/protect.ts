import { glob } from "../glob.ts";
import { isUnread, ProxmoxError } from "../proxmox/errors/proxmox-error.ts";
import type { ProxmoxRequest, Sender } from "../proxmox/request.ts";
import { type Guest, poolsOf } from "./guests.ts";
import type { Target } from "./targets.ts";

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
  subjects: readonly Target[],
  { protect, client, guests, within }: Protection,
): Promise<string | undefined> {
  const entries = protect.map(readEntry);
  if (entries.length === 0) return undefined;
  const list = once(async () => {
    const listed = await guests().catch(reasonOf);
    return typeof listed === "string" ? listed : judgeAll(listed, entries);
  });
  const hides = once(async () => await hidesGuests(client, within));
  for (const subject of subjects) {
    const reason = await judgeSubject(subject, entries, list, hides);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** The guests of a cluster, judged, or why they cannot be listed. */
type List = () => Promise<Judged | string>;

/** A guest that is protected: where it stands in the list, and why. */
interface Hit {
  readonly at: number;
  readonly reason: string;
}

/** Guests by VMID, and the first of all, of a node, of a pool, and of those without a known pool that is protected. */
interface Judged {
  readonly byVmid: ReadonlyMap<string, Guest>;
  readonly first: Hit | undefined;
  readonly poolless: Hit | undefined;
  readonly ofNode: ReadonlyMap<string, Hit>;
  readonly ofPool: ReadonlyMap<string, Hit>;
}

/** Judges each guest once: a request may name thousands of guests and pools, and a cluster have as many. */
function judgeAll(guests: readonly Guest[], entries: readonly Entry[]): Judged {
  const hits = guests.flatMap((guest, at) => {
    const reason = judgeKnown(guest, entries);
    return reason === undefined ? [] : [{ guest, hit: { at, reason } }];
  });
  // The last that a map is given remains: of each, the first in the list.
  const backwards = hits.toReversed();
  return {
    byVmid: new Map(guests.toReversed().map((guest) => [guest.vmid, guest])),
    first: hits[0]?.hit,
    // The pool of a guest on an offline node is not listed.
    poolless: hits.find(({ guest }) => guest.status === "unknown")?.hit,
    ofNode: new Map(backwards.map(({ guest, hit }) => [guest.node, hit])),
    ofPool: new Map(
      backwards.flatMap(({ guest, hit }) => poolsOf(guest.pool ?? "").map((pool): [string, Hit] => [pool, hit])),
    ),
  };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

async function judgeSubject(
  subject: Target,
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
  const judged = await list();
  if (typeof judged === "string") return unclear(others, `guest ${vmid}`, judged);
  const guest = judged.byVmid.get(vmid);
  if (guest !== undefined) return judgeKnown(guest, others);
  return exists ? unclear(others, `guest ${vmid}`, "it is not listed, or the token has no VM.Audit on it") : undefined;
}

type Many = Exclude<Target, { type: "unknown" | "node" | "pool" | "guest" | "new-guest" }>;

async function judgeMany(
  subject: Many,
  entries: readonly Entry[],
  list: List,
  hides: () => Promise<string | undefined>,
): Promise<string | undefined> {
  const judged = await list();
  const what = describeMany(subject);
  if (typeof judged === "string") return unclear(entries, what, judged);
  const hit = firstOf(judged, subject);
  if (hit !== undefined) return `${hit.reason} (one of ${what})`;
  const hidden = await hides();
  return hidden === undefined ? undefined : unclear(entries, what, hidden);
}

/** The first of many guests that is protected. */
function firstOf({ first, poolless, ofNode, ofPool }: Judged, subject: Many): Hit | undefined {
  if (subject.type === "guests-of-node") return ofNode.get(subject.node);
  if (subject.type === "all-guests") return first;
  const inPool = ofPool.get(subject.pool);
  if (inPool === undefined || poolless === undefined) return inPool ?? poolless;
  return inPool.at < poolless.at ? inPool : poolless;
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
