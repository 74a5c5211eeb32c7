import type { Params, ParamValue } from "../proxmox/params.ts";

/** Stands for a secret. */
const masked = "[masked]";

/**
 * Parameters whose value is a secret, by name: passwords and private keys of users, storages, guests (cloud-init),
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

/** Whether the value of a parameter, or of a key of an answer, is a secret as a whole. */
export function holdsSecret(name: string): boolean {
  return secretNames.test(name);
}

/** Parameters as they may be shown and written down: whole, with secrets masked. */
export function maskParams(params: Params): Record<string, ParamValue> {
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, maskValue(name, value)]));
}

/** The value of a parameter, or masked where it or a part of it is a secret. */
export function maskValue(name: string, value: ParamValue): ParamValue {
  if (holdsSecret(name)) return masked;
  if (programs.has(name)) return value;
  if (typeof value === "object") return value.map(maskItem);
  return maskItem(value);
}

function maskItem(item: string | number | boolean): string | number | boolean {
  if (typeof item !== "string") return item;
  // A certificate's chain may come with its key.
  if (item.includes("PRIVATE KEY-----")) return masked;
  return item
    .split(/([,\s])/)
    .map((piece) => maskUserinfo(maskAssignment(piece)))
    .join("");
}

/** Masks what follows the first `=` after a name such as `password`: each character is looked at once. */
function maskAssignment(piece: string): string {
  let start = 0;
  for (let at = piece.indexOf("="); at >= 0; at = piece.indexOf("=", start)) {
    // Names are short; the end of a longer one tells as much.
    const name = piece.slice(Math.max(start, at - 64), at);
    if (secretPart.test(name) && at + 1 < piece.length) return `${piece.slice(0, at + 1)}${masked}`;
    start = at + 1;
  }
  return piece;
}

/** Masks what is before the @ of a URL. */
function maskUserinfo(piece: string): string {
  const [first = "", ...rest] = piece.split("://");
  const parts = rest.map((part) => {
    const slash = part.indexOf("/");
    const authority = slash < 0 ? part : part.slice(0, slash);
    const at = authority.lastIndexOf("@");
    return at < 0 ? part : `${masked}${part.slice(at)}`;
  });
  return [first, ...parts].join("://");
}
