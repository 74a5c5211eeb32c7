import { isIP, isIPv4, isIPv6 } from "node:net";

const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i;

/** Whether a text is a DNS name or an IPv4 address in four parts. What ends in a number is an address or nothing. */
export function isHostName(text: string): boolean {
  const labels = text.split(".");
  if (text.length > 253 || !labels.every((part) => label.test(part))) return false;
  return !/^(?:\d+|0x[0-9a-f]*)$/i.test(labels.at(-1) ?? "") || isIPv4(text);
}

/** Whether a text is an IPv6 address without brackets and without a zone. */
export function isIPv6Address(text: string): boolean {
  return isIPv6(text) && !text.includes("%");
}

/** A URL's host without the brackets of IPv6. */
export function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, "$1");
}

/** Whether a host, IPv6 with or without brackets, is this machine: 127.0.0.0/8, ::1, localhost. */
export function isLoopback(host: string): boolean {
  const name = bare(host).toLowerCase();
  if (isIP(name) === 6) return isIPv6Address(name) && new URL(`http://[${name}]`).hostname === "[::1]";
  return name === "localhost" || (isIPv4(name) && name.startsWith("127."));
}

/** A port as written: 1 to 65535, `undefined` for anything else. */
export function readPort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65535 ? port : undefined;
}

/**
 * What is wrong with an IPv6 address outside of brackets, showing the right form; `undefined` for anything else.
 * A last group that is a decimal number may be meant as a port.
 */
export function unbracketed(text: string): string | undefined {
  if (!isIPv6Address(text)) return undefined;
  const [, address = "", port = ""] = /^(.*):(\d+)$/.exec(text) ?? [];
  const other =
    isIPv6Address(address) && readPort(port) !== undefined ? `, or [${address}]:${port} if that is a port` : "";
  return `an IPv6 address stands in brackets: [${text}]${other}`;
}
