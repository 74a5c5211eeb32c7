import { uptime } from "../output/units.ts";
import { day } from "./queries.ts";

/** The longest text of Proxmox's that is quoted, in characters. */
const maxQuoteLength = 140;

/** Things in a row, the first few by name: `a, b, c and 4 more`. The last one is named rather than counted. */
export function listed(things: readonly string[], most = 8): string {
  if (things.length <= most + 1) return things.join(", ");
  const shown = things.slice(0, most).join(", ");
  return `${shown} and ${things.length - most} more`;
}

/** `1 guest`, `12 guests`. */
export function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}

/** A text of Proxmox's on one line, cut where it gets long. */
export function quoted(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > maxQuoteLength ? `${line.slice(0, maxQuoteLength)}...` : line;
}

/** How long something takes or has lasted, in seconds, as people say it: `3h 12m`, `52d`. */
export function duration(seconds: number): string {
  const unit = seconds >= 2 * day ? day : 1;
  return uptime(Math.max(Math.floor(seconds / unit) * unit, 1)) ?? "";
}

/** A name of Proxmox's has some 60 characters at the most; whatever is longer must not crowd out others. */
const maxNameLength = 80;

/** `104 web-02`; a guest on a node that is offline has no name. */
export function guestName({ vmid, name }: { readonly vmid: number; readonly name?: string | undefined }): string {
  if (name === undefined) return String(vmid);
  return `${vmid} ${name.length > maxNameLength ? `${name.slice(0, maxNameLength).toWellFormed()}...` : name}`;
}

/** `0.914` -> `91%`; `100%` only of what is full. */
export function percent(fraction: number): string {
  return `${Math.min(Math.round(fraction * 100), fraction < 1 ? 99 : 100)}%`;
}
