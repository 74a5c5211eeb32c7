import { plainLine } from "../../sanitize.ts";

/** What a cell may hold; nothing is an empty cell. */
export type Cell = string | number | boolean | null | undefined;

/** Rows as text for a model: the header once, cells between tabs. */
export function table(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return [header, ...rows].map(tableLine).join("\n");
}

/** The header or a row of a table as one line. */
export function tableLine(cells: readonly Cell[]): string {
  return cells.map(cell).join("\t");
}

/** A cell must not break its row, nor turn it around: what would is shown as an escape. */
function cell(value: Cell): string {
  return plainLine(String(value ?? ""));
}
