import type { Params, ParamValue } from "./params.ts";

/** Parameters of a change that are no values of what it changes. */
const steering = ["digest", "skiplock", "force", "background_delay", "node", "vmid"];

/** Words whose order means nothing: Proxmox sorts tags, and writes what a storage holds, and where, out of a hash. */
const sets = ["tags", "content", "nodes"];

/** Values as Proxmox shows them, by name. */
type Values = Readonly<Record<string, unknown>>;

/**
 * Whether a configuration has everything that a change was to give it. Where Proxmox writes a value in other words than
 * it was sent in (a network card gets its address, a disk its volume), the answer is no, although it may have it.
 */
export function hasValues(values: Values, params: Params): boolean {
  const wanted = Object.entries(params).filter(([name]) => !steering.includes(name));
  return (
    wanted.length > 0 &&
    wanted.every(([name, value]) =>
      name === "delete"
        ? namesIn(value).every((gone) => values[gone] === undefined)
        : isSame(name, value, values[name]),
    )
  );
}

function isSame(name: string, sent: ParamValue, shown: unknown): boolean {
  if (shown === undefined || shown === null || typeof shown === "object") return false;
  if (sets.includes(name)) return namesIn(sent).toSorted().join() === namesIn(String(shown)).toSorted().join();
  if (typeof sent === "object") return false;
  const text = typeof sent === "boolean" ? (sent ? "1" : "0") : String(sent);
  // Proxmox ends descriptions with a line end of its own.
  return text.trimEnd() === String(shown).trimEnd();
}

/** Lists come as lists, or as texts with a comma, semicolon or space between. */
function namesIn(value: ParamValue): string[] {
  return (typeof value === "object" ? value : String(value).split(/[,; ]+/)).map(String).filter((name) => name !== "");
}
