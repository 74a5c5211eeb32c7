import { ApiLibrary, type Known } from "../apidoc/library.ts";
import type { Cluster, ClusterManager, ClusterState } from "../clusters.ts";
import type { PolicyConfig } from "../config/types.ts";
import type { ProxmoxAnswer, ProxmoxRequest } from "../proxmox/client.ts";
import { type ApiPath, formatPath } from "../proxmox/path.ts";
import { sendChecked } from "./check.ts";
import { GuestLists, type GuestLookup, namesGuest, realPath } from "./guests.ts";
import { covers } from "./pattern.ts";
import { sensitiveRead } from "./sensitive.ts";

/** A request that the configuration does not let through. Nothing was sent. */
export class PolicyRefusal extends Error {
  override readonly name = "PolicyRefusal";
}

/** An answer of Proxmox, and the cluster that gave it. */
export interface GuardedAnswer extends ProxmoxAnswer {
  readonly cluster: string;
  /** What a path of `/guests/{vmid or name}/...` stood for; `undefined` for every other path. */
  readonly resolved?: ApiPath;
  /** Why a request that was to be checked was not, as a sentence without a full stop. */
  readonly unchecked?: string;
}

/** A request as tools and commands make it; its path may be `/guests/{vmid or name}/...`. */
export interface GuardedRequest extends ProxmoxRequest {
  /** Shared by the requests of one call, so that they look guests up once; never by two calls. */
  readonly guests?: GuestLists;
  /** Refuse sensitive reads on every cluster, whatever its access: for a tool that people approve once for all. */
  readonly plain?: boolean;
  /**
   * Check it against the cluster's schema before it is sent, and say more of what Proxmox then refuses: for requests
   * that somebody wrote who may not know the API. The tools' own are right as they are, and must not wait for a schema.
   */
  readonly checked?: boolean;
}

/** What tools see of the clusters: every request of theirs passes the policy before it is sent. */
export interface Proxmox {
  /** The clusters this caller may use, in the order of the configuration. */
  readonly names: readonly string[];
  /**
   * How a cluster is right now; an unreachable one is a state, not an error. It rests on fixed reads of our own
   * (`/version`, `/nodes`, `/cluster/status`), which no setting withholds: nobody could tell what is limited otherwise.
   */
  state(cluster: string, signal: AbortSignal): Promise<ClusterState>;
  /** What may be done on a cluster, in a word or two. */
  access(cluster: string): string;
  /**
   * What a cluster's API is: its own schema, or why that cannot be had. Reads what anybody may read, without the token.
   * @throws {ClusterChoiceError} for a wrong cluster.
   */
  schema(cluster: string, signal: AbortSignal): Promise<Known>;
  /**
   * Sends a request, if the policy lets it through.
   * @param cluster may be left out where only one is configured.
   * @throws {ClusterChoiceError} for a wrong or missing cluster, {GuestError}, {PolicyRefusal},
   * {CheckRefusal}, {ProxmoxError}.
   */
  request(cluster: string | undefined, request: GuardedRequest): Promise<GuardedAnswer>;
  /**
   * The path that `/guests/{vmid or name}/...` stands for on a cluster, at this moment.
   * @throws {ClusterChoiceError} for a wrong or missing cluster, {GuestError}, {ProxmoxError}.
   */
  resolve(cluster: string | undefined, path: ApiPath, signal: AbortSignal): Promise<ApiPath>;
}

/** Puts the policy around the clusters' clients. `library` keeps schemas that outlive a reload of the configuration. */
export function guard(clusters: ClusterManager, source: string, library = new ApiLibrary()): Proxmox {
  return {
    names: clusters.names,
    state: (cluster, signal) => clusters.state(cluster, signal),
    access: (cluster) => (readsOnlyBecause(clusters.pick(cluster).config.policy) === undefined ? "full" : "reads only"),
    schema: async (cluster, signal) => await library.schema(clusters.pick(cluster).client, signal),
    resolve: async (name, path, signal) => await resolve(clusters.pick(name), path, { signal }),
    async request(name, { guests, plain = false, checked = false, ...given }) {
      const cluster = clusters.pick(name);
      const short = namesGuest(given.path);
      const path = short ? await resolve(cluster, given.path, { ...given, guests }) : given.path;
      const request = { ...given, path };
      const refusal = judge(cluster.config.policy, request);
      if (refusal !== undefined) {
        const what = `${request.method} ${formatPath(request.path)} on ${cluster.name}`;
        throw new PolicyRefusal(
          `${what} was not sent: ${refusal} The setting stands in ${source}, under ${cluster.name}.`,
        );
      }
      const sensitive = plain ? sensitiveRead(path) : undefined;
      if (sensitive !== undefined) {
        throw new PolicyRefusal(
          `GET ${formatPath(path)} on ${cluster.name} was not sent: ${sensitive}, which is more than a plain read. Use proxmox_api_call for it.`,
        );
      }
      const mayList = judge(cluster.config.policy, guestList) === undefined;
      const answer = checked
        ? await sendChecked(library, cluster, request, mayList)
        : await cluster.client.request(request);
      return { ...answer, cluster: cluster.name, ...(short && { resolved: path }) };
    },
  };
}

/** The read that shows where guests are. */
const guestList: ProxmoxRequest = { method: "GET", path: ["cluster", "resources"] };

/**
 * The lookup is a read of our own, which no setting withholds, for the short path stands for the real one. What it
 * shows of other guests is told only where the caller could read it, too.
 */
async function resolve(
  cluster: Cluster,
  path: ApiPath,
  { guests, ...within }: Pick<GuestLookup, "signal" | "timeoutMs"> & { readonly guests?: GuestLists | undefined },
): Promise<ApiPath> {
  const mayList = judge(cluster.config.policy, guestList) === undefined;
  const lookup = { ...within, guests: guests ?? new GuestLists(), mayList };
  return await realPath(path, cluster, lookup);
}

/** Why the policy refuses a request; `undefined` lets it through. */
function judge(policy: PolicyConfig, { method, path }: ProxmoxRequest): string | undefined {
  const setting = readsOnlyBecause(policy);
  if (setting === undefined) return undefined;
  if (method !== "GET") {
    return `the cluster sets ${setting}, which this version cannot weigh for writes yet, so it answers reads only.`;
  }
  const sensitive = sensitiveRead(path);
  if (sensitive !== undefined) return `the cluster sets ${setting}, so it answers plain reads only, and ${sensitive}.`;
  const denied = policy.deny?.find((pattern) => covers(pattern, method, path));
  if (denied !== undefined) return `deny holds "${denied}".`;
  if (policy.allow !== undefined && !policy.allow.some((pattern) => covers(pattern, method, path))) {
    return "allow does not list it.";
  }
  return undefined;
}

/**
 * The first of the policy's settings that a cluster has. A safety setting that loads is a setting that holds: until
 * writes can be weighed against them, any of these limits the cluster to reads.
 */
function readsOnlyBecause({ access, consentFallback, allow, deny, protect }: PolicyConfig): string | undefined {
  if (access !== undefined && access !== "full") return `access "${access}"`;
  if (access !== "full" && consentFallback !== undefined) return `consent_fallback "${consentFallback}"`;
  if (allow !== undefined) return "allow";
  if (deny !== undefined && deny.length > 0) return "deny";
  return protect !== undefined && protect.length > 0 ? "protect" : undefined;
}
