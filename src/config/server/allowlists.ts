import { ConfigError } from "../error.ts";
import { isHostName, isIPv6Address, readPort, unbracketed } from "./host.ts";

/** The entries of a list written with commas; spaces around them and empty ones count for nothing. */
export function splitList(text: string): string[] {
  return text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
}

/**
 * Judges an entry of the allowed hosts: `host` or `host:*` (any port), `host:port`, `*` (all), IPv6 in brackets.
 * @throws ConfigError that says what is wrong, without repeating the entry.
 */
export function checkAllowedHost(entry: string): void {
  if (entry === "*") return;
  if (entry.includes("/")) throw new ConfigError("is a url; write only the host, or host:port.");
  const problem = unbracketed(entry);
  if (problem !== undefined) throw new ConfigError(`${problem}.`);
  const { host, port } = splitPort(entry);
  if (!isHost(host) || (port !== undefined && port !== "*" && readPort(port) === undefined)) {
    throw new ConfigError("must be host, host:*, host:port, [IPv6], [IPv6]:port, or * for all.");
  }
}

/**
 * Judges an entry of the allowed origins: `scheme://host`, `scheme://host:port`, or `*`.
 * @throws ConfigError that says what is wrong, without repeating the entry.
 */
export function checkAllowedOrigin(entry: string): void {
  if (entry === "*") return;
  const [, rest] = /^[a-z][a-z0-9+.-]*:\/\/(.*)$/i.exec(entry) ?? [];
  const { host, port } = splitPort(rest ?? "");
  if (!isHost(host) || (port !== undefined && readPort(port) === undefined)) {
    throw new ConfigError("must be scheme://host or scheme://host:port without a path, or * for all.");
  }
}

function splitPort(text: string): { host: string; port: string | undefined } {
  const [, host = "", port] = /^(\[[^\]]*\]|[^:[\]]*)(?::(.*))?$/s.exec(text) ?? [];
  return { host, port };
}

function isHost(text: string): boolean {
  return text.startsWith("[") ? isIPv6Address(text.slice(1, -1)) : isHostName(text);
}
