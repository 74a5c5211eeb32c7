/**
 * The longest line of a form that every client shows whole, in characters: Claude Code's dialog cuts each at the
 * terminal's columns minus 6, so at 74 of 80.
 */
export const formLine = 74;

/** What no reader sees, or sees as a space: all of it is escaped in values that a human judges. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|[^\P{Zs} ]/gu;

/** A text as JSON, with all that cannot be seen escaped: one line, and never to be taken for one of ours. */
export function quote(value: unknown): string {
  return (JSON.stringify(value) ?? "null").replace(unseen, (char) =>
    [...char.split("")].map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""),
  );
}

/** A name as it is where it is only letters, digits and the like; quoted otherwise, so that it cannot go on as our text. */
export function nameText(name: string, longest = 80): string {
  if (/^[\w.:@/!+-]+$/.test(name) && name.length <= longest) return name;
  return name.length <= longest ? quote(name) : `${quote(name.slice(0, longest).toWellFormed())}...`;
}

/** The file that a volume's name ends in, `vzdump-...` of `local:backup/vzdump-...`; the whole name where it ends in none. */
export function fileOf(volid: string): string {
  const file = volid.slice(Math.max(volid.lastIndexOf(":"), volid.lastIndexOf("/")) + 1);
  return file === "" ? volid : file;
}

/** A value of a setting, bounded; `not set` for none. */
export function valueText(value: unknown, longest = 80): string {
  if (value === undefined || value === null) return "not set";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  const short = text.length > longest ? `${text.slice(0, longest).toWellFormed()}...` : text;
  // Property strings and paths are read better without quotes; anything else could go on as our text.
  return /^[\w.:@/!+=,;%*-]+$/.test(short) ? short : quote(short);
}

/** A text that Proxmox keeps percent-encoded, such as SSH keys; as it is where it is not. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `3 snapshots`, `1 snapshot`, `no snapshots`. */
export function count(number: number, noun: string, many = `${noun}s`): string {
  return number === 0 ? `no ${many}` : `${number} ${number === 1 ? noun : many}`;
}

/** The last second that a date can be of; an answer may hold anything. */
const latest = 8.64e12;

/** `2 h ago` for a time in seconds; `undefined` for what is no time. */
export function ageText(seconds: unknown, nowMs: number): string | undefined {
  const time = Number(seconds);
  if (seconds === null || seconds === undefined || seconds === "" || !(Math.abs(time) < latest)) return undefined;
  const age = nowMs / 1000 - time;
  if (age < 60) return age < -60 ? `dated ${dateText(time)}` : "just now";
  if (age < 3600) return `${Math.floor(age / 60)} min ago`;
  if (age < 48 * 3600) return `${Math.floor(age / 3600)} h ago`;
  return `${Math.floor(age / 86_400)} days ago`;
}

/** `2026-11-27 20:58 UTC` for a time in seconds; `unknown date` for what is no time. */
export function dateText(seconds: unknown): string {
  const time = Number(seconds);
  if (seconds === null || seconds === undefined || !(Math.abs(time) < latest)) return "unknown date";
  return `${new Date(time * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** The first text that is no longer than a part of a line may be, else the last: names where there is room, numbers otherwise. */
export function shortest(longest: number, ...texts: readonly [string, ...string[]]): string {
  return texts.find((text) => text.length <= longest) ?? texts.at(-1) ?? "";
}

/** Bytes as `32 GiB`; `undefined` for what is no size. */
export function sizeText(bytes: unknown): string | undefined {
  const size = Number(bytes);
  if (bytes === null || bytes === undefined || bytes === "" || !Number.isFinite(size) || size < 0) return undefined;
  const power = size < 1024 ? 0 : Math.min(Math.floor(Math.log2(size) / 10), 5);
  return `${Number((size / 1024 ** power).toFixed(1))} ${["B", "KiB", "MiB", "GiB", "TiB", "PiB"][power]}`;
}

/** At most so many items, and the number of those left out. */
export function listText(items: readonly string[], most = 20): string {
  const more = items.length - most;
  return more > 0 ? `${items.slice(0, most).join(", ")} and ${more} more` : items.join(", ");
}

/** A path as it is sent, decoded; quoted where it holds more than a path usually does. */
export function pathText(path: readonly string[]): string {
  const text = `/${path.join("/")}`;
  return /^[\w.:@/!+=,;%-]+$/.test(text) ? text : quote(text);
}
