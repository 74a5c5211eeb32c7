/** A way to write a value, with text before and behind it that is written in the same way. */
export interface Spelling {
  readonly name: string;
  /** Whether each character is an escape of its own. */
  readonly perCharacter?: true;
  spell(value: string, before: string, after: string): string;
}

/** Each character on its own, for those escapes that leave none as it is. */
function each(write: (code: number) => string): Spelling["spell"] {
  return (value, before, after) => before + [...value].map((char) => write(char.charCodeAt(0))).join("") + after;
}

function whole(write: (text: string) => string): Spelling["spell"] {
  return (value, before, after) => write(before + value + after);
}

function hex(code: number, length: number): string {
  return code.toString(16).padStart(length, "0");
}

function wrap(text: string, width: number, joint: string): string {
  return [...text].map((char, at) => (at > 0 && at % width === 0 ? joint + char : char)).join("");
}

const encoded: readonly Spelling[] = [
  { name: "verbatim", spell: whole((text) => text) },
  { name: "in upper case", spell: whole((text) => text.toUpperCase()) },
  { name: "in lower case", spell: whole((text) => text.toLowerCase()) },
  { name: "without dashes", spell: whole((text) => text.replaceAll("-", "")) },
  { name: "wrapped by line breaks", spell: whole((text) => wrap(text, 5, "\n    ")) },
  { name: "wrapped by line breaks in JSON", spell: whole((text) => wrap(text, 5, "\\n")) },
  {
    name: "percent-encoded in upper case",
    perCharacter: true,
    spell: each((code) => `%${hex(code, 2).toUpperCase()}`),
  },
  { name: "percent-encoded in lower case", perCharacter: true, spell: each((code) => `%${hex(code, 2)}`) },
  { name: "percent-encoded twice", perCharacter: true, spell: each((code) => `%25${hex(code, 2)}`) },
  { name: "in JSON's escapes", perCharacter: true, spell: each((code) => `\\u${hex(code, 4)}`) },
  { name: "in JSON's escapes, in JSON", perCharacter: true, spell: each((code) => `\\\\u${hex(code, 4)}`) },
  { name: "in escapes of code points", perCharacter: true, spell: each((code) => `\\u{${hex(code, 2)}}`) },
  { name: "in escapes of bytes", perCharacter: true, spell: each((code) => `\\x${hex(code, 2)}`) },
  { name: "in HTML's decimal references", perCharacter: true, spell: each((code) => `&#${code};`) },
  { name: "in HTML's hexadecimal references", perCharacter: true, spell: each((code) => `&#x${hex(code, 2)};`) },
  { name: "in HTML's references, escaped again", perCharacter: true, spell: each((code) => `&amp;#${code};`) },
  { name: "in hexadecimal", spell: whole((text) => Buffer.from(text).toString("hex")) },
  { name: "in hexadecimal with colons", spell: whole((text) => wrap(Buffer.from(text).toString("hex"), 2, ":")) },
  { name: "in base64", spell: whole((text) => Buffer.from(text).toString("base64")) },
  { name: "in base64url", spell: whole((text) => Buffer.from(text).toString("base64url")) },
  { name: "in base64 behind one byte", spell: whole((text) => Buffer.from(`:${text}`).toString("base64")) },
  { name: "in base64 behind two bytes", spell: whole((text) => Buffer.from(`u:${text}`).toString("base64")) },
  {
    name: "in base64 of wrapped lines",
    spell: whole((text) => wrap(Buffer.from(text).toString("base64"), 16, "\r\n")),
  },
];

/** How a far end may write a secret that it was sent. */
export const secretSpellings: readonly Spelling[] = encoded;

/** How a model may have a code written that it wants to read. */
export const codeSpellings: readonly Spelling[] = [
  ...encoded,
  { name: "with spaces between all characters", spell: whole((text) => wrap(text.replaceAll("-", ""), 1, " ")) },
  { name: "with dots between all characters", spell: whole((text) => wrap(text, 1, ".")) },
  { name: "with underscores", spell: whole((text) => text.replaceAll("-", "_")) },
  { name: "with signs of all kinds", spell: whole((text) => wrap(text, 2, `"],["…|`)) },
  { name: "backwards", spell: whole((text) => [...text].reverse().join("")) },
  { name: "backwards without dashes", spell: whole((text) => [...text.replaceAll("-", "")].reverse().join("")) },
  {
    name: "in fullwidth forms",
    perCharacter: true,
    spell: each((code) => (code === 45 ? "－" : String.fromCodePoint(code + 0xfee0))),
  },
  { name: "in bold letters", perCharacter: true, spell: each(bold) },
  { name: "in base64 in lower case", spell: whole((text) => btoa(text.toLowerCase())) },
  { name: "in base64 without dashes", spell: whole((text) => btoa(text.replaceAll("-", ""))) },
  {
    name: "in hexadecimal without dashes",
    spell: whole((text) => Buffer.from(text.replaceAll("-", "")).toString("hex")),
  },
];

/** The mathematical alphabet, which lies beyond 16 bits. */
function bold(code: number): string {
  if (code >= 48 && code <= 57) return String.fromCodePoint(0x1d7ce + code - 48);
  return code >= 65 && code <= 90 ? String.fromCodePoint(0x1d400 + code - 65) : String.fromCodePoint(code);
}

/** A text without case and separators. */
export function symbols(text: string): string {
  return text
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/[^0-9a-z]/g, "");
}

/** The parts of 8 letters and digits of a value that a text shows, whatever the case and the separators. */
export function windowsShown(text: string, value: string): string[] {
  const [shown, wanted] = [symbols(text), symbols(value)];
  const windows = Array.from({ length: Math.max(0, wanted.length - 7) }, (_, at) => wanted.slice(at, at + 8));
  return windows.filter((window) => shown.includes(window));
}
