/** What a cell may hold; nothing is an empty cell. */
export type Cell = string | number | boolean | null | undefined;

/** Rows as text for a model: the header once, cells between tabs. */
export function table(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return [header, ...rows].map((row) => row.map(cell).join("\t")).join("\n");
}

/** A cell must not break its row, nor reach a terminal as an escape: control characters are shown, not sent. */
function cell(value: Cell): string {
  if (value === null || value === undefined) return "";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not get through
  return String(value).replace(/[\u0000-\u001f\u007f-\u009f]/g, (char) => JSON.stringify(char).slice(1, -1));
}
