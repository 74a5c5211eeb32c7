import { shortVersion } from "../apidoc/cache/versions.ts";
import type { ApiSchema } from "../apidoc/schema.ts";
import { ToolFailure } from "./failure.ts";
import type { ToolContext } from "./tool.ts";

/** A schema, and the clusters that it holds for. */
export interface Edition {
  readonly schema: ApiSchema;
  readonly clusters: readonly string[];
  /** Those clusters with their version: `beta (8.4)`. */
  readonly where: string;
}

/** The schemas of one cluster, or of all (`undefined` or `*`): the newest version first, never empty. */
export interface Editions {
  readonly editions: readonly [Edition, ...Edition[]];
  /** A line for each cluster that gave none. */
  readonly missing: readonly string[];
}

/**
 * Gets what the tools that speak about the API need.
 * @throws {ToolFailure} when no cluster gives a schema.
 */
export async function openEditions({ proxmox, signal }: ToolContext, cluster: string | undefined): Promise<Editions> {
  const names = cluster === undefined || cluster === "*" ? proxmox.names : [cluster];
  const known = await Promise.all(names.map(async (name) => ({ name, ...(await proxmox.schema(name, signal)) })));
  const bySchema = Map.groupBy(known, ({ schema }) => schema);
  const missing = known.flatMap((one) => one.missing ?? []);
  const [first, ...others] = [...bySchema]
    .flatMap(([schema, of]) =>
      schema === undefined
        ? []
        : [
            toEdition(
              schema,
              of.map(({ name }) => name),
            ),
          ],
    )
    .sort((a, b) => b.schema.version.localeCompare(a.schema.version, undefined, { numeric: true }));
  if (first !== undefined) return { editions: [first, ...others], missing };
  const hints = new Set(known.flatMap(({ hint }) => hint ?? []));
  throw new ToolFailure([...missing, ...hints].join("\n"));
}

function toEdition(schema: ApiSchema, clusters: readonly string[]): Edition {
  return { schema, clusters, where: `${clusters.join(", ")} (${shortVersion(schema.version)})` };
}
