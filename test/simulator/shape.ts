/** What differs between a recorded answer and the demo's, in words; nothing when they have the same shape. */
export function differences(recorded: unknown, given: unknown): string[] {
  return [...compare("", [recorded], [given]), ...members(recorded, given)];
}

type Row = Record<string, unknown>;

const isRow = (value: unknown): value is Row => typeof value === "object" && value !== null && !Array.isArray(value);
const typeOf = (value: unknown): string => (Array.isArray(value) ? "array" : value === null ? "null" : typeof value);

/** Values that stand at one place: all rows of a list together, as the union of their shapes. */
function compare(path: string, recorded: readonly unknown[], given: readonly unknown[]): string[] {
  const known = new Set(recorded.map(typeOf));
  const strange = [...new Set(given.map(typeOf))].filter((type) => !known.has(type));
  if (strange.length > 0) return [`${path}: ${strange} where ${[...known]} was recorded`];
  const lists = compareLists(path, recorded.filter(Array.isArray), given.filter(Array.isArray));
  return [...lists, ...compareRows(path, recorded.filter(isRow), given.filter(isRow))];
}

function compareLists(path: string, recorded: readonly unknown[][], given: readonly unknown[][]): string[] {
  if (recorded.length === 0) return [];
  const [was, is] = [recorded.flat(), given.flat()];
  if ((was.length === 0) !== (is.length === 0))
    return [`${path}: ${is.length} elements where ${was.length} were recorded`];
  return compare(`${path}[]`, was, is);
}

function compareRows(path: string, recorded: readonly Row[], given: readonly Row[]): string[] {
  if (recorded.length === 0 || given.length === 0) return [];
  if (recorded.every((row) => "type" in row)) {
    const groups = new Set([...recorded, ...given].map((row) => String(row["type"])));
    return [...groups].flatMap((group) => {
      const pick = (rows: readonly Row[]): Row[] => rows.filter((row) => String(row["type"]) === group);
      const [was, is] = [pick(recorded), pick(given)];
      if (was.length === 0 || is.length === 0) return [`${path}<${group}>: ${is.length} rows, recorded ${was.length}`];
      return compareKeys(`${path}<${group}>`, was, is);
    });
  }
  return compareKeys(path, recorded, given);
}

function compareKeys(path: string, recorded: readonly Row[], given: readonly Row[]): string[] {
  const keys = new Set([...recorded, ...given].flatMap(Object.keys));
  // A map from ACL paths to privileges: which paths must agree, and each value has the same shape.
  const dynamic = [...keys].every((key) => key.startsWith("/"));
  return [...keys].flatMap((key) => {
    const [was, is] = [recorded.filter((row) => key in row), given.filter((row) => key in row)];
    if (was.length === 0) return [`${path}.${key}: was not recorded`];
    if (is.length === 0) return [`${path}.${key}: is missing`];
    if (was.length === recorded.length && is.length < given.length) return [`${path}.${key}: is missing in some rows`];
    const values = (rows: readonly Row[]): unknown[] => rows.map((row) => row[key]);
    return compare(dynamic ? `${path}{}` : `${path}.${key}`, values(was), values(is));
  });
}

/** What a row is known by: these must be the same ones, so that a list filtered by rights shows exactly what it should. */
const identities = ["volid", "userid", "roleid", "groupid", "poolid", "tokenid", "realm", "storage", "id", "vmid"];
const stamp = /\d{4}_\d\d_\d\d-\d\d_\d\d_\d\d/;

function members(recorded: unknown, given: unknown): string[] {
  if (!Array.isArray(recorded) || !Array.isArray(given)) return [];
  const rows = recorded.filter(isRow);
  const key = identities.find((it) => rows.length > 0 && rows.every((row) => it in row));
  if (key === undefined || rows.some((row) => "upid" in row)) return [];
  const names = (all: readonly unknown[]): string[] =>
    all
      .filter(isRow)
      .map((row) => String(row[key]).replace(stamp, "TIME"))
      .sort();
  const [was, is] = [names(recorded), names(given)];
  return was.join() === is.join() ? [] : [`${key}: ${is} where ${was} was recorded`];
}
