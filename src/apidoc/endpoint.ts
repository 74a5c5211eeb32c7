import type { Method } from "../proxmox/message.ts";
import { record, toProperties, toProperty } from "./describe/property.ts";
import type { ApiEndpoint, Permissions } from "./types.ts";

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
    returns: toProperty(returns),
    permissions: permissions === undefined ? undefined : (record(permissions) as Permissions),
    tokens: allowtoken === undefined || isSet(allowtoken),
  };
}

/** Whether one of the schema's truth values says yes; a schema in its place (`additionalProperties`) does, too. */
export function isSet(flag: unknown): boolean {
  if (typeof flag === "object") return flag !== null;
  return flag !== undefined && flag !== false && Number(flag) !== 0;
}
