import type { CallToolResult } from "@modelcontextprotocol/server";
import type { Redactor } from "../redact/redactor.ts";
import { plain } from "../sanitize.ts";
import { cutText, maxCharacters, maxNotes } from "../tools/output/output-budget.ts";

/** A tool's answer as MCP wants it. Text only: Claude Code shows `structuredContent` instead of text when both come. */
export function answer(text: string, redactor: Redactor): CallToolResult {
  return { content: [{ type: "text", text: prepared(text, redactor) }] };
}

/** A tool's failure: an answer that the model can read and act on, not a protocol error. */
export function failure(text: string, redactor: Redactor): CallToolResult {
  return { content: [{ type: "text", text: prepared(text, redactor) }], isError: true };
}

/** Cuts after redaction: half of a secret at the cut would not be recognized. */
function prepared(text: string, redactor: Redactor): string {
  return cut(plain(redactor.outgoing(text)));
}

function cut(text: string): string {
  if (text.length <= maxCharacters + maxNotes) return text;
  const note = `\n[Cut here: ${text.length} characters in all, at most ${maxCharacters} are given. Ask for less: a narrower path, type or search.]`;
  return cutText(text, maxCharacters - note.length) + note;
}
