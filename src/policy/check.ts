import type { SchemaLookup } from "../apidoc/cache/schema-cache.ts";
import { signature } from "../apidoc/describe/signature.ts";
import { wordNearest } from "../apidoc/nearest-hint.ts";
import type { ApiSchema } from "../apidoc/schema.ts";
import { validate } from "../apidoc/validate/validate.ts";
import { wordComplaints } from "../apidoc/validate/wording.ts";
import { ProxmoxError } from "../proxmox/errors/proxmox-error.ts";
import { formatPath } from "../proxmox/path.ts";
import type { ProxmoxRequest, UsedAnswer } from "../proxmox/request.ts";
import type { DescribedCluster } from "./callers/caller-cluster.ts";
import { advise } from "./error-hints.ts";
import { GuestLists } from "./guests.ts";

/** A request that the cluster's API schema rules out, with everything that is wrong with it. Nothing was sent. */
export class CheckRefusal extends Error {
  override readonly name = "CheckRefusal";
}

/** The schema that a request was checked against, or why it was not checked. */
export type Checked =
  | { readonly schema: ApiSchema; readonly unchecked?: never }
  | { readonly unchecked: string; readonly schema?: never };

/** How long a request waits for a schema that is still loading before it is sent unchecked, in milliseconds. */
const patienceMs = { read: 1_000, write: 5_000 } as const;

/**
 * Validates a request against the cluster's API schema: path, method, values in the path and all parameters. Without a
 * schema only Proxmox can tell.
 * @throws {CheckRefusal} for everything that Proxmox would refuse, at once.
 */
export async function check(cluster: DescribedCluster, request: ProxmoxRequest): Promise<Checked> {
  const known = await inTime(cluster, request);
  if (known?.schema === undefined) return { unchecked: whyUnchecked(cluster.name, known) };
  const { schema } = known;
  if (findFault(schema, request) === undefined) return { schema };
  // An upgrade of the cluster may have added it.
  const newest = (await inTime(cluster, request, { recent: true }))?.schema ?? schema;
  const fault = findFault(newest, request);
  if (fault === undefined) return { schema: newest };
  throw new CheckRefusal(`${request.method} ${formatPath(request.path)} on ${cluster.name} was not sent: ${fault}`);
}

/**
 * Sends a checked request.
 * @param mayList whether an error may say where a guest is.
 * @throws {ProxmoxError} with a hint where there is one.
 */
export async function sendChecked(
  cluster: DescribedCluster,
  request: ProxmoxRequest,
  { schema, unchecked }: Checked,
  mayList: boolean,
): Promise<UsedAnswer & { readonly unchecked?: string }> {
  try {
    const answer = await cluster.client.request(request);
    return { ...answer, ...(unchecked !== undefined && { unchecked }) };
  } catch (error) {
    if (!(error instanceof ProxmoxError)) throw error;
    const { signal } = request;
    const guests = async () =>
      mayList ? await new GuestLists().of(cluster, signal === undefined ? {} : { signal }) : [];
    throw await advise(error, request, { schema, guests });
  }
}

/** The schema, or `undefined` when loading takes too long. A cancelled request fails where it would be sent. */
async function inTime(
  { config, schema }: DescribedCluster,
  { method, signal, timeoutMs = config.timeoutMs }: ProxmoxRequest,
  options?: { readonly recent: boolean },
): Promise<SchemaLookup | undefined> {
  const patience = AbortSignal.timeout(Math.min(patienceMs[method === "GET" ? "read" : "write"], timeoutMs));
  const either = signal === undefined ? patience : AbortSignal.any([signal, patience]);
  try {
    return await schema(either, options);
  } catch (error) {
    if (!either.aborted) throw error;
    return undefined;
  }
}

function whyUnchecked(cluster: string, known: SchemaLookup | undefined): string {
  return known?.reason === undefined
    ? `sent unchecked: the API schema of ${cluster} is still loading`
    : `sent unchecked: ${cluster} does not serve its API schema (${known.reason})`;
}

/** What is wrong with a request, as the end of a sentence; `undefined` when nothing is. */
function findFault(schema: ApiSchema, { method, path, params = {} }: ProxmoxRequest): string | undefined {
  // The index of the API, which the schema does not describe.
  if (path.length === 0) return undefined;
  const found = schema.find(path);
  if (found === undefined) return `Proxmox VE ${schema.version} has no such path. ${wordNearest(schema, path)}`;
  const endpoint = schema.endpoint(method, found.template);
  if (endpoint === undefined) return `${found.template} has no ${method}, only ${found.methods.join(", ")}.`;
  const complaints = validate(endpoint, found.values, params);
  return complaints.length === 0 ? undefined : wordComplaints(complaints, signature(endpoint));
}
