import type { CallToolResult } from "@modelcontextprotocol/server";
import { plain } from "../plain.ts";
import { cutText, mostCharacters, mostNotes } from "../tools/room.ts";

/** A tool's answer as MCP wants it. Text only: Claude Code shows `structuredContent` instead of text when both come. */
export function answer(text: string): CallToolResult {
  return { content: [{ type: "text", text: cut(plain(text)) }] };
}

/** A tool's failure: an answer that the model can read and act on, not a protocol error. */
export function failure(text: string): CallToolResult {
  return { content: [{ type: "text", text: cut(plain(text)) }], isError: true };
}

function cut(text: string): string {
  if (text.length <= mostCharacters + mostNotes) return text;
  const note = `\n[Cut here: ${text.length} characters in all, at most ${mostCharacters} are given. Ask for less: a narrower path, type or search.]`;
  return cutText(text, mostCharacters - note.length) + note;
}
