import { z } from "zod";
import { summarize } from "../../apidoc/describe/property-text.ts";
import { signature } from "../../apidoc/describe/signature.ts";
import type { ApiSchema, EndpointName } from "../../apidoc/schema.ts";
import { ApiSearch } from "../../apidoc/search/search.ts";
import { methodArgument } from "../method.ts";
import { loadSchemaVersions, type SchemaVersion } from "../schema-versions.ts";
import { defineTool, readOnly } from "../tool.ts";

/** So many of the best come with their parameters. */
const withSignature = 3;

/** Maximum characters of a description. */
const shownCharacters = 70;

interface Match extends EndpointName {
  readonly score: number;
  readonly schema: ApiSchema;
  /** Where it is missing, or the only place where it is; empty when all have it. */
  readonly note: string;
}

/** `search_api`: words to endpoints. */
export const searchApi = defineTool({
  name: "search_api",
  title: "Search the API",
  description:
    'Finds the API endpoints that do something, said in plain words: "grow disk", "who may log in", "back up a container". The best come with their parameters (* required). Then describe_api for details.',
  cluster: "any",
  input: {
    query: z.string().min(1).max(400),
    method: methodArgument.optional(),
    limit: z.coerce.number().int().min(1).max(50).default(8),
  },
  annotations: readOnly,
  async run({ cluster, query, method, limit }, context) {
    const { editions, missing } = await loadSchemaVersions(context, cluster);
    const found = await Promise.all(editions.map(async (edition) => await findIn(edition, editions)));
    const matches = found
      .flat()
      .sort((a, b) => b.score - a.score)
      .slice(0, limit);
    if (matches.length > 0) return [...matches.map(line), ...missing].join("\n");
    const where = method === undefined ? "" : ` among ${method} endpoints`;
    return [`Nothing found for "${query}"${where}. Try other words, or fewer.`, ...missing].join("\n");

    async function findIn({ schema, where }: SchemaVersion, all: readonly SchemaVersion[]): Promise<Match[]> {
      const search = await ApiSearch.of(schema);
      const at = all.findIndex((edition) => edition.schema === schema);
      return search.find(query, { method, limit }).flatMap(({ method: verb, template, score }) => {
        const has = (edition: SchemaVersion) => edition.schema.methods(template).includes(verb);
        // Told of the newest version that has it.
        if (all.slice(0, at).some(has)) return [];
        const note = noteOf({ method: verb, template }, { schema, where }, all);
        return [{ method: verb, template, score, schema, note }];
      });
    }
  },
});

/** Where an endpoint is missing, or else whose text is shown of those that differ: each cluster writes its own. */
function noteOf(
  { method, template }: EndpointName,
  own: Pick<SchemaVersion, "schema" | "where">,
  all: readonly SchemaVersion[],
): string {
  const having = all.filter(({ schema }) => schema.methods(template).includes(method));
  const lacking = all.filter((edition) => !having.includes(edition));
  if (having.length === 1 && lacking.length > 0 && all[0] !== having[0]) return `only on ${own.where}`;
  const shown = having.map(({ schema }) => summarize(schema.endpoint(method, template)?.description, shownCharacters));
  return [
    ...(lacking.length > 0 ? [`not on ${lacking.map(({ where }) => where).join(", ")}`] : []),
    ...(new Set(shown).size > 1 ? [`text of ${own.where}`] : []),
  ].join(", ");
}

function line({ method, template, schema, note }: Match, index: number): string {
  const endpoint = schema.endpoint(method, template);
  if (endpoint === undefined) return "";
  const about = summarize(endpoint.description, index < withSignature ? shownCharacters : 60);
  const name = index < withSignature ? signature(endpoint) : `${method} ${template}`;
  return [name, about, note].filter((part) => part !== "").join(" - ");
}
