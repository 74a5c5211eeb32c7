import { ConfigError } from "../error.ts";
import { didYouMean } from "../wording.ts";

const methods = ["GET", "POST", "PUT", "DELETE", "*"];

/**
 * Judges the form of an `allow` or `deny` pattern: `METHOD /path`, where a segment `*` stands for one segment
 * and so does a template's `{node}`, `**` for many, and everything else for itself.
 * @throws ConfigError that says what is wrong with it.
 */
export function checkPattern(text: string): void {
  const [, method = "", path = ""] = /^(\S*) (.*)$/s.exec(text) ?? [];
  if (method === "" || path === "") throw new ConfigError('must be "METHOD /path", such as "GET /nodes/**".');
  if (!methods.includes(method)) {
    throw new ConfigError(`has an unknown method.${didYouMean(method, methods)} Valid: ${methods.join(", ")}.`);
  }
  if (!path.startsWith("/")) throw new ConfigError('must have a path that starts with "/", such as "GET /nodes/**".');
  if (/[\s\p{Cc}?#%\\]/u.test(path)) {
    throw new ConfigError(
      "must have a path without white space, ?, #, % and backslash; real paths are matched decoded.",
    );
  }
  const segments = path === "/" ? [] : path.slice(1).split("/");
  if (segments.some((segment) => segment === "" || segment === "." || segment === "..")) {
    throw new ConfigError('has an empty, "." or ".." segment, which no path has.');
  }
  if (segments.some((segment) => segment.includes("*") && segment !== "*" && segment !== "**")) {
    throw new ConfigError('has a "*" inside a segment; "*" stands for one whole segment, "**" for many.');
  }
  if (segments[0] === "guests") {
    throw new ConfigError(
      'begins with "/guests", which stands for a real path; write that, such as "* /nodes/*/qemu/100/**".',
    );
  }
  if (segments[0] === "api2") throw new ConfigError('begins with "/api2"; paths begin after "/api2/json".');
}

const subjects = ["vmid", "tag", "pool", "node", "name"];
const lowestVmid = 100;
const highestVmid = 999_999_999;

/**
 * Judges the form of a `protect` entry: `vmid:100`, `vmid:100-199`, or `tag:`, `pool:`, `node:`, `name:` with a
 * name in which `*` stands for any characters. VMIDs go from 100 to 999999999, as in Proxmox's own schema.
 * @throws ConfigError that says what is wrong with it.
 */
export function checkProtect(text: string): void {
  const [, subject = "", value = ""] = /^([^:]*):(.*)$/s.exec(text) ?? [];
  if (!subjects.includes(subject)) {
    throw new ConfigError(
      `protects nothing that is known.${didYouMean(subject, subjects)} ` +
        'Valid: "vmid:100", "vmid:100-199", "tag:prod", "pool:infra", "node:pve1", "name:db-*".',
    );
  }
  if (subject === "vmid") {
    const [, first, last = first] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(value) ?? [];
    const [from, to] = [Number(first), Number(last)];
    if (!(from >= lowestVmid && from <= to && to <= highestVmid)) {
      throw new ConfigError(
        `must be "vmid:100" or "vmid:100-199", from ${lowestVmid} to ${highestVmid}, the lower one first.`,
      );
    }
  } else if (!/^[A-Za-z0-9_*][A-Za-z0-9_.+*/-]*$/.test(value)) {
    throw new ConfigError(
      `must be "${subject}:" and a name of letters, digits, _ . + - / in which "*" is any characters.`,
    );
  }
}
