import { z } from "zod";
import { describeDifferences, shortVersion } from "../../apidoc/cache/versions.ts";
import { describeEndpoint, describeMethods, hasAnyOf, patternsIn } from "../../apidoc/describe/describe.ts";
import { searchHint, wordNearest } from "../../apidoc/nearest-hint.ts";
import type { ApiEndpoint } from "../../apidoc/types.ts";
import { namesGuest } from "../../policy/guests.ts";
import type { Method } from "../../proxmox/message.ts";
import { type ApiPath, formatPath, maxPathLength, parsePath } from "../../proxmox/path.ts";
import { failureText, ToolFailure } from "../failure.ts";
import { methodArgument, splitMethod } from "../method.ts";
import { loadSchemaVersions, type SchemaVersion } from "../schema-versions.ts";
import { defineTool, readOnly, type ToolContext } from "../tool.ts";

/** Maximum parameters or patterns in `params`: an endpoint has at most 93 parameters. */
const maxParams = 100;

/** `describe_api`: one endpoint, or all methods of a path. */
export const describeApi = defineTool({
  name: "describe_api",
  title: "Describe an endpoint",
  description:
    "Describes an API endpoint: parameters (* required) with types, defaults and choices, needed privileges, what it returns, whether it starts a task.",
  cluster: "any",
  input: {
    path: z.string().max(maxPathLength).describe("With {node}, {vmid} or real values: /nodes/pve1/qemu/104/config"),
    method: methodArgument.optional().describe("Default: all it has"),
    params: z.string().max(2000).optional().describe("Everything about these parameters only, such as `net*,scsi0`"),
  },
  annotations: readOnly,
  async run({ cluster, path: text, method: said, params: slice }, context) {
    const params = slice?.trim() === "" ? undefined : slice;
    if (params !== undefined && patternsIn(params).length > maxParams) {
      throw new ToolFailure(`params names ${patternsIn(params).length} parameters; at most ${maxParams} are possible.`);
    }
    const { written, path: bare } = splitMethod(text);
    const asked = parsePath(bare);
    const path = await kindOfGuest(asked, cluster, context);
    const { editions, missing } = await loadSchemaVersions(context, cluster);
    const method = said ?? written;
    const found = locate(path, editions);
    if (found === undefined) {
      // Another cluster's API may have it.
      const all =
        cluster === undefined || cluster === "*" ? editions : (await loadSchemaVersions(context, undefined)).editions;
      throw new ToolFailure(unknownPath(path, editions, locate(path, all)?.edition));
    }
    const resolved = path === asked ? [] : [`${formatPath(asked)} is ${formatPath(path)}.`];
    return [...resolved, describe(found, method, params, editions), ...missing].join("\n");
  },
});

/**
 * The real path of `/guests/{vmid or name}/...` on the one cluster that is asked about, for VMs and containers have
 * different endpoints. A guest that is not found leaves both open: the endpoint can be told without it.
 */
async function kindOfGuest(
  path: ApiPath,
  cluster: string | undefined,
  { proxmox, signal }: ToolContext,
): Promise<ApiPath> {
  const one = cluster === undefined ? proxmox.names.length === 1 : cluster !== "*";
  if (!one || !namesGuest(path) || path[1]?.startsWith("{") === true) return path;
  try {
    return await proxmox.resolve(cluster, path, signal);
  } catch (error) {
    if (failureText(error) === undefined || signal.aborted) throw error;
    return path;
  }
}

function describe(
  { edition, template, twin }: Located,
  method: Method | undefined,
  params: string | undefined,
  editions: readonly [SchemaVersion, ...SchemaVersion[]],
): string {
  const methods = edition.schema.methods(template).filter((one) => method === undefined || one === method);
  const all = methods.flatMap((one) => edition.schema.endpoint(one, template) ?? []);
  // A method that has none of them is not what was asked about, unless none has any.
  const having = params === undefined ? [] : all.filter((endpoint) => hasAnyOf(endpoint, params));
  const endpoints = having.length > 0 ? having : all;
  const [only, ...others] = endpoints;
  if (only === undefined) {
    const has = edition.schema.methods(template).join(", ");
    throw new ToolFailure(`There is no ${method} ${template}; it has ${has}.`);
  }
  const text = textOf(endpoints, params);
  const also = twin === undefined ? [] : [`For containers it is ${twin}: describe that for its parameters.`];
  const notes = endpoints.flatMap((endpoint) => {
    const lines = differences(endpoint, edition, editions, params !== undefined);
    return lines.map((line) => (others.length > 0 ? `${endpoint.method}: ${line}` : line));
  });
  return [text, ...source(endpoints, text, params, edition, editions), ...notes, ...also].join("\n");
}

function textOf(endpoints: readonly ApiEndpoint[], params: string | undefined): string {
  return endpoints.length > 1 && params === undefined
    ? describeMethods(endpoints)
    : endpoints.map((endpoint) => describeEndpoint(endpoint, params)).join("\n\n");
}

/** Whose text it is, where clusters describe the endpoint differently: each cluster writes its own, and could lie. */
function source(
  endpoints: readonly ApiEndpoint[],
  text: string,
  params: string | undefined,
  own: SchemaVersion,
  editions: readonly SchemaVersion[],
): readonly string[] {
  const differs = editions.some(({ schema }) => {
    const there = endpoints.flatMap(({ method, template }) => schema.endpoint(method, template) ?? []);
    return schema !== own.schema && there.length > 0 && textOf(there, params) !== text;
  });
  return differs ? [`Text of ${own.where}; pass cluster for another's.`] : [];
}

interface Located {
  readonly edition: SchemaVersion;
  readonly template: string;
  /** The same for the other kind of guest, where `/guests/...` left it open. */
  readonly twin?: string;
}

/** In the newest version that has it. */
function locate(path: ApiPath, editions: readonly SchemaVersion[]): Located | undefined {
  const [first, , ...rest] = path;
  const candidates =
    first === "guests" && path.length > 1
      ? ["qemu", "lxc"].map((type) => ["nodes", "{node}", type, "{vmid}", ...rest])
      : [path];
  for (const edition of editions) {
    const [found, other] = candidates.flatMap((candidate) => edition.schema.find(candidate)?.template ?? []);
    if (found !== undefined) return { edition, template: found, ...(other !== undefined && { twin: other }) };
  }
  return undefined;
}

function unknownPath(
  path: ApiPath,
  [newest]: readonly [SchemaVersion, ...SchemaVersion[]],
  other: SchemaVersion | undefined,
): string {
  if (other !== undefined) {
    const from = shortVersion(other.schema.version);
    return `${formatPath(path)} is there only from ${from} on: ${other.where} has it, ${newest.where} does not.`;
  }
  if (path.length === 0) {
    const first = new Set(newest.schema.templates.map((template) => `/${template.split("/")[1]}`));
    return `/ only lists where paths begin: ${[...first].join(", ")}. ${searchHint}`;
  }
  return `There is no path ${formatPath(path)} in the API of ${newest.where}. ${wordNearest(newest.schema, path)}`;
}

function differences(
  endpoint: ApiEndpoint,
  own: SchemaVersion,
  editions: readonly SchemaVersion[],
  slice: boolean,
): readonly string[] {
  const elsewhere = editions
    .filter((edition) => edition !== own)
    .map(({ schema, where }) => ({ where, endpoint: schema.endpoint(endpoint.method, endpoint.template) }));
  // Differences of parameters that were not asked for are left out.
  const telling = slice ? elsewhere.filter((other) => other.endpoint === undefined) : elsewhere;
  return describeDifferences(endpoint, telling);
}
