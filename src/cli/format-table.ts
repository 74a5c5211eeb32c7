import { plainLine } from "../sanitize.ts";

/**
 * A value of the API for a terminal. Rows become a table with aligned columns, or, where that is wider than `width`, a
 * block of lines each; an object becomes lines of key and value; anything else stands as it is, and null as nothing.
 */
export function grid(value: unknown, width: number): string {
  if (isRows(value)) {
    const keys = [...new Set(value.flatMap((row) => Object.keys(row)))].sort(byWeight);
    const table = aligned([keys.map(plainLine), ...value.map((row) => keys.map((key) => cell(row[key])))]);
    const fits = table.every((line) => Bun.stringWidth(line) <= width);
    return fits ? table.join("\n") : value.map((row) => block(row, keys).join("\n")).join("\n\n");
  }
  if (Array.isArray(value)) return value.map(cell).join("\n");
  return isObject(value) ? block(value, Object.keys(value).sort(byWeight)).join("\n") : cell(value);
}

/** What tells rows apart stands first; the rest by name. */
const first = ["vmid", "node", "name", "storage", "type", "status"];

function byWeight(a: string, b: string): number {
  const weight = (key: string) => (first.includes(key) ? first.indexOf(key) : first.length);
  return weight(a) - weight(b) || a.localeCompare(b);
}

function block(row: Readonly<Record<string, unknown>>, keys: readonly string[]): string[] {
  return aligned(keys.filter((key) => key in row).map((key) => [plainLine(key), cell(row[key])]));
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [at, text] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, Bun.stringWidth(text));
  }
  const pad = (text: string, at: number) => text + " ".repeat((widths[at] ?? 0) - Bun.stringWidth(text));
  return rows.map((row) => row.map(pad).join("  ").trimEnd());
}

/** Values stay as Proxmox gave them; what has parts stands as JSON. */
function cell(value: unknown): string {
  if (value === null || value === undefined) return "";
  return plainLine(typeof value === "object" ? JSON.stringify(value) : String(value));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isRows(value: unknown): value is readonly Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) && value.length > 0 && value.every(isObject);
}
