import type { SchemaCache, SchemaLookup } from "../apidoc/cache/schema-cache.ts";
import type { ClusterManager, ClusterState } from "../clusters.ts";
import type { Access, Config } from "../config/types.ts";
import type { ApiPath } from "../proxmox/path.ts";
import type { ProxmoxRequest, UsedAnswer } from "../proxmox/request.ts";
import type { Audit } from "./audit/audit.ts";
import type { CallLimits } from "./callers/limits.ts";
import type { Consents } from "./consent/consents.ts";
import type { GuestLists } from "./guests.ts";

/** An answer of Proxmox, and the cluster that gave it. */
export interface GuardedAnswer extends UsedAnswer {
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
   * Validate it against the cluster's schema before it is sent, and add hints to Proxmox's errors: for requests that a
   * model or a human wrote. The tools' fixed requests are valid and must not wait for a schema.
   */
  readonly checked?: boolean;
}

/** A way on which an answer came that is not the usual one. */
export interface FailoverNote {
  readonly cluster: string;
  /** `pve1 did not answer, pve2 did` */
  readonly detour: string;
}

/** What tools see of the clusters: every request of theirs passes the policy before it is sent. */
export interface Proxmox {
  /** The clusters this caller may use, in the order of the configuration. */
  readonly names: readonly string[];
  /** Whether this caller may change anything anywhere. */
  readonly writes: boolean;
  /** The detours of this call's answers so far, each once. */
  readonly detours: readonly FailoverNote[];
  /**
   * How a cluster is right now; an unreachable one is a state, not an error. It rests on fixed reads of our own
   * (`/version`, `/nodes`, `/cluster/status`), which no setting withholds: the caller could not tell what is limited otherwise.
   * @throws {ProxmoxError} of kind `rate-limited` or `busy`, and no other.
   */
  state(cluster: string, signal: AbortSignal): Promise<ClusterState>;
  /** What this caller may do on a cluster: `read-only`, `guarded` or `full`. */
  access(cluster: string): Access;
  /**
   * What a cluster's API is: its own schema, or why it cannot be read. Read without the token: Proxmox serves it to everyone.
   * @throws {ClusterChoiceError} for a wrong cluster.
   */
  schema(cluster: string, signal: AbortSignal): Promise<SchemaLookup>;
  /**
   * Sends a request, if the policy lets it through.
   * @param cluster may be left out where only one is configured.
   * @throws {ClusterChoiceError} for a wrong or missing cluster, {GuestError}, {PolicyRefusal}, {ConsentNeeded},
   * {NotExecuted}, {CheckRefusal}, {AuditError}, {ProxmoxError}.
   */
  request(cluster: string | undefined, request: GuardedRequest): Promise<GuardedAnswer>;
  /**
   * The path that `/guests/{vmid or name}/...` stands for on a cluster, at this moment.
   * @throws {ClusterChoiceError} for a wrong or missing cluster, {GuestError}, {ProxmoxError}.
   */
  resolve(cluster: string | undefined, path: ApiPath, signal: AbortSignal): Promise<ApiPath>;
}

/** What the policy is made of; all but the clusters and their configuration outlives a reload. */
export interface GuardOptions {
  readonly clusters: ClusterManager;
  readonly config: Config;
  readonly library: SchemaCache;
  readonly consents: Consents;
  readonly audit: Audit;
  /** Counts the requests to Proxmox. */
  readonly limits: CallLimits;
}
