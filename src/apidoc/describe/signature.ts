import type { ApiEndpoint } from "../types.ts";
import { describeType, isOptional, names } from "./property-text.ts";

/** About how long the list of optional parameters may become. */
const room = 90;

/**
 * An endpoint in one line, required parameters first, those in the path left out:
 * `PUT /nodes/{node}/qemu/{vmid}/resize  disk* size*(+1G or 20G) digest skiplock`.
 */
export function signature(endpoint: ApiEndpoint): string {
  const { method, template, parameters } = endpoint;
  const own = ownNames(endpoint);
  const required = own.filter((name) => !isOptional(parameters, name));
  const optional = own.slice(required.length);
  const shown: string[] = [];
  for (const name of optional) {
    if ([...shown, name].join(" ").length > room) break;
    shown.push(name);
  }
  const rest = optional.length - shown.length;
  const parts = [
    ...required.map((name) => `${name}*${hint(endpoint, name)}`),
    ...shown,
    ...(rest > 0 ? [`... ${rest} more`] : []),
  ];
  return `${method} ${template}${parts.length === 0 ? "" : `  ${parts.join(" ")}`}`;
}

/** The parameters that a request carries beside its path, required first. */
export function ownNames({ template, parameters }: ApiEndpoint): string[] {
  return names(parameters).filter((name) => !template.includes(`{${name}}`));
}

/** Where the type of a required parameter is short and says more than its name. */
function hint({ parameters }: ApiEndpoint, name: string): string {
  const type = describeType(parameters[name] ?? {});
  return /^string|^id$/.test(type) || type === name || type.length > 32 ? "" : `(${type})`;
}
