/** Shows control characters instead of sending them: `\\n`, `\\u001b`. */
export function escapeControls(text: string, which: RegExp): string {
  return text.replace(which, (char) => {
    const short = { "\n": "\\n", "\t": "\\t", "\r": "\\r" }[char];
    return short ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** A text as one line, for what must not pass for several lines of ours. */
export function plainLine(text: string): string {
  return escapeControls(text, /[\p{Cc}\p{Bidi_Control}]/gu);
}

/** Names and logs come from guests and strangers: their escapes must not reach the user's terminal, nor turn text around. */
export function plain(text: string): string {
  return escapeControls(text, /(?![\n\t])[\p{Cc}\p{Bidi_Control}]/gu);
}
