/** Shows control characters instead of sending them, `\\n`, `\\u001b`; half of a pair, which no JSON may hold, is replaced. */
export function escapeControls(text: string, which: RegExp): string {
  return text.toWellFormed().replace(which, (char) => {
    const short = { "\n": "\\n", "\t": "\\t", "\r": "\\r" }[char];
    const code = char.codePointAt(0)?.toString(16) ?? "";
    return short ?? (code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, "0")}`);
  });
}

/*
 * What is seen as nothing, or as more lines than one: controls, separators of lines, and what has no form at all, which
 * turns text around or can hide text for a model. What joins letters and emoji stays (U+200C, U+200D).
 */

const unseenInLine = /[\p{Cc}\p{Zl}\p{Zp}]|[^\P{Cf}\u200c\u200d]/gu;
const unseenInText = /[^\P{Cc}\n\t]|[\p{Zl}\p{Zp}]|[^\P{Cf}\u200c\u200d]/gu;

/** A text as one line, for what must not pass for several lines of ours. */
export function plainLine(text: string): string {
  return escapeControls(text, unseenInLine);
}

/** Names and logs come from guests and strangers: their escapes must not reach the user's terminal, nor turn text around. */
export function plain(text: string): string {
  return escapeControls(text, unseenInText);
}

/** What is unseen in JSON with line ends between its parts. */
const unseenInJson = /[^\P{Cc}\n]|[\p{Zl}\p{Zp}]|[^\P{Cf}\u200c\u200d]/gu;

/** A JSON text with the same characters escaped as JSON does it, so that it means what it meant. */
export function plainJson(json: string): string {
  const escaped = (char: string) =>
    Array.from({ length: char.length }, (_, at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, "0")}`).join("");
  return json.replace(unseenInJson, escaped);
}
