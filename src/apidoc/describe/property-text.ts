import { isSet } from "../endpoint.ts";
import type { Properties, Property } from "../types.ts";

/** Patterns that say nothing to a reader, and an example of what they take. */
const examples: Readonly<Record<string, string>> = {
  "\\+?\\d+(\\.\\d+)?[KMGT]?": "+1G or 20G",
  "\\d+[KMGT]?": "20G",
};

/** Named formats by what they take. */
const formats: Readonly<Record<string, string>> = {
  "pve-configid": "id",
  "pve-vmid": "vmid",
  "pve-node": "node",
  "pve-storage-id": "storage",
  "pve-userid": "user@realm",
  "pve-volume-id": "volid such as local:iso/x.iso",
  "pve-volume-id-or-qm-path": "volid such as local-lvm:vm-100-disk-0",
  "pve-lxc-mp-string": "volid or path",
  "pve-calendar-event": "schedule such as daily, mon..fri 02:30",
  "pve-tag": "tag",
  "disk-size": "size such as 32G",
  "mac-addr": "XX:XX:XX:XX:XX:XX",
  "pve-fw-addr-spec": "address, range, alias, +ipset",
  "pve-fw-dport-spec": "port, 80:85, list",
  "pve-fw-sport-spec": "port, 80:85, list",
  urlencoded: "URL-encoded text",
};

/**
 * The type of a parameter in a few words: `integer 1-128`, `ide0-3|scsi0-30`, `model*=..,bridge=..`.
 * @param room about how many characters it may take.
 */
export function describeType(property: Property, room = 160): string {
  const { enum: values, format, pattern, typetext, oneOf } = property;
  if (Array.isArray(values)) return cutList(compress(values.map(String)), "|", room);
  if (typeof format === "object") return cutList(partNames(format), ",", room);
  if (Array.isArray(oneOf)) return cutList([...new Set(oneOf.map((one) => describeType(one, room)))], " or ", room);
  if (pattern !== undefined && examples[pattern] !== undefined) return examples[pattern];
  if (property.type === "array") return `array of ${describeType(property.items ?? {}, room)}`;
  // Formats that Proxmox unfolds in code are unfolded for its manual pages only.
  if (typetext?.includes("=") === true && typetext.length <= room * 2) return typetext.trim();
  if (typeof format === "string") return formatName(format);
  const range = describeRange(property);
  if (property.type === "integer" || property.type === "number") return `${property.type}${range}`;
  const plain = pattern?.replace(/^\(\?\^:(.*)\)$/, "$1");
  if (plain !== undefined && plain.length <= 40) return `string like ${plain}`;
  return property.type ?? "string";
}

/** The parts of a property string, one a line, for a reader who wants them all. */
export function describeParts(parts: Properties): string[] {
  return names(parts).map((name) => {
    const part = parts[name] ?? {};
    const short = isSet(part.default_key) ? `[${name}=]` : `${name}=`;
    return `  ${short}${describeType(part)}${describeDefault(part)}${isSet(part.optional) ? "" : " (required)"}${suffix(part, 200)}`;
  });
}

/** `, default 512`, or nothing. */
export function describeDefault({ default: value }: Property): string {
  if (value === undefined || value === "" || typeof value === "object") return "";
  return `, default ${String(value).slice(0, 40)}`;
}

/** As many of a text's first sentences as fit; one that is too long alone is cut at a word. */
export function summarize(text: string | undefined, room: number): string {
  const plain = (text ?? "").replaceAll(/\s+/g, " ").trim();
  if (plain.length <= room) return plain;
  const whole = plain.slice(0, sentenceEnd(plain, room));
  if (whole !== "") return whole;
  const cut = plain.slice(0, room);
  return `${cut.slice(0, Math.max(cut.lastIndexOf(" "), room / 2))}...`;
}

/** Where the last sentence ends that has at most so many characters before it; 0 for none. */
function sentenceEnd(text: string, room: number): number {
  for (let at = Math.min(room, text.length); at > 0; at--) {
    if (/^[.!?]\s[A-Z]/.test(text.slice(at - 1, at + 2))) return at;
  }
  return 0;
}

/** Required ones first, both in the schema's order. */
export function names(properties: Properties): string[] {
  const own = Object.keys(properties).filter((name) => !isAlias(properties[name]));
  return [
    ...own.filter((name) => !isOptional(properties, name)),
    ...own.filter((name) => isOptional(properties, name)),
  ];
}

/** Whether a parameter may be left out; families such as `net[n]` always. */
export function isOptional(properties: Properties, name: string): boolean {
  return isSet(properties[name]?.optional) || name.endsWith("[n]");
}

function suffix(property: Property, room: number): string {
  const text = summarize(property.description, room);
  return text === "" ? "" : `: ${text}`;
}

function isAlias(property: Property | undefined): boolean {
  return property?.alias !== undefined;
}

function partNames(parts: Properties): string[] {
  return names(parts).map((name) => {
    const part = parts[name] ?? {};
    return isSet(part.default_key) ? `[${name}=]..` : `${name}=${isSet(part.optional) ? "" : "*"}..`;
  });
}

function formatName(format: string): string {
  const list = /^(.+)-a?list$/.exec(format);
  const one = list?.[1] ?? format;
  const name = formats[one] ?? one.replace(/^pve-/, "");
  return list === null ? name : `list of ${name}`;
}

function describeRange({ minimum, maximum }: Property): string {
  if (minimum !== undefined && maximum !== undefined) return ` ${minimum}-${maximum}`;
  if (minimum !== undefined) return ` >=${minimum}`;
  return maximum === undefined ? "" : ` <=${maximum}`;
}

/** `ide0 ide1 ide2 ide3` as `ide0-3`. */
function compress(values: readonly string[]): string[] {
  const short: { stem: string; from: number; to: number }[] = [];
  for (const value of values) {
    const { stem, digits } = splitNumber(value);
    const last = short.at(-1);
    const number = digits === "" || stem === "" ? Number.NaN : Number(digits);
    if (last !== undefined && last.stem === stem && last.to + 1 === number) last.to = number;
    else short.push({ stem: Number.isNaN(number) ? value : stem, from: number, to: number });
  }
  return short.map(({ stem, from, to }) =>
    Number.isNaN(from) ? stem : from === to ? `${stem}${from}` : `${stem}${from}-${to}`,
  );
}

/** `ide` and `10` of `ide10`; a number has no zeros before it. */
function splitNumber(value: string): { readonly stem: string; readonly digits: string } {
  let start = value.length;
  while (start > 0 && /\d/.test(value.charAt(start - 1))) start -= 1;
  while (value.charAt(start) === "0" && start < value.length - 1) start += 1;
  return { stem: value.slice(0, start), digits: value.slice(start) };
}

function cutList(items: readonly string[], separator: string, room: number): string {
  let text = "";
  for (const [index, item] of items.entries()) {
    const next = index === 0 ? item : `${text}${separator}${item}`;
    if (next.length > room && index > 0) return `${text}${separator}... ${items.length - index} more`;
    text = next;
  }
  return text;
}
