type UnorderedRow = Readonly<Record<string, unknown>>;

/**
 * What tells rows of Proxmox's lists apart, in the order in which it counts: a list is sorted by those of these keys
 * that all of its rows have.
 */
const identities = [
  ...["vmid", "id", "sid", "node", "storage", "volid", "iface", "poolid", "userid", "groupid", "roleid", "realm"],
  ...["tokenid", "path", "type", "ugid", "key", "cidr", "group", "rule", "service", "Package", "filename", "devpath"],
  ...["macro", "name", "subdir"],
] as const;

/** Rows with one of these keys come in an order that says something: firewall rules, lines of logs, tasks, moments. */
const ordered = ["pos", "n", "upid", "time"] as const;

/** Words that Proxmox keeps in a hash and writes in another order each time (`PVE::Storage::Plugin::encode_value`). */
const sets = ["content", "nodes"] as const;

/**
 * An answer of Proxmox in an order that two readings share. Perl writes the keys of objects, the rows of many lists and
 * the words of a storage's `content` in another order each time (measured, `test/recordings/second-series/alpha-orders.json`). Keys
 * and words are sorted by name, snapshots by time, other rows by what identifies them, with numbers as numbers. Lists
 * whose order says something, and those without a key that is known to identify rows, stay as they are.
 */
export function stableOrder(data: unknown): unknown {
  if (Array.isArray(data)) return stableRows(data).map(stableOrder);
  if (!isRow(data)) return data;
  const keys = Object.keys(data).sort();
  return Object.fromEntries(keys.map((key) => [key, stableValue(data, key)]));
}

/** One value of a row or object, in stable order: for tables, which have no use for whole objects in order. */
export function stableValue(row: UnorderedRow, key: string): unknown {
  const value = Object.hasOwn(row, key) ? row[key] : undefined;
  // The members of a group are names out of a hash; other lists of words may have an order, such as a load average.
  if (key === "members" && Array.isArray(value) && !value.every(isRow)) return value.map(stableOrder).sort();
  return isSet(row, key, value) ? value.split(",").sort().join(",") : stableOrder(value);
}

/** The elements of a list in stable order; what they hold stays as it is. */
export function stableRows<T>(list: readonly T[]): readonly T[] {
  const rows: readonly unknown[] = list;
  return rows.length > 1 && rows.every(isRow) ? (sortRows(rows) as readonly T[]) : list;
}

/** Only of storages: the content of a file that the guest agent read has commas, too. */
function isSet(row: UnorderedRow, key: string, value: unknown): value is string {
  const known = sets.some((it) => it === key) && typeof value === "string";
  return known && ("storage" in row || ("avail" in row && "total" in row));
}

function sortRows(rows: readonly UnorderedRow[]): readonly UnorderedRow[] {
  const all = (key: string): boolean => rows.every((row) => Object.hasOwn(row, key));
  if (ordered.some(all)) return rows;
  const keys = identities.filter(all);
  const [first, ...others] = rows.some((row) => "snaptime" in row) ? ["snaptime", ...keys] : keys;
  if (first === undefined) return rows;
  // The first key almost always decides; the others are read only where it does not.
  const keyed = rows.map((row) => ({ row, rank: rank(row[first]) }));
  keyed.sort((a, b) => {
    const decided = compare(a.rank, b.rank);
    if (decided !== 0) return decided;
    const key = others.find((it) => compare(rank(a.row[it]), rank(b.row[it])) !== 0);
    return key === undefined ? 0 : compare(rank(a.row[key]), rank(b.row[key]));
  });
  return keyed.map(({ row }) => row);
}

/** What sorts as people count: 100 before 1000, `node/pve2` before `node/pve10`; the guest as it is now after its snapshots. */
function rank(value: unknown): number | string {
  if (value === undefined) return Number.POSITIVE_INFINITY;
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  if (/^\d{1,15}$/.test(text)) return Number(text);
  return text.slice(0, 500).replaceAll(/\d+/g, (digits) => digits.padStart(16, "0"));
}

/** Numbers before text. */
function compare(a: number | string, b: number | string): number {
  if (a === b) return 0;
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a < b ? -1 : 1;
}

function isRow(value: unknown): value is UnorderedRow {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
