/** Shows control characters instead of sending them, `\\n`, `\\u001b`; half of a pair, which no JSON may hold, is replaced. */
export function escapeControls(text: string, which: RegExp): string {
  return text.toWellFormed().replace(which, (char) => {
    const short = { "\n": "\\n", "\t": "\\t", "\r": "\\r" }[char];
    const code = char.codePointAt(0)?.toString(16) ?? "";
    return short ?? (code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, "0")}`);
  });
}

/**
 * What is seen as nothing, or as more lines than one: controls, what turns text around, separators of lines, and what has
 * no form at all, in which text for a model can be hidden. What joins letters and emoji stays.
 */
const unseen = "[\\p{Cc}\\p{Bidi_Control}\\p{Zl}\\p{Zp}[\\p{Cf}--[\\u200c\\u200d]]]";
const unseenInLine = new RegExp(unseen, "gv");
const unseenInText = new RegExp(`(?![\\n\\t])${unseen}`, "gv");

/** A text as one line, for what must not pass for several lines of ours. */
export function plainLine(text: string): string {
  return escapeControls(text, unseenInLine);
}

/** Names and logs come from guests and strangers: their escapes must not reach the user's terminal, nor turn text around. */
export function plain(text: string): string {
  return escapeControls(text, unseenInText);
}

/** What is unseen in JSON with line ends between its parts. */
const unseenInJson = new RegExp(`(?!\\n)${unseen}`, "gv");

/** A JSON text with the same characters escaped as JSON does it, so that it means what it meant. */
export function plainJson(json: string): string {
  const escaped = (char: string) =>
    Array.from({ length: char.length }, (_, at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, "0")}`).join("");
  return json.replace(unseenInJson, escaped);
}
