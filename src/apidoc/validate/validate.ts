import type { Params } from "../../proxmox/params.ts";
import type { ApiEndpoint, Properties } from "../types.ts";
import { Budget } from "./budget.ts";
import { findProperty, nameProperties } from "./family.ts";
import { near } from "./near.ts";
import { checkKnown, type NamedFault } from "./property.ts";
import { listed } from "./valid.ts";
import { readValues, type Value } from "./value.ts";

/** One parameter, or one part of a property string, that Proxmox would refuse. */
export type Complaint = NamedFault;

/**
 * What Proxmox would refuse of a request, all at once; empty when nothing is, or when only Proxmox can tell. Never
 * refuses what PVE 8.4 to 9.2 takes by its schema.
 *
 * @param pathValues the values of the path's placeholders by name, decoded; Proxmox checks them like parameters
 */
export function validate(
  { parameters, additional }: Pick<ApiEndpoint, "parameters" | "additional">,
  pathValues: Readonly<Record<string, string>>,
  params: Params,
): readonly Complaint[] {
  const budget = new Budget();
  const given = readValues(params);
  // The web server drops it: browsers add it against caches.
  given.delete("_dc");
  const complaints: Complaint[] = [];
  const values = new Map<string, Value>();
  for (const [name, value] of Object.entries(pathValues)) {
    values.set(name, value);
    if (given.has(name) && given.get(name) !== value) {
      complaints.push({ name, problem: "differs from the value in the path", valid: `${value}, or leave it out` });
    }
    given.delete(name);
  }
  for (const [name, value] of given) {
    values.set(name, value);
    if (!additional && findProperty(parameters, name) === undefined) {
      complaints.push(unknown(name, parameters, pathValues, budget));
    }
  }
  return [...checkKnown(parameters, values, budget), ...complaints];
}

function unknown(
  name: string,
  parameters: Properties,
  pathValues: Readonly<Record<string, string>>,
  budget: Budget,
): Complaint {
  if (!budget.suggest()) return { name, problem: "is unknown" };
  const names = nameProperties(parameters, numberOf(name)).filter((it) => !Object.hasOwn(pathValues, it));
  if (names.length === 0) return { name, problem: "is unknown: there are no parameters to give here" };
  const nearest = near(name, names);
  if (nearest !== undefined) return { name, problem: "is unknown", nearest };
  const owners = Object.keys(parameters).filter((owner) => {
    const format = parameters[owner]?.format;
    return typeof format === "object" && Object.hasOwn(format, name);
  });
  if (owners.length > 0) return { name, problem: `is unknown here, but a part of ${listed(owners)}` };
  return { name, problem: "is unknown", ...(names.length <= 12 ? { valid: names.join(", ") } : {}) };
}

/** The number that a name ends in, `1` of `net1`; 0 for none. */
function numberOf(name: string): string {
  return /\d{1,9}$/.exec(name)?.[0].replace(/^0{1,8}(?=\d)/, "") ?? "0";
}
