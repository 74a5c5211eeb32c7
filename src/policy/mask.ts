import type { Params, ParamValue } from "../proxmox/params.ts";

/** What stands where a secret was. */
const masked = "[masked]";

/** A longer value says nothing more in an audit or a question, in characters. */
const longest = 200;

/**
 * Parameters whose value is a secret, by name: passwords and keys of users, storages, guests (cloud-init), notification
 * and DNS plugins (`data`, `header`), and what is written into a guest.
 */
const secretNames =
  /pass|secret|credential|^otp$|ticket$|^response$|challenge$|^code$|^data$|headers?$|^token$|^value$|private|keyring|sshkey|ssh-public|^keys?$|[-_]key$|^certificates$|^input-data$|^content$|^tfa$|^body$|^env$|^commands$/i;

/** Names that would fit and hold no secret: a kind of content, a list of them. */
const plainContent = /^(?:[a-z-]+)(?:,[a-z-]+)*$/;

/** Parameters as they may be shown and written down: names stay, secrets do not, long values are cut. */
export function maskParams(params: Params): Record<string, ParamValue> {
  return Object.fromEntries(
    Object.entries(params).map(([name, value]) => [
      name,
      isSecret(name, value) ? masked : typeof value === "object" ? value.map(maskItem) : maskItem(value),
    ]),
  );
}

function isSecret(name: string, value: ParamValue): boolean {
  // `content=iso` of a storage is what it may hold; `content` of agent/file-write is a file.
  if (name === "content") return !(typeof value === "string" && value.length < longest && plainContent.test(value));
  return secretNames.test(name);
}

function maskItem(item: string | number | boolean): string | number | boolean {
  if (typeof item !== "string") return item;
  const text = item
    // Parts of property strings, and what stands before the @ of a URL.
    .replaceAll(/([\w-]*(?:pass(?:word|wd)?|secret|token|ticket|key)=)[^,\s]+/gi, `$1${masked}`)
    .replaceAll(/(\b[a-z][a-z0-9+.-]*:\/\/)[^/@\s]+@/gi, `$1${masked}@`);
  return text.length <= longest ? text : `${text.slice(0, longest).toWellFormed()}... (${text.length} characters)`;
}
