import type { ApiEndpoint } from "./types.ts";

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
      const parts = rest.map((part) => (Array.isArray(part) ? describeCheck(part) : String(part)));
      return parts.map((part) => (/ (?:and|or) /.test(part) ? `(${part})` : part)).join(` ${kind} `);
    }
    case "perm": {
      const [path, privileges, ...options] = rest;
      const all = Array.isArray(privileges) ? privileges : [];
      const joined = all.join(options.includes("any") ? " or " : ", ");
      const condition = options.indexOf("require_param");
      return `${joined} on ${path}${condition < 0 ? "" : `, when ${options[condition + 1]} is given`}`;
    }
    case "perm-modify":
      return `Permissions.Modify on ${rest[0]}, or what allocates there (VM.Allocate on /vms/..., Datastore.Allocate on /storage/..., Pool.Allocate on /pool/...)`;
    case "userid-group":
      return `${Array.isArray(rest[0]) ? rest[0].join(", ") : ""} on one of the user's groups`;
    case "userid-param":
      return rest[0] === "self" ? "to be that user" : `${rest[0]} on the user's realm`;
    default:
      return JSON.stringify([kind, ...rest]);
  }
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}
