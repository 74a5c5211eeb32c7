import type { ApiPath } from "../proxmox/path.ts";
import type { ApiSchema } from "./schema.ts";

/** Where to go on from where no path is near. */
export const searchHint = "search_api finds endpoints by what they do.";

/** Where to go on from a path that a schema does not have, as a sentence. */
export function wordNearest(schema: ApiSchema, path: ApiPath): string {
  const near = schema.nearest(path).map((template) => `${template} (${schema.methods(template).join(", ")})`);
  return near.length === 0 ? searchHint : `Nearest: ${near.join("; ")}.`;
}
