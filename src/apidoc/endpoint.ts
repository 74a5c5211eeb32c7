import type { Method } from "../proxmox/message.ts";
import type { ApiEndpoint, Permissions, Properties, Property } from "./types.ts";

/** An endpoint of the schema's own words for it. What a stranger's schema has in the wrong form counts as absent. */
export function toEndpoint(method: Method, template: string, info: unknown): ApiEndpoint {
  const { description, parameters, returns, permissions, allowtoken } = record(info);
  const { properties, additionalProperties } = record(parameters);
  return {
    method,
    template,
    description: typeof description === "string" ? description.trim() : "",
    parameters: toProperties(properties),
    // What is left out means that others are taken: PVE::RESTHandler sets 0 where it means 0.
    additional: additionalProperties === undefined || isSet(additionalProperties),
    returns: record(returns) as Property,
    permissions: permissions === undefined ? undefined : (record(permissions) as Permissions),
    tokens: allowtoken === undefined || isSet(allowtoken),
  };
}

/** Whether one of the schema's truth values says yes; a schema in its place (`additionalProperties`) does, too. */
export function isSet(flag: unknown): boolean {
  return flag !== undefined && flag !== null && flag !== false && Number(flag) !== 0;
}

function toProperties(given: unknown): Properties {
  const known = Object.entries(record(given)).filter(([, it]) => typeof it === "object" && it !== null);
  return Object.fromEntries(known) as Properties;
}

function record(given: unknown): Readonly<Record<string, unknown>> {
  return typeof given === "object" && given !== null && !Array.isArray(given)
    ? (given as Readonly<Record<string, unknown>>)
    : {};
}
