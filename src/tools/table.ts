/** What a cell may hold; nothing is an empty cell. */
export type Cell = string | number | boolean | null | undefined;

/** Rows as text for a model: the header once, cells between tabs. */
export function table(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  return [header, ...rows].map((row) => row.map(cell).join("\t")).join("\n");
}

/** A cell must not break its row: what would is shown as an escape. */
function cell(value: Cell): string {
  return escapeControls(String(value ?? ""), /\p{Cc}/gu);
}

/** Shows control characters instead of sending them: `\\n`, `\\u001b`. */
export function escapeControls(text: string, which: RegExp): string {
  return text.replace(which, (char) => {
    const short = { "\n": "\\n", "\t": "\\t", "\r": "\\r" }[char];
    return short ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
