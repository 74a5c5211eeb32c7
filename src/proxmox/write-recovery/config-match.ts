import type { Params, ParamValue } from "../params.ts";

/** Parameters of a change that are no values of what it changes. */
const controlParams = ["digest", "skiplock", "force", "background_delay", "node", "vmid"];

/** Words whose order means nothing: Proxmox sorts tags, and writes what a storage holds, and where, out of a hash. */
const sets = ["tags", "content", "nodes"];

/** Parameters that no answer shows: secrets, which read as stars or not at all, and what drops pending changes. */
const unshown = ["password", "cipassword", "revert", "secret", "client-key", "bind-password"];

/** Whether a change has a value that no read can show. */
export function isUnshown(params: Params): boolean {
  return Object.keys(params).some((name) => unshown.includes(name));
}

/** Values as Proxmox shows them, by name. */
type Values = Readonly<Record<string, unknown>>;

/**
 * Whether a configuration has every value that a change sets, and none that it deletes. Where Proxmox stores a value in
 * another form than the one sent (a network card gets its address, a disk its volume), the answer is no.
 */
export function hasValues(values: Values, params: Params): boolean {
  return matches(values, params, isSame);
}

/** As `hasValues`, but a property string matches when it has every property that was sent, and others that Proxmox added. */
export function matchesConfig(values: Values, params: Params): boolean {
  return matches(values, params, (name, sent, shown) => isSame(name, sent, shown) || isCompleted(sent, shown));
}

type Compare = (name: string, sent: ParamValue, shown: unknown) => boolean;

function matches(values: Values, params: Params, compare: Compare): boolean {
  const wanted = Object.entries(params).filter(([name]) => !controlParams.includes(name));
  return (
    wanted.length > 0 &&
    wanted.every(([name, value]) =>
      name === "delete"
        ? namesIn(value).every((gone) => values[gone] === undefined)
        : compare(name, value, values[name]),
    )
  );
}

function isSame(name: string, sent: ParamValue, shown: unknown): boolean {
  if (shown === undefined || shown === null || typeof shown === "object") return false;
  if (sets.includes(name)) return namesIn(sent).toSorted().join() === namesIn(String(shown)).toSorted().join();
  if (typeof sent === "object") return false;
  const text = typeof sent === "boolean" ? (sent ? "1" : "0") : String(sent);
  // Proxmox appends a newline to descriptions.
  return text.trimEnd() === String(shown).trimEnd();
}

/**
 * `virtio,bridge=vmbr0` became `virtio=BC:24:11:00:00:01,bridge=vmbr0`, and `vmdata:1` became
 * `vmdata:150/vm-150-disk-0.raw,size=1G`.
 */
function isCompleted(sent: ParamValue, shown: unknown): boolean {
  if (typeof sent !== "string" || typeof shown !== "string") return false;
  // Looked up in sets: caller and cluster may send a hundred thousand parts each.
  const parts = shown.split(",");
  const stored = new Set(parts);
  const names = new Set(parts.filter((part) => part.includes("=")).map((part) => part.slice(0, part.indexOf("="))));
  return sent.split(",").every((part) => {
    if (stored.has(part)) return true;
    const [, storage, size] = /^([\w.-]+):(\d+)$/.exec(part) ?? [];
    if (storage !== undefined) return shown.startsWith(`${storage}:`) && (size === "0" || stored.has(`size=${size}G`));
    // A model without an address, or the format of a new disk.
    return /^\w+$/.test(part) ? names.has(part) : part.startsWith("format=");
  });
}

/** Lists come as lists, or as texts with a comma, semicolon or space between. */
function namesIn(value: ParamValue): string[] {
  return (typeof value === "object" ? value : String(value).split(/[,; ]+/)).map(String).filter((name) => name !== "");
}
