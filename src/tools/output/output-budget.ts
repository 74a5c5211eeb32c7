/**
 * The characters that an answer may have. Gemini CLI 0.61 cuts results at about 40,000, without telling the model where
 * to go on.
 */
export const maxCharacters = 36_000;

/** What may stand behind an answer that has as much, in characters: how it came. */
export const maxNotes = 1_000;

/**
 * The beginning of a text, as much as there is room for. A row is not cut in two, unless that would lose most of the
 * answer: compact JSON is a single line.
 */
export function cutText(text: string, room: number): string {
  if (text.length <= room) return text;
  const lineEnd = text.lastIndexOf("\n", room);
  return text.slice(0, lineEnd > room / 2 ? lineEnd : room).toWellFormed();
}

/**
 * The beginning of a table, as much as there is room for, and how many rows of it are whole: a line each, below the
 * header.
 */
export function cutTable(text: string, room: number): { readonly kept: string; readonly rows: number } {
  const kept = cutText(text, room);
  const lines = kept.split("\n").length - (kept === text || text[kept.length] === "\n" ? 0 : 1);
  return { kept, rows: Math.max(lines - 1, 0) };
}

/** How many lines, from the first on, fit into the room, each with its end. */
export function fittingLines(lines: readonly string[], room: number): number {
  let taken = 0;
  for (const [index, line] of lines.entries()) {
    taken += line.length + 1;
    if (taken > room) return index;
  }
  return lines.length;
}

/** Divides room among texts of these lengths: what short ones leave over goes to the long ones, in equal parts. */
export function fairShares(lengths: readonly number[], room: number): readonly number[] {
  const shares = new Map<number, number>();
  let left = room;
  const shortestFirst = lengths.map((length, index) => ({ length, index })).sort((a, b) => a.length - b.length);
  for (const [done, { length, index }] of shortestFirst.entries()) {
    const share = Math.min(length, Math.floor(left / (lengths.length - done)));
    shares.set(index, share);
    left -= share;
  }
  return lengths.map((_, index) => shares.get(index) ?? 0);
}
