import { ConfigError } from "../error.ts";
import { isHostName, isIPv6Address, isLoopback, readPort, unbracketed } from "../server/host.ts";

/** What `url` may be, for messages. */
export const endpointForms = '"host", "host:port", "https://host:port/prefix", IPv6 in brackets ("[fd00::1]:8006")';

/**
 * Reads one `url` into a base URL that always says its port, `https://pve1.example:8006`, so that reading it again
 * gives the same. Without a port it is 8006, behind a prefix too; 443 must be written. A slash at the end and a
 * pasted `/api2/json` are taken off. `http://` goes only to this machine: the token would cross the network in the clear.
 * @throws ConfigError that says what is wrong, without repeating the text.
 */
export function parseEndpoint(text: string): string {
  if (text === "") throw new ConfigError(`is empty. Valid: ${endpointForms}.`);
  // Written by hand, because `new URL` drops ":443", mends backslashes and reads "0x7f.1" as an address.
  if (/[\s\p{Cc}]/u.test(text)) throw new ConfigError("holds white space or a control character; remove it.");
  const [, scheme = "https", rest = ""] = /^(?:([^/?#@]*):\/\/)?(.*)$/s.exec(text) ?? [];
  if (!/^https?$/i.test(scheme)) throw new ConfigError("has a scheme that is not https.");
  const [, authority = "", tail = ""] = /^([^/?#\\]*)(.*)$/s.exec(rest) ?? [];
  if (rest.includes("@")) {
    throw new ConfigError(
      'holds an "@": no user or password in a url; the token goes in "user", "token_id", "token_secret".',
    );
  }
  if (/[?#\\]/.test(tail))
    throw new ConfigError("holds a query, a fragment or a backslash; end it after the port or the prefix.");

  const { host, port } = parseAuthority(authority);
  if (scheme.toLowerCase() === "http" && !isLoopback(host)) {
    throw new ConfigError(
      "begins with http://, which would send the token over the network in the clear. Write https://.",
    );
  }
  return `${scheme.toLowerCase()}://${host}:${port}${parsePrefix(tail)}`;
}

function parseAuthority(authority: string): { host: string; port: number } {
  const problem = unbracketed(authority);
  if (problem !== undefined) throw new ConfigError(`${problem}.`);
  const [, bracketed, name, colon, digits = ""] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?:(:)(.*))?$/s.exec(authority) ?? [];
  const host = hostOf(bracketed, name);
  if (host === undefined) throw new ConfigError(`has no valid host. Valid: ${endpointForms}.`);
  const port = colon === undefined ? 8006 : readPort(digits);
  if (port === undefined) throw new ConfigError("has a port that is not a number from 1 to 65535.");
  return { host, port };
}

function hostOf(bracketed: string | undefined, name: string | undefined): string | undefined {
  if (bracketed !== undefined) {
    return isIPv6Address(bracketed) ? new URL(`http://[${bracketed}]`).hostname : undefined;
  }
  return name !== undefined && isHostName(name) ? name.toLowerCase() : undefined;
}

function parsePrefix(tail: string): string {
  const prefix = tail.replace(/\/$/, "").replace(/\/api2\/json$/, "");
  const segments = prefix.split("/").slice(1);
  if (!segments.every((segment) => /^[A-Za-z0-9._~-]+$/.test(segment) && !/^\.{1,2}$/.test(segment))) {
    throw new ConfigError(
      "has a path that is not a plain prefix such as /pve (letters, digits, . _ ~ - between single slashes).",
    );
  }
  return prefix;
}
