import prettyMilliseconds from "pretty-ms";
import { plainLine } from "../plain.ts";
import type { OpenQuestion } from "../policy/consent/open-question.ts";

/** What plan lines begin with. */
const frame = "  | ";

/**
 * A question for a terminal: request and cluster, who asks, how long it stays open, the code, the whole plan. Names and
 * values come from guests and models: control characters are escaped, and lines that are too long for the terminal are
 * wrapped behind an indent, so that nothing in them can pass for a line of ours.
 * @param columns the terminal's width; `undefined` for a file or a pipe, where nothing is wrapped.
 */
export function questionText(question: OpenQuestion, columns: number | undefined): string {
  const { id, code, caller, client, cluster, request, plan } = question;
  return [
    wrap("", `${id}  ${request} on ${cluster}`, columns),
    wrap("  ", `asked by ${caller} with ${client} ${ago(question.ageMs)}; ${remaining(question)}`, columns),
    code === undefined
      ? wrap("  ", "no code: the client asks its user, or the call is repeated", columns)
      : wrap("  ", `code ${code} (${tries(question)})`, columns),
    ...plan.map((line) => wrap(frame, line, columns)),
  ].join("\n");
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

function tries({ triesLeft }: OpenQuestion): string {
  if (triesLeft <= 0) return "no tries left: it is no longer accepted";
  return triesLeft === 1 ? "1 try left" : `${triesLeft} tries left`;
}

/** A line behind an indent; what it continues with is indented further. */
function wrap(indent: string, text: string, columns: number | undefined): string {
  const line = plainLine(text);
  if (columns === undefined || line === "") return `${indent}${line}`;
  const more = `${indent}    `;
  const width = Math.max(20, columns - more.length);
  const parts = Bun.wrapAnsi(line, width, { hard: true, trim: false, wordWrap: false }).split("\n");
  return `${indent}${parts.join(`\n${more}`)}`;
}
