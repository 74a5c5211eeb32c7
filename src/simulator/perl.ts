/** Draws a number from 0 up to, but not including, 1; as `Math.random` does. */
export type Random = () => number;

/** What in an answer comes from Perl hashes besides the keys of objects, and so changes its order. */
export interface HashOrder {
  /** Whether the rows of the answer itself are in random order. */
  readonly rows: "random" | "kept";
  /** Keys whose comma-separated words are in random order, at every depth. */
  readonly sets: readonly string[];
  /** Keys of lists inside the answer that are in random order, at every depth. */
  readonly lists: readonly string[];
}

/**
 * The value as JSON the way Proxmox writes it: the keys of every object in another order each time, because they come
 * out of Perl hashes (measured, `test/recordings/second-series/alpha-orders.json`). A string builder and not `JSON.stringify` over
 * shuffled copies: JavaScript would put keys that look like integers first.
 */
export function perlJson(value: unknown, random: Random, order: HashOrder): string {
  const write = (it: unknown, key: string | undefined): string => {
    if (Array.isArray(it)) {
      const mixed = key === undefined ? false : order.lists.includes(key);
      return `[${(mixed ? shuffled(it, random) : it).map((element) => write(element, undefined)).join(",")}]`;
    }
    if (typeof it === "object" && it !== null) {
      const pairs = Object.entries(it).filter(([, of]) => of !== undefined);
      return `{${shuffled(pairs, random)
        .map(([name, of]) => `${JSON.stringify(name)}:${write(of, name)}`)
        .join(",")}}`;
    }
    if (typeof it === "string" && key !== undefined && order.sets.includes(key))
      return JSON.stringify(shuffled(it.split(","), random).join(","));
    return JSON.stringify(it ?? null);
  };
  return write(value, undefined);
}

/** The same elements in random order (Fisher-Yates). */
export function shuffled<T>(list: readonly T[], random: Random): T[] {
  const mixed = [...list];
  for (let last = mixed.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [mixed[last], mixed[other]] = [mixed[other] as T, mixed[last] as T];
  }
  return mixed;
}
