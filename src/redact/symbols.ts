/**
 * Text as spellings of a secret are compared: a sequence of symbols, 1 to 26 for letters in any case and 27 to 36 for
 * digits. All other characters are separators, symbol 0, which are skipped: `-`, spaces, line breaks, quotes. Characters
 * whose compatibility decomposition (NFKD) is one letter or digit count as that, such as the fullwidth forms.
 */
const symbols = new Uint8Array(128);
for (let code = 0; code < 26; code++) symbols[97 + code] = symbols[65 + code] = code + 1;
for (let code = 0; code < 10; code++) symbols[48 + code] = code + 27;

/** A read packs the symbol into the lower six bits, and the length of what was read into the rest. */
const lengthShift = 6;

function read(length: number, symbol = 0): number {
  return (length << lengthShift) | symbol;
}

/** How often one escape may be wrapped in another of its kind: `%252541` is an A, percent-encoded three times. */
const maxWraps = 4;

/** The longest run of backslashes that is read as one: each time JSON is put into JSON, they double. */
const maxBackslashes = 16;

/** The longest named character reference that is skipped, `&CounterClockwiseContourIntegral;` apart. */
const maxNameLength = 8;

/** Folded characters beyond ASCII that are remembered; there are some 2,700 that are letters or digits. */
const maxRemembered = 8192;

const remembered = new Map<number, number>();

const percent = 37;
const ampersand = 38;
const backslash = 92;

/** Whether a character may begin an escape that {@link readSymbol} decodes. */
export function beginsEscape(code: number): boolean {
  return code === percent || code === ampersand || code === backslash;
}

/** The symbol of an ASCII character; 0 for a separator. */
export function asciiSymbol(code: number): number {
  return symbols[code] ?? 0;
}

/**
 * Reads one character, or with `decode` one escape of URLs (`%41`), HTML (`&#65;`) or string literals (`\u0041`, `\x41`).
 * Unpack the result with {@link symbolOf} and {@link lengthOf}. Looks at a bounded number of characters.
 */
export function readSymbol(text: string, at: number, decode: boolean): number {
  const code = text.charCodeAt(at);
  if (code < 128) {
    if (!decode || !beginsEscape(code)) return read(1, asciiSymbol(code));
    if (code === percent) return readPercent(text, at);
    return code === ampersand ? readReference(text, at) : readBackslash(text, at);
  }
  const point = text.codePointAt(at) ?? code;
  return read(point > 0xffff ? 2 : 1, foldedSymbol(point));
}

/** The symbol of a read; 0 for a separator. */
export function symbolOf(result: number): number {
  return result & ((1 << lengthShift) - 1);
}

/** How many UTF-16 code units were read. */
export function lengthOf(result: number): number {
  return result >>> lengthShift;
}

/** All symbols of a text, separators left out. */
export function symbolsIn(text: string, decode = false): Uint8Array {
  const found: number[] = [];
  for (let at = 0; at < text.length; ) {
    const result = readSymbol(text, at, decode);
    if (symbolOf(result) !== 0) found.push(symbolOf(result));
    at += lengthOf(result);
  }
  return Uint8Array.from(found);
}

function foldedSymbol(point: number): number {
  const known = remembered.get(point);
  if (known !== undefined) return known;
  const decomposed = String.fromCodePoint(point)
    .normalize("NFKD")
    .replaceAll(/[^0-9a-z]/gi, "");
  const symbol = decomposed.length === 1 ? asciiSymbol(decomposed.charCodeAt(0)) : 0;
  if (remembered.size < maxRemembered) remembered.set(point, symbol);
  return symbol;
}

function pointSymbol(point: number): number {
  if (Number.isNaN(point) || point > 0x10ffff) return 0;
  return point < 128 ? asciiSymbol(point) : foldedSymbol(point);
}

/** `%41`, and `%2541` where the percent sign was encoded again. */
function readPercent(text: string, at: number): number {
  let digits = at + 1;
  for (let wraps = 0; wraps < maxWraps && text.startsWith("25", digits) && isHex(text, digits + 2, 2); wraps++) {
    digits += 2;
  }
  if (!isHex(text, digits, 2)) return read(1);
  // One byte of several in UTF-8 is no letter and no digit.
  const byte = Number.parseInt(text.slice(digits, digits + 2), 16);
  return read(digits + 2 - at, byte < 128 ? asciiSymbol(byte) : 0);
}

/** `&#65;`, `&#x41;`, `&amp;#65;`; a named reference is a separator. */
function readReference(text: string, at: number): number {
  let next = at + 1;
  for (let wraps = 0; wraps < maxWraps && text.startsWith("amp;", next); wraps++) next += 4;
  if (text[next] !== "#") return read(nameEnd(text, next) - at);
  const hex = text[next + 1] === "x" || text[next + 1] === "X";
  const from = next + (hex ? 2 : 1);
  let end = from;
  while (end < from + 8 && (hex ? isHex(text, end, 1) : isDecimal(text, end))) end++;
  if (end === from) return read(next - at);
  const symbol = pointSymbol(Number.parseInt(text.slice(from, end), hex ? 16 : 10));
  return read((text[end] === ";" ? end + 1 : end) - at, symbol);
}

function nameEnd(text: string, from: number): number {
  let end = from;
  while (end < from + maxNameLength && asciiSymbol(text.charCodeAt(end)) !== 0) end++;
  return end > from && text[end] === ";" ? end + 1 : from;
}

/** `\u0041`, `\u{41}`, `\x41`; `\n` and the like are separators. */
function readBackslash(text: string, at: number): number {
  let next = at + 1;
  while (next < at + maxBackslashes && text.charCodeAt(next) === backslash) next++;
  const kind = text[next] ?? "";
  if ("nrtbfv".includes(kind)) return read(next + kind.length - at);
  const digits = hexEscape(text, next, kind);
  if (digits === undefined) return read(next - at);
  const { from, length, end } = digits;
  return read(end - at, pointSymbol(Number.parseInt(text.slice(from, from + length), 16)));
}

/** Where the digits of an escape stand and where it ends, given the place of its letter. */
function hexEscape(text: string, at: number, kind: string) {
  const from = at + 1;
  const digits = { x: 2, u: 4, U: 8 }[kind];
  if (digits !== undefined && isHex(text, from, digits)) return { from, length: digits, end: from + digits };
  if (kind !== "u" || text[from] !== "{") return undefined;
  let end = from + 1;
  while (end < from + 7 && isHex(text, end, 1)) end++;
  return end > from + 1 && text[end] === "}" ? { from: from + 1, length: end - from - 1, end: end + 1 } : undefined;
}

function isHex(text: string, from: number, length: number): boolean {
  for (let at = from; at < from + length; at++) {
    const code = text.charCodeAt(at) | 32;
    // Digits keep their code; `|` makes NaN, behind the end, 32.
    const isDigit = code >= 48 && code <= 57;
    if (!isDigit && !(code >= 97 && code <= 102)) return false;
  }
  return true;
}

function isDecimal(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 48 && code <= 57;
}
