/**
 * What identifies the target of a plan: a label and its canonical text for each property, such as `memory` and `512`.
 * Two reads of an unchanged target give equal facts, whatever order Proxmox's Perl wrote them in (`pve-http-server`
 * serializes hashes, whose order is random for each answer); live figures are not facts.
 */
export type Facts = ReadonlyMap<string, string>;

/** What changed between two reads of a target, as `memory 512 -> 1024`. */
export function changesBetween(before: Facts, after: Facts): readonly string[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((label) => {
    const [old, now] = [before.get(label), after.get(label)];
    return old === now ? [] : [`${label} ${old ?? "not set"} -> ${now ?? "not set"}`];
  });
}
