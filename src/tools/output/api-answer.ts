import type { GuardedAnswer } from "../../policy/guarded-request.ts";
import { formatPath } from "../../proxmox/path.ts";
import { stableOrder, stableRows, stableValue } from "../../proxmox/stable-order.ts";
import { cutTable, maxCharacters } from "./output-budget.ts";
import { type Cell, tableLine } from "./table.ts";

/** What of an answer is wanted. */
export interface Selection {
  /** Keys of rows, or of the one object, in this order. */
  readonly fields?: readonly string[] | undefined;
  readonly limit?: number | undefined;
}

/** An answer without the name of its cluster: what it holds in a line, where that needs saying, and the data. */
export interface AnswerBody {
  /** `28 rows`, `first 5 of 131 rows`. */
  readonly summary?: string;
  /** Of a table no more lines than an answer can hold, and the first beyond that. */
  readonly text: string;
  /** How many rows the whole table has, a line for each below the header; `undefined` where it is no table. */
  readonly rows?: number;
}

type Row = Readonly<Record<string, unknown>>;

/** Rows that share few keys make a table of empty cells; Proxmox's widest lists have some 40. */
const maxColumns = 100;

/** The longest note on rows that are left out, in characters. */
const maxCutNote = 200;

/** A whole answer of Proxmox, with what stands beside its data: `total` where it pages, `changes` of a pending network. */
export function answerText(given: GuardedAnswer): string {
  const answer = settled(given);
  const { cluster, data, total, extra, resolved } = answer;
  const notes = notesOf(answer);
  const note = notes.length === 0 ? {} : { note: notes.join("; ") };
  const path = resolved === undefined ? {} : { path: formatPath(resolved) };
  const body = tableOf(answer, {});
  if (body === undefined) {
    return JSON.stringify({ cluster, ...path, data, ...(total !== undefined && { total }), ...extra, ...note });
  }
  const at = resolved === undefined ? "" : `, ${formatPath(resolved)}`;
  const head = `${body.summary} on ${cluster}${at}${ofAll(answer)}\n`;
  const tail = `${beside(extra)}${lines(notes)}`;
  // What stands beside the rows must not displace them.
  const room = maxCharacters - head.length - Math.min(tail.length, maxCharacters / 2);
  return `${head}${cutRows(body, room)}${tail}`;
}

function cutRows({ text, rows = 0 }: AnswerBody, room: number): string {
  if (text.length <= room) return text;
  const advice = "Ask for less: a narrower path, or what the endpoint takes as data to narrow or page it";
  const { kept, rows: whole } = cutTable(text, room - maxCutNote);
  return `${kept}\n[Cut here: ${whole} of ${rows} rows. ${advice} (often start and limit).]`;
}

/** What an answer tells beside its data, as lines to follow another text: which path was meant, and all notes on it. */
export function remarks(answer: GuardedAnswer): string {
  const path = answer.resolved === undefined ? "" : `\nPath: ${formatPath(answer.resolved)}`;
  return `${path}${lines(notesOf(answer))}`;
}

/** What there is to know about how an answer came about: what was not checked, which way it took, how it was found again. */
export function notesOf({ unchecked, detour, recovered }: GuardedAnswer): readonly string[] {
  return [unchecked, detour && `by a detour: ${detour}`, recovered].filter((note) => note !== undefined);
}

function lines(notes: readonly string[]): string {
  return notes.map((note) => `\n[${note}]`).join("");
}

/** An answer, or what is wanted of it, for a place that names cluster and path itself. */
export function answerBody(given: GuardedAnswer, selection: Selection): AnswerBody {
  const answer = settled(given);
  const body = tableOf(answer, selection);
  if (body !== undefined) {
    return { ...body, summary: `${body.summary}${ofAll(answer)}`, text: `${body.text}${beside(answer.extra)}` };
  }
  const { data, extra } = answer;
  if (Array.isArray(data) && data.length > 0) {
    const shown = data.slice(0, selection.limit);
    return { summary: counted(shown.length, data, "value"), text: `${JSON.stringify(shown)}${beside(extra)}` };
  }
  if (!isRow(data) || selection.fields === undefined) return { text: `${JSON.stringify(data)}${beside(extra)}` };
  const picked = pick(data, selection.fields);
  if (Object.keys(picked).length > 0) return { text: `${JSON.stringify(picked)}${beside(extra)}` };
  return { summary: "none of these fields; it has", text: Object.keys(data).join(", ") };
}

/** The same answer in an order that does not change from reading to reading. */
function settled(answer: GuardedAnswer): GuardedAnswer {
  const { data } = answer;
  const extra = stableOrder(answer.extra) as GuardedAnswer["extra"];
  // Whole rows are left as they are, for a table takes their values one by one and thousands of copies would cost time.
  return { ...answer, data: isRows(data) ? stableRows(data) : stableOrder(data), extra };
}

function tableOf({ data }: GuardedAnswer, { fields, limit }: Selection): AnswerBody | undefined {
  if (!isRows(data)) return undefined;
  const keys = keysOf(data);
  const header = fields === undefined ? [...keys].sort() : fields.filter((field) => keys.has(field));
  if (header.length > maxColumns) return undefined;
  if (header.length === 0 && keys.size > 0) {
    const known = [...keys].sort().slice(0, maxColumns).join(", ");
    return { summary: `${data.length} rows, none with these fields; they have`, text: known };
  }
  const rows = limit === undefined ? data.length : Math.min(limit, data.length);
  return { summary: counted(rows, data, "row"), text: linesOf(header, data, rows), rows };
}

function keysOf(rows: readonly Row[]): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const row of rows) for (const key of Object.keys(row)) keys.add(key);
  return keys;
}

/** A table's lines, until they are more than an answer can hold: few keys in all may make many cells of each row. */
function linesOf(header: readonly string[], data: readonly Row[], rows: number): string {
  const lines = [tableLine(header)];
  let length = lines[0]?.length ?? 0;
  for (let at = 0; at < rows && length <= maxCharacters; at++) {
    const row = data[at] ?? {};
    const line = tableLine(header.map((key) => cell(stableValue(row, key))));
    lines.push(line);
    length += line.length + 1;
  }
  return lines.join("\n");
}

function counted(shown: number, all: readonly unknown[], what: string): string {
  const count = all.length === 1 ? `1 ${what}` : `${all.length} ${what}s`;
  return shown < all.length ? `first ${shown} of ${count}` : count;
}

function ofAll({ data, total }: GuardedAnswer): string {
  return total === undefined || (Array.isArray(data) && total === data.length) ? "" : `, of ${total} in all`;
}

function beside(extra: Row): string {
  return Object.keys(extra).length === 0 ? "" : `\n${JSON.stringify(extra)}`;
}

function pick(row: Row, fields: readonly string[]): Row {
  return Object.fromEntries(fields.filter((field) => Object.hasOwn(row, field)).map((field) => [field, row[field]]));
}

function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isRows(data: unknown): data is readonly Row[] {
  return Array.isArray(data) && data.length > 0 && data.every(isRow);
}

/** Values stay as Proxmox gave them; what has parts stands as JSON. */
function cell(value: unknown): Cell {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : (value as Cell);
}
