import { nearest } from "./nearest.ts";

/**
 * What a wrong value is, without the value: a secret may stand under any key, so no text is ever repeated.
 */
export function found(value: unknown, depth = 0): string {
  if (value === undefined) return "nothing";
  if (value === null || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) {
    const other: unknown = value.find((item) => typeof item !== "string");
    return value.length === 0
      ? "an empty list"
      : other === undefined
        ? "a list"
        : depth > 1
          ? "a list of lists"
          : `a list with ${found(other, depth + 1)} in it`;
  }
  if (typeof value === "string") return value === "" ? "an empty text" : "a text";
  return typeof value === "number" ? "a number" : "an object";
}

/** ` Did you mean "url"?`, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const guess = nearest(word, known);
  return guess === undefined ? "" : ` Did you mean "${guess}"?`;
}

/** The form of the secrets that Proxmox makes. */
const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-/i;

/** A key of an object, in quotes if it has spaces, as far as it cannot be a secret put on the wrong side of the colon. */
function shownKey(key: string): string {
  if (/^[!-~]{1,3}$/.test(key)) return /^\w+$/.test(key) ? key : JSON.stringify(key);
  if (!/^[\w$.][\w$. -]{0,62}$/.test(key) || uuid.test(key)) return `(a key of ${key.length} characters)`;
  return key.includes(" ") ? `"${key}"` : key;
}

/** `clusters.prod.url[1]`. */
export function shownLocation(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === "number" ? `[${part}]` : `.${shownKey(String(part))}`))
    .join("")
    .replace(/^\./, "");
}

/** A file's path, unless what was given may be a secret that was put in the place of a path. */
export function shownPath(given: string, resolved: string): string {
  const isPath = /^(?:\.{0,2}[\\/]|[A-Za-z]:[\\/])|\.[A-Za-z]{1,8}$/.test(given) && !uuid.test(given);
  return isPath ? resolved : "the file that it names";
}

/** A word as a POSIX shell takes it for itself, in quotes where it needs them. */
export function shellWord(word: string): string {
  return /^[\w./@%+=:,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
