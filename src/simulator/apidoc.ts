import { rootOnly } from "./access.ts";
import type { Endpoint } from "./endpoint.ts";
import { type Branch, grow } from "./router.ts";
import type { Parameter } from "./schema.ts";

/** Where a host serves its schema, without asking who wants it. */
export const apidocPath = "/pve-docs/api-viewer/apidoc.js";

/** The demo's API in the form of Proxmox's own schema file: JavaScript, of which the schema is the first statement. */
export function apidoc(endpoints: readonly Endpoint[]): string {
  return `const apiSchema = ${JSON.stringify(nodes(grow(endpoints), ""), null, 3)}\n;\n\n${viewer}`;
}

/** Stands for the viewer's code that follows on a real host: a reader must cut the schema out. */
const viewer = `let method2cmd = { GET: 'get', POST: 'create', PUT: 'set', DELETE: 'delete' };
Ext.onReady(function() { document.title = 'API viewer [' + apiSchema.length + ']'; });
`;

function nodes(branch: Branch, above: string): object[] {
  return [...branch.children]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([text, child]) => {
      const path = `${above}/${text}`;
      const children = nodes(child, path);
      const info = Object.fromEntries([...child.endpoints].map(([method, endpoint]) => [method, describe(endpoint)]));
      return { ...(children.length > 0 ? { children, leaf: 0 } : { leaf: 1 }), info, path, text };
    });
}

function describe(endpoint: Endpoint): object {
  const { method, path, does, takes, needs, gives, tokens } = endpoint;
  const names = path.split("/").filter((it) => it !== "" && !it.startsWith("{"));
  const properties = Object.fromEntries(Object.entries(takes).map(([name, it]) => [name, { ...it, ...typed(it) }]));
  return {
    allowtoken: tokens ? 1 : 0,
    description: does,
    method,
    name: [method.toLowerCase(), ...names.slice(-2)].join("_").replaceAll("-", "_"),
    parameters: { additionalProperties: 0, ...(Object.keys(takes).length > 0 ? { properties } : {}) },
    // Where Proxmox leaves it to root@pam its schema names no permissions.
    ...(needs === rootOnly ? {} : { permissions: needs }),
    ...(method === "GET" ? {} : { protected: 1 }),
    ...(path.startsWith("/nodes/{node}/") ? { proxyto: "node" } : {}),
    returns: { type: gives, ...(gives === "array" ? { items: { type: "object", properties: {} } } : {}) },
  };
}

/** Proxmox adds a short form of the type for its own manual pages, and prints patterns without anchors. */
function typed({ type, enum: values, minimum, maximum, pattern }: Parameter): { typetext?: string; pattern?: string } {
  const shown = pattern === undefined ? {} : { pattern: pattern.source.slice(1, -1) };
  if (values !== undefined) return shown;
  const range = minimum === undefined && maximum === undefined ? "" : ` (${minimum ?? "-N"} - ${maximum ?? "N"})`;
  return { ...shown, typetext: `<${type}>${range}` };
}
