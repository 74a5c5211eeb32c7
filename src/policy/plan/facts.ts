import { createHash } from "node:crypto";
import { plainLine } from "../../sanitize.ts";
import { holdsSecret } from "../redaction/redact-parameters.ts";
import { withoutFigures } from "./live-figures.ts";

/**
 * What identifies the target of a plan: a label and its canonical text for each property, such as `memory` and `512`.
 * Two reads of an unchanged target give equal facts, whatever order Proxmox's Perl wrote them in (`pve-http-server`
 * serializes hashes, whose order is random for each answer); live figures are not facts (see `live-figures.ts`).
 */
export type Facts = ReadonlyMap<string, string>;

/** An object of an answer. */
export type Row = Readonly<Record<string, unknown>>;

/** Which keys of an object are facts: all by default, for a user's token may be called `cpu`. */
export interface FactOptions {
  /** The keys that count, where all stable keys of the kind are known. */
  readonly only?: readonly string[];
  /** Keys that do not count: live figures of the kind. */
  readonly except?: readonly string[];
}

/**
 * Keys whose text is a set of words: PVE::Storage prints `content` and `nodes` from hashes (recordings/alpha-orders),
 * PVE::AccessControl users, groups and privileges, PVE::JSONSchema `prune-backups`. Boot order, name servers and search
 * domains keep their order, which has a meaning.
 */
const setKeys: ReadonlySet<string> = new Set(
  [
    "content exclude exclude-path features groups hotplug mailto members nodes privs prune-backups resources roles",
    "slaves bridge_ports storages tags tokens users vmid vms volumes allowed-tags bwlimit families crush-rules",
  ].flatMap((line) => line.split(" ")),
);

/** The label under which all that the settings withhold is bound, as one hash. */
export const withheldLabel = "state that the settings withhold";

/** Begins the text of a fact whose value is a secret; a hash of it follows. */
const concealed = "[masked] ";

/** Begins the label of a `digest` of Proxmox. */
const digestLabel = "digest of ";

/** Collects the facts of a plan. */
export class FactList {
  readonly #facts = new Map<string, string>();

  /** The facts, in the order of their labels. */
  get facts(): Facts {
    return new Map([...this.#facts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Adds one fact; `undefined` and `null` are none. */
  add(label: string, value: unknown, key = ""): void {
    if (value === undefined || value === null) return;
    const text = canonical(value, key);
    this.#facts.set(label, holdsSecret(key) ? `${concealed}${sha256(text)}` : text);
  }

  /** Adds each stable key of an object, as `memory`, or as `CT 200 memory` with the prefix `CT 200 `. */
  addObject(object: Row, { prefix = "", ...options }: FactOptions & { readonly prefix?: string } = {}): void {
    for (const [key, value] of Object.entries(object)) {
      if (counts(key, options)) this.add(`${prefix}${key}`, value, key);
    }
  }

  /** Adds rows under their ids, `snapshot before`; `id` gives what tells a row from the others. */
  addRows(noun: string, rows: readonly Row[], id: (row: Row) => unknown, options: FactOptions = {}): void {
    for (const row of rows) {
      const kept = Object.entries(row).filter(
        ([key, value]) => counts(key, options) && value !== null && value !== undefined,
      );
      this.#facts.set(`${noun} ${canonical(id(row) ?? "")}`, canonical(Object.fromEntries(kept)));
    }
  }

  /** Adds Proxmox's own digest of a configuration. */
  addDigest(of: string, digest: unknown): void {
    if (typeof digest === "string" && digest !== "") this.#facts.set(`${digestLabel}${of}`, digest);
  }

  /** Binds an answer that must not be shown. */
  addWithheld(path: string, data: unknown): void {
    const before = this.#facts.get(withheldLabel) ?? "";
    const parts = before === "" ? [] : before.split(" ");
    const own = new FactList();
    const stable = withoutFigures(path.split("/").slice(1), data);
    if (typeof stable === "object" && stable !== null && !Array.isArray(stable)) {
      own.addObject(stable as Row);
      own.addDigest("it", (stable as Row)["digest"]);
    } else {
      own.add("data", stable);
    }
    const hash = sha256(JSON.stringify([path, [...own.facts]]));
    this.#facts.set(withheldLabel, [...new Set([...parts, hash])].toSorted().join(" "));
  }
}

function counts(key: string, { only, except = [] }: FactOptions): boolean {
  return key !== "digest" && !except.includes(key) && (only === undefined || only.includes(key));
}

/**
 * The text of a value that does not depend on the order in which Proxmox wrote it: keys and rows are sorted, words of a
 * set too, booleans are 1 and 0, numbers their digits.
 */
export function canonical(value: unknown, key = ""): string {
  const form = canonicalForm(value, key);
  return typeof form === "string" ? form : JSON.stringify(form);
}

function canonicalForm(value: unknown, key: string): unknown {
  if (typeof value === "boolean") return value ? "1" : "0";
  if (Array.isArray(value)) {
    // The order of the arrays that a plan reads has no meaning: firewall rules name their position.
    return value
      .map((item) => canonicalForm(item, key))
      .map((form) => [typeof form === "string" ? form : JSON.stringify(form), form] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, form]) => form);
  }
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, item]) => item !== null && item !== undefined)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, item]) => [name, canonicalForm(item, name)]),
    );
  }
  const text = String(value ?? "");
  return setKeys.has(key) ? sortedWords(text, key) : text;
}

function sortedWords(text: string, key: string): string {
  const words = text.split(/[,;\s]/).filter((word) => word !== "");
  return [...new Set(words)].toSorted().join(key === "tags" ? ";" : ",");
}

/** Maximum number of changes that are named; of the others only the number is. */
const maxChanges = 8;

/** The longest value in a change, in characters. */
const maxValueLength = 80;

/**
 * What changed between two reads of a target, each as `memory 512 -> 1024` or `snapshot before added`; empty for equal facts
 * and only for them. Proxmox's digest is named only where nothing else tells the change.
 */
export function changesBetween(before: Facts, after: Facts): string[] {
  const labels = [...new Set([...before.keys(), ...after.keys()])].toSorted();
  const changed = labels.filter((label) => before.get(label) !== after.get(label));
  const told = changed.filter((label) => !label.startsWith(digestLabel));
  if (told.length === 0) {
    return changed.map(
      (label) => `${plainLine(label)} changed (a value that is not shown, or another entry of the same file)`,
    );
  }
  const lines = told.flatMap((label) => changesOf(label, before.get(label), after.get(label)));
  const more = lines.length - maxChanges;
  return more > 0 ? [...lines.slice(0, maxChanges), `and ${more} more changes`] : lines;
}

function changesOf(label: string, before: string | undefined, after: string | undefined): string[] {
  const name = plainLine(cut(label));
  if (label === withheldLabel || [before, after].some((value) => value?.startsWith(concealed))) {
    return [`${name} changed`];
  }
  if (before === undefined) return [`${name} added${detail(after, ": ", "")}`];
  if (after === undefined) return [`${name} removed${detail(before, " (was ", ")")}`];
  // Two texts that are not ours may read as equal lists or objects: a change is never left unsaid.
  const parts = partsOf(name, before, after);
  if (parts.length > 0) return parts;
  const [old, now] = [shown(before), shown(after)];
  return [old === now ? `${name} changed (beyond its first characters)` : `${name} ${old} -> ${now}`];
}

/** What changed inside a list or an object. */
function partsOf(name: string, before: string, after: string): string[] {
  const [had, has] = [readList(before), readList(after)];
  if (had !== undefined && has !== undefined) {
    const [old, now] = [new Set(had), new Set(has)];
    return [
      ...has.filter((item) => !old.has(item)).map((item) => `${name}: ${shown(item)} added`),
      ...had.filter((item) => !now.has(item)).map((item) => `${name}: ${shown(item)} removed`),
    ];
  }
  const [old, now] = [readObject(before), readObject(after)];
  if (old === undefined || now === undefined) return [];
  return [...new Set([...Object.keys(old), ...Object.keys(now)])]
    .toSorted()
    .filter((key) => text(old[key]) !== text(now[key]))
    .map((key) =>
      holdsSecret(key)
        ? `${name}: ${plainLine(key)} changed`
        : `${name}: ${plainLine(key)} ${shown(text(old[key]))} -> ${shown(text(now[key]))}`,
    );
}

/** A value to print beside its label; nothing for a row, which its label identifies. */
function detail(value: string | undefined, open: string, close: string): string {
  return value === undefined || value === "" || value.startsWith("{") ? "" : `${open}${shown(value)}${close}`;
}

function text(value: unknown): string | undefined {
  return value === undefined ? undefined : canonical(value);
}

/** The items of a list, as texts. */
function readList(text: string | undefined): string[] | undefined {
  if (text?.startsWith("[") !== true) return undefined;
  try {
    return (JSON.parse(text) as unknown[]).map((item) => canonical(item));
  } catch {
    return undefined;
  }
}

function readObject(text: string | undefined): Row | undefined {
  if (text?.startsWith("{") !== true) return undefined;
  try {
    return Object.assign(Object.create(null) as Row, JSON.parse(text) as Row);
  } catch {
    return undefined;
  }
}

function shown(value: string | undefined): string {
  if (value === undefined) return "not set";
  return value === "" ? '""' : plainLine(cut(value));
}

function cut(value: string): string {
  return value.length <= maxValueLength ? value : `${value.slice(0, maxValueLength).toWellFormed()}...`;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
