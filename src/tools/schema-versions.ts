import { shortVersion } from "../apidoc/cache/versions.ts";
import type { ApiSchema } from "../apidoc/schema.ts";
import { ToolFailure } from "./failure.ts";
import type { ToolContext } from "./tool.ts";

/** A schema, and the clusters that it holds for. */
export interface SchemaVersion {
  readonly schema: ApiSchema;
  readonly clusters: readonly string[];
  /** Those clusters with their version: `beta (8.4)`. */
  readonly where: string;
}

/** The schemas of one cluster, or of all (`undefined` or `*`): the newest version first, never empty. */
export interface SchemaVersions {
  readonly editions: readonly [SchemaVersion, ...SchemaVersion[]];
  /** A line for each cluster that gave none. */
  readonly missing: readonly string[];
}

/**
 * Gets what the tools that speak about the API need.
 * @throws {ToolFailure} when no cluster gives a schema.
 */
export async function loadSchemaVersions(
  { proxmox, signal }: ToolContext,
  cluster: string | undefined,
): Promise<SchemaVersions> {
  const names = cluster === undefined || cluster === "*" ? proxmox.names : [cluster];
  const known = await Promise.all(names.map(async (name) => ({ name, ...(await proxmox.schema(name, signal)) })));
  const bySchema = Map.groupBy(known, ({ schema }) => schema);
  const missing = known.flatMap((one) => one.missing ?? []);
  const [first, ...others] = [...bySchema]
    .flatMap(([schema, of]) =>
      schema === undefined
        ? []
        : [
            toSchemaVersion(
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

function toSchemaVersion(schema: ApiSchema, clusters: readonly string[]): SchemaVersion {
  return { schema, clusters, where: `${clusters.join(", ")} (${shortVersion(schema.version)})` };
}
