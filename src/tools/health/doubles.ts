import { z } from "zod";
import type { Asker } from "./asker.ts";
import type { Look } from "./look.ts";
import type { Placed } from "./report.ts";
import type { Guest } from "./view.ts";
import { guestName, listed } from "./wording.ts";

/** MAC addresses stand only in the guests' configurations, a request for each: so many guests are looked at. */
const mostGuests = 100;

interface PlacedGuest extends Guest {
  readonly cluster: string;
  readonly asker: Asker;
}

/** What clusters have twice, and what was not compared. */
export interface Doubles {
  readonly findings: readonly Placed[];
  readonly gap: string | undefined;
}

/**
 * Finds guests that are on two clusters: the same VMID with the same name, or the same MAC address. Templates are left
 * out, for they never run, and are often copied on purpose.
 */
export async function findDoubles(looks: readonly Look[]): Promise<Doubles> {
  const guests = looks.flatMap(({ cluster, view, asker }) =>
    (view?.guests ?? []).filter(({ template }) => !template).map((guest) => ({ ...guest, cluster, asker })),
  );
  if (new Set(guests.map(({ cluster }) => cluster)).size < 2) return { findings: [], gap: undefined };
  const twice = onSeveral(guests, (guest) => (guest.name === undefined ? [] : [`${guest.vmid} ${guest.name}`]));
  const told = new Set(twice.map(([, of]) => key(of)));
  const { known, gap } = await readAddresses(guests);
  const shared = onSeveral([...known.keys()], (guest) => known.get(guest) ?? []);
  const byGuests = [...Map.groupBy(shared, ([, of]) => key(of))].filter(([of]) => !told.has(of));
  return {
    findings: [
      ...twice.map(([, of]) => double(of, "the same VMID and name")),
      ...byGuests.flatMap(([, all]) => {
        const [first] = all;
        return first === undefined
          ? []
          : [
              double(
                first[1],
                `the same MAC address ${listed(
                  all.map(([mac]) => mac),
                  2,
                )}`,
              ),
            ];
      }),
    ],
    gap,
  };
}

/** Those that share something with a guest of another cluster, by what they share. */
function onSeveral(
  guests: readonly PlacedGuest[],
  of: (guest: PlacedGuest) => readonly string[],
): [string, PlacedGuest[]][] {
  const by = new Map<string, PlacedGuest[]>();
  for (const guest of guests) for (const each of of(guest)) by.set(each, [...(by.get(each) ?? []), guest]);
  return [...by].filter(([, all]) => new Set(all.map(({ cluster }) => cluster)).size > 1);
}

function key(guests: readonly PlacedGuest[]): string {
  return guests.map(({ cluster, vmid }) => `${cluster}/${vmid}`).join(" ");
}

function double(guests: readonly PlacedGuest[], what: string): Placed {
  const running = guests.filter(({ status }) => status === "running").length;
  const one = "Remove the one that is left over; or is it kept on purpose, as a copy?";
  return {
    cluster: [...new Set(guests.map(({ cluster }) => cluster))].join(", "),
    urgency: running > 1 ? "soon" : "later",
    object: `guests ${listed(
      guests.map((guest) => `${guestName(guest)} on ${guest.cluster}`),
      4,
    )}`,
    what: `${what}, ${running} of them running`,
    next: running > 1 ? "Find out which one is real and stop the other: they fight for one address and name." : one,
  };
}

/** Reads MAC addresses, first of guests that share their name or VMID with another cluster's: those are copies most likely. */
async function readAddresses(guests: readonly PlacedGuest[]) {
  const names = new Set(onSeveral(guests, ({ name }) => (name === undefined ? [] : [name])).flatMap(([, of]) => of));
  const vmids = new Set(onSeveral(guests, ({ vmid }) => [String(vmid)]).flatMap(([, of]) => of));
  const rank = (guest: PlacedGuest) => (names.has(guest) ? 0 : vmids.has(guest) ? 1 : 2);
  const chosen = guests
    .filter(({ status }) => status !== "unknown")
    .sort((a, b) => rank(a) - rank(b))
    .slice(0, mostGuests);
  const known = new Map<PlacedGuest, readonly string[]>();
  await Promise.all(
    chosen.map(async (guest) => {
      const path = ["nodes", guest.node, guest.type, String(guest.vmid), "config"];
      const outcome = await guest.asker.attempt({ path, parse: addresses });
      if (outcome.error === undefined) known.set(guest, outcome.value);
    }),
  );
  const left = guests.length - known.size;
  return {
    known,
    gap: left === 0 ? undefined : `MAC addresses of ${left} of ${guests.length} guests`,
  };
}

function addresses(config: unknown): string[] {
  const values = Object.entries(z.record(z.string(), z.unknown()).parse(config));
  const interfaces = values.filter(([name]) => /^net\d+$/.test(name)).map(([, value]) => String(value));
  const found = interfaces.flatMap(
    (value) => /(?:^|=)((?:[0-9a-f]{2}:){5}[0-9a-f]{2})(?:,|$)/i.exec(value.replaceAll(",", ",="))?.[1] ?? [],
  );
  return found.map((mac) => mac.toUpperCase());
}
