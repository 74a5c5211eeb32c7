import prettyMilliseconds from "pretty-ms";
import type { OpenQuestion } from "../policy/consent/open-question.ts";
import { plainLine } from "../sanitize.ts";

/** What plan lines begin with. */
const frame = "  | ";

/**
 * A question for a terminal: request and cluster, who asks, how long it stays open, the code, the whole plan. Names and
 * values come from guests and models: control characters are escaped, and lines that are too long for the terminal are
 * wrapped behind an indent, so that nothing in them can pass for a line of ours.
 * @param columns the terminal's width; `undefined` for a file or a pipe, where nothing is wrapped.
 */
export function questionText(question: OpenQuestion, columns: number | undefined): string {
  const { id, caller, client, cluster, request, plan } = question;
  return [
    wrap("", `${id}  ${request} on ${cluster}`, columns),
    wrap("  ", `asked by ${caller} with ${quoted(client)} ${ago(question.ageMs)}; ${remaining(question)}`, columns),
    wrap("  ", answered(question), columns),
    ...plan.map((line) => wrap(frame, line, columns)),
  ].join("\n");
}

/** What a client calls itself, in quotes that it cannot end. */
function quoted(client: string): string {
  return `"${client.replaceAll('"', "'")}"`;
}

/** `2m ago`, `just now`. */
export function ago(ms: number): string {
  return ms < 1000 ? "just now" : `${duration(ms)} ago`;
}

/** Milliseconds in two units at most, `3h 12m`. */
export function duration(ms: number): string {
  return prettyMilliseconds(ms, { unitCount: 2, secondsDecimalDigits: 0 });
}

function remaining({ remainingMs }: OpenQuestion): string {
  return remainingMs <= 0 ? "expired" : `expires in ${duration(remainingMs)}`;
}

function answered({ method, code, triesLeft }: OpenQuestion): string {
  if (method === "form") return "no code: the client asks its user";
  if (method === "two-step") return "no code: the call is repeated with a value from its answer";
  if (code === undefined) return "closed: too many wrong codes were sent for it";
  return `code ${code} (${triesLeft === 1 ? "1 try left" : `${triesLeft} tries left`})`;
}

/** A line behind an indent; what it continues with is indented further. */
function wrap(indent: string, text: string, columns: number | undefined): string {
  const line = plainLine(text);
  if (columns === undefined || line === "") return `${indent}${line}`;
  const more = `${indent}    `;
  const width = Math.max(20, columns - more.length);
  const parts = Bun.wrapAnsi(line, width, { hard: true, trim: false, wordWrap: true }).split("\n");
  return `${indent}${parts.join(`\n${more}`)}`;
}
