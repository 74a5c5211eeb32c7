import type { ApiEndpoint } from "../types.ts";

/** What somebody needs to call an endpoint, as sentences: `Needs VM.PowerMgmt on /vms/{vmid}.` */
export function describePermissions({ permissions, tokens }: ApiEndpoint): string {
  const ticket = tokens ? "" : " API tokens may not call it: it takes a login's ticket.";
  if (permissions === undefined) return `Only root@pam may call it.${ticket}`;
  const { check, user, description } = permissions;
  const more = typeof description === "string" ? ` ${oneLine(description)}` : "";
  if (Array.isArray(check)) return `Needs ${describeCheck(check)}.${more}${ticket}`;
  if (user === "world") return `Anybody may call it, without a login.${ticket}`;
  return `${more === "" ? "Every user may call it." : more.trim()}${ticket}`;
}

function describeCheck([kind, ...rest]: readonly unknown[]): string {
  switch (kind) {
    case "and":
    case "or": {
      const parts = rest.map((part) => (Array.isArray(part) ? describeCheck(part) : text(part)));
      return parts.map((part) => (/ (?:and|or) /.test(part) ? `(${part})` : part)).join(` ${kind} `);
    }
    case "perm": {
      const [path, privileges, ...options] = rest;
      const all = Array.isArray(privileges) ? privileges.map(text) : [];
      const joined = all.join(options.includes("any") ? " or " : ", ");
      const condition = options.indexOf("require_param");
      return `${joined} on ${text(path)}${condition < 0 ? "" : `, when ${text(options[condition + 1])} is given`}`;
    }
    case "perm-modify":
      return `Permissions.Modify on ${text(rest[0])}, or what allocates there (VM.Allocate on /vms/..., Datastore.Allocate on /storage/..., Pool.Allocate on /pool/...)`;
    case "userid-group":
      return `${Array.isArray(rest[0]) ? rest[0].map(text).join(", ") : ""} on one of the user's groups`;
    case "userid-param":
      return rest[0] === "self" ? "to be that user" : `${text(rest[0])} on the user's realm`;
    default:
      return JSON.stringify([kind, ...rest]);
  }
}

/** Of a schema that a stranger may have written, where an object could stand in a word's place. */
function text(given: unknown): string {
  return oneLine(typeof given === "string" ? given : (JSON.stringify(given) ?? ""));
}

function oneLine(lines: string): string {
  return lines.replaceAll(/\s+/g, " ").trim();
}
