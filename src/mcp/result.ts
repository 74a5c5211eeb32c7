import type { CallToolResult } from "@modelcontextprotocol/server";
import { escapeControls } from "../tools/table.ts";

/** Gemini CLI 0.61 cuts results at about 40,000 characters, without telling the model where to go on. */
const mostCharacters = 36_000;

/** A tool's answer as MCP wants it. Text only: Claude Code shows `structuredContent` instead of text when both come. */
export function answer(text: string): CallToolResult {
  return { content: [{ type: "text", text: cut(plain(text)) }] };
}

/** A tool's failure: an answer that the model can read and act on, not a protocol error. */
export function failure(text: string): CallToolResult {
  return { content: [{ type: "text", text: cut(plain(text)) }], isError: true };
}

/** Names and logs come from guests and strangers: their escapes must not reach the user's terminal, nor turn text around. */
function plain(text: string): string {
  return escapeControls(text, /(?![\n\t])[\p{Cc}\p{Bidi_Control}]/gu);
}

function cut(text: string): string {
  if (text.length <= mostCharacters) return text;
  const note = `\n[Cut here: ${text.length} characters in all, at most ${mostCharacters} are given. Ask for less: a narrower path, type or search.]`;
  const room = mostCharacters - note.length;
  const lineEnd = text.lastIndexOf("\n", room);
  // A row is not cut in two, unless that would lose most of the answer: compact JSON is a single line.
  return text.slice(0, lineEnd > room / 2 ? lineEnd : room).toWellFormed() + note;
}
