import { z } from "zod";
import { fairShares } from "../output/output-budget.ts";
import type { QueryRunner } from "./asker.ts";
import type { Collection } from "./collect.ts";
import type { Placed } from "./report.ts";
import { reasonOf } from "./skipped-checks.ts";
import type { GuestSummary } from "./snapshot.ts";
import { guestName, listed } from "./wording.ts";

/**
 * MAC addresses stand only in the guests' configurations, a request for each: so many guests are looked at, first those
 * that are likely copies.
 */
const maxGuests = 256;

interface PlacedGuest extends GuestSummary {
  readonly cluster: string;
  readonly asker: QueryRunner;
}

/** What clusters have twice, and how well that was looked at. */
export interface Doubles {
  readonly findings: readonly Placed[];
  /** How many guests' MAC addresses were compared, where there are too many to compare all. */
  readonly compared: number | undefined;
  /** What could not be read. */
  readonly gap: string | undefined;
}

/** Guests of several clusters that share something. */
interface Double {
  readonly guests: readonly PlacedGuest[];
  readonly what: string;
  /** The guests and what they share, for people. */
  readonly told: string;
  /** Their MAC addresses are known, and are not the same. */
  readonly areApart: boolean;
}

/**
 * Finds guests that are on two clusters: the same VMID with the same name, or the same MAC address. Templates are left
 * out, for they never run, and are often copied on purpose.
 */
export async function findDoubles(looks: readonly Collection[]): Promise<Doubles> {
  const guests = looks.flatMap(({ cluster, view, asker }) =>
    (view?.guests ?? []).filter(({ template }) => !template).map((guest) => ({ ...guest, cluster, asker })),
  );
  if (new Set(guests.map(({ cluster }) => cluster)).size < 2) {
    return { findings: [], compared: undefined, gap: undefined };
  }
  const named = onSeveral(guests, ({ vmid, name }) => (name === undefined ? [] : [`${vmid} ${name}`]));
  const { known, compared, gap } = await readAddresses(guests);
  const addressed = onSeveral([...known.keys()], (guest) => known.get(guest) ?? []);
  const sharing = new Set(addressed.flatMap(([, of]) => of));
  const isApart = (guest: PlacedGuest) => (known.get(guest) ?? []).length > 0 && !sharing.has(guest);
  const copies = new Set(named.map(([, of]) => key(of)));
  const doubles: Double[] = [
    ...named.map(([, of]) => {
      const told = of.slice(0, 1).map(guestName).join();
      return { guests: of, what: "the same VMID and name", told, areApart: of.every(isApart) };
    }),
    ...addressed
      .filter(([, of]) => !copies.has(key(of)))
      .map(([mac, of]) => {
        const told = `${listed(of.map((guest) => `${guestName(guest)} on ${guest.cluster}`))} (${mac})`;
        return { guests: of, what: "the same MAC address", told, areApart: false };
      }),
  ];
  return { findings: [...Map.groupBy(doubles, alike).values()].flatMap(finding), compared, gap };
}

/** Those that share something with a guest of another cluster, by what they share. */
function onSeveral(
  guests: readonly PlacedGuest[],
  of: (guest: PlacedGuest) => readonly string[],
): [string, PlacedGuest[]][] {
  const shared = guests.flatMap((guest) => of(guest).map((each) => ({ each, guest })));
  return [...Map.groupBy(shared, ({ each }) => each)]
    .map(([each, all]): [string, PlacedGuest[]] => [each, all.map(({ guest }) => guest)])
    .filter(([, all]) => new Set(all.map(({ cluster }) => cluster)).size > 1);
}

function key(guests: readonly PlacedGuest[]): string {
  return guests.map(({ cluster, vmid }) => `${cluster}/${vmid}`).join(" ");
}

/** Two copies that run at once fight; of others, one is left over. */
function areRunning({ guests }: Double): boolean {
  return guests.filter(({ status }) => status === "running").length > 1;
}

function clustersOf({ guests }: Double): string {
  return [...new Set(guests.map(({ cluster }) => cluster))].join(", ");
}

function alike(double: Double): string {
  return [double.what, clustersOf(double), double.areApart, areRunning(double)].join(" ");
}

/** One finding for all doubles that are alike. */
function finding(doubles: readonly Double[]): Placed[] {
  const [first] = doubles;
  if (first === undefined) return [];
  const running = areRunning(first) && !first.areApart;
  const what = first.areApart ? `${first.what}, with other MAC addresses` : first.what;
  const all = listed(doubles.map(({ told }) => told));
  return [
    {
      cluster: clustersOf(first),
      urgency: running ? "soon" : "later",
      object: "guests",
      what: `${what}${running ? ", and they run" : ""}: ${all}`,
      next: running
        ? "Find out which one is real and stop the other: they fight for one address and name."
        : first.areApart
          ? "Nothing, where they are different guests; else remove the one that is left over."
          : "Remove the one that is left over, unless it is kept on purpose.",
    },
  ];
}

/** Reads MAC addresses, first of guests that share their name or VMID with another cluster's: those are copies most likely. */
async function readAddresses(guests: readonly PlacedGuest[]) {
  const names = new Set(onSeveral(guests, ({ name }) => (name === undefined ? [] : [name])).flatMap(([, of]) => of));
  const vmids = new Set(onSeveral(guests, ({ vmid }) => [String(vmid)]).flatMap(([, of]) => of));
  const rank = (guest: PlacedGuest) => (names.has(guest) ? 0 : vmids.has(guest) ? 1 : 2);
  const visible = guests.filter(({ status }) => status !== "unknown");
  // A cluster with many guests takes no other's turn.
  const hands = [...Map.groupBy(visible, ({ cluster }) => cluster).values()];
  const shares = fairShares(
    hands.map(({ length }) => length),
    maxGuests,
  );
  const chosen = hands.flatMap((hand, index) => hand.toSorted((a, b) => rank(a) - rank(b)).slice(0, shares[index]));
  const reasons = new Set(visible.length < guests.length ? ["their nodes do not report"] : []);
  const read = await Promise.all(
    chosen.map(async (guest): Promise<[PlacedGuest, readonly string[]][]> => {
      const path = ["nodes", guest.node, guest.type, String(guest.vmid), "config"];
      const outcome = await guest.asker.attempt({ path, parse: addresses });
      if (outcome.error === undefined) return [[guest, outcome.value]];
      reasons.add(reasonOf(outcome.error));
      return [];
    }),
  );
  const known = new Map(read.flat());
  const unread = guests.length - visible.length + chosen.length - known.size;
  const gap =
    unread === 0 ? undefined : `MAC addresses of ${unread} of ${guests.length} guests (${listed([...reasons], 3)})`;
  return { known, compared: chosen.length < visible.length ? known.size : undefined, gap };
}

function addresses(config: unknown): string[] {
  const values = Object.entries(z.record(z.string(), z.unknown()).parse(config));
  const interfaces = values.flatMap(([name, value]) =>
    /^net\d+$/.test(name) && typeof value === "string" ? [value] : [],
  );
  const found = interfaces.flatMap(
    (value) => /(?:^|=)((?:[0-9a-f]{2}:){5}[0-9a-f]{2})(?:,|$)/i.exec(value.replaceAll(",", ",="))?.[1] ?? [],
  );
  return found.map((mac) => mac.toUpperCase());
}
