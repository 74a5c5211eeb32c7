import type { Params, ParamValue } from "../../proxmox/params.ts";
import { isSurelySecret, mapTexts, masked, maskPrivateKeys, secretParameter } from "./secret-parameters.ts";

/**
 * Parameters whose value may be a secret, by name: passwords and private keys of users, storages, guests (cloud-init),
 * notification and DNS plugins (`data`, `header`). SSH public keys and a program's input are none.
 */
const secretNames =
  /pass|secret|credential|^otp$|ticket$|^response$|challenge$|^code$|^data$|headers?$|^token$|^value$|private|keyring|^keys?$|[-_]key$|^tfa$|^body$|^env$|^commands$/i;

/** The end of a name inside a value, `apitoken=...`, whose value is a secret. */
const secretPart = /(?:pass|password|passwd|secret|token|ticket|key)$/i;

/**
 * Values that are run, or written to be run: a part of them that looks like a password may be the deed itself, as in
 * `sh -c "token=$(rm -rf /)"`.
 */
const programs: ReadonlySet<string> = new Set([
  "args",
  "command",
  "content",
  "entrypoint",
  "hookscript",
  "input-data",
  "script",
  "sshkeys",
]);

/** Whether the value of a parameter, or of a key of an answer, may be a secret: where in doubt it is. */
export function holdsSecret(name: string): boolean {
  return secretNames.test(name);
}

/** Whether a human who is asked does not see the value of a parameter at all. */
export function isHidden(endpoint: string, name: string, value: ParamValue | undefined): boolean {
  if (value === undefined) return false;
  const shown = showValue(endpoint, name, value);
  return [shown].flat().every((item) => item === masked) && shown !== value;
}

/**
 * The value of a parameter, or of the same key in an answer, for a human who is asked. Masked are only passwords, tokens,
 * private keys and the like; never what decides what the call does.
 * @param endpoint `PUT /nodes/{node}/qemu/{vmid}/config`.
 */
export function showValue(endpoint: string, name: string, value: ParamValue): ParamValue {
  const listed = secretParameter(endpoint, name);
  if (listed !== undefined) return mapTexts(value, listed.shown);
  return mapTexts(value, (text) => (isSurelySecret(name) ? masked : maskUrlLogin(text)));
}

/** Parameters for the audit: whole, with everything masked that may be a secret. */
export function maskParams(params: Params, endpoint: string): Record<string, ParamValue> {
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, auditValue(endpoint, name, value)]));
}

function auditValue(endpoint: string, name: string, value: ParamValue): ParamValue {
  const listed = secretParameter(endpoint, name);
  if (listed !== undefined) return listed.maskedInAudit ? masked : mapTexts(value, listed.shown);
  if (holdsSecret(name)) return masked;
  return programs.has(name) ? value : mapTexts(value, maskText);
}

/** A text with what looks like a secret in it masked: private keys, logins of URLs, what follows `password=`. */
function maskText(text: string): string {
  const kept = maskPrivateKeys(maskUrlLogins(text));
  return kept.includes("=") ? kept.replace(/[^,\s]+/g, maskAssignment) : kept;
}

/**
 * Masks what follows the first `=` after a name such as `password`, in a URL up to the next `&`; each character is
 * looked at once. Nothing of a URL's authority, which is the host that is contacted.
 */
function maskAssignment(piece: string): string {
  const scheme = piece.indexOf("://");
  let start = scheme < 0 ? 0 : scheme + 3 + authorityOf(piece.slice(scheme + 3)).length;
  for (let at = piece.indexOf("=", start); at >= 0; at = piece.indexOf("=", start)) {
    // Names are short; the end of a longer one tells as much.
    const name = piece.slice(Math.max(start, at - 64), at);
    if (secretPart.test(name) && at + 1 < piece.length) {
      const end = scheme < 0 ? -1 : piece.indexOf("&", at);
      return `${piece.slice(0, at + 1)}${masked}${end < 0 ? "" : piece.slice(end)}`;
    }
    start = at + 1;
  }
  return piece;
}

/** The authority of a URL: readers disagree on `\`, and all end it at `/`, `?` and `#` (RFC 3986, WHATWG URL). */
function authorityOf(text: string): string {
  const end = text.search(/[/?#\\\s"'<>]/);
  return end < 0 ? text : text.slice(0, end);
}

/** Characters of a login that RFC 3986 allows. */
const login = /^[\w.~%!$&'()*+,;=:-]+$/;

/** Masks the logins of all URLs in a text: what no reader of URLs takes for the host. */
function maskUrlLogins(text: string): string {
  const [first = "", ...rest] = text.split("://");
  const parts = rest.map((part) => {
    const authority = authorityOf(part);
    const at = authority.indexOf("@");
    // In a property string the next property follows a comma.
    const [host = ""] = authority.slice(at + 1).split(/[,;]/);
    const isCertain = login.test(authority.slice(0, at)) && !host.includes("@") && part[authority.length] !== "\\";
    return at > 0 && isCertain ? `${masked}${part.slice(at)}` : part;
  });
  return [first, ...parts].join("://");
}

/**
 * Masks the login of a URL where every reader of URLs finds the same host behind it: one @, no `\`, and only characters
 * that RFC 3986 allows. Anything else stays as it is: a human must see the host that is contacted.
 */
function maskUrlLogin(text: string): string {
  const scheme = /^[a-z][a-z0-9+.-]{0,30}:\/\//i.exec(text)?.[0];
  if (scheme === undefined) return text;
  const authority = authorityOf(text.slice(scheme.length));
  const rest = text.slice(scheme.length + authority.length);
  const at = authority.indexOf("@");
  const isHost = /^(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(authority.slice(at + 1));
  const isCertain = at > 0 && login.test(authority.slice(0, at)) && isHost && !/[\\\s\p{Cc}"'<>]/u.test(rest);
  return isCertain ? `${scheme}${masked}${authority.slice(at)}${rest}` : text;
}
