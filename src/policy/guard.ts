import type { ApiLibrary, Known } from "../apidoc/library.ts";
import type { ApiSchema } from "../apidoc/schema.ts";
import type { ApiEndpoint } from "../apidoc/types.ts";
import { type Cluster, ClusterChoiceError, type ClusterManager, type ClusterState } from "../clusters.ts";
import type { Access, Config } from "../config/types.ts";
import type { ProxmoxAnswer, ProxmoxRequest } from "../proxmox/client.ts";
import { ProxmoxError } from "../proxmox/errors.ts";
import { type ApiPath, formatPath } from "../proxmox/path.ts";
import { parseUpid } from "../proxmox/upid.ts";
import { affected } from "./affected.ts";
import type { Audit, ConsentWay } from "./audit.ts";
import type { Call } from "./call.ts";
import { type CallerRights, lowerAccess, rightsOf } from "./caller.ts";
import { type Checked, check, sendChecked } from "./check.ts";
import { type Classified, classify, unknownRule, withSchema } from "./classes/classify.ts";
import type { Consents } from "./consent.ts";
import { GuestLists, namesGuest, realPath } from "./guests.ts";
import { asks, judge, type Law } from "./judge.ts";
import { makePlan, type Plan } from "./plan.ts";
import { protectedFrom } from "./protect.ts";
import { Record } from "./record.ts";
import { PolicyRefusal } from "./refusal.ts";

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
  /** Whether this caller may change anything anywhere. */
  readonly writes: boolean;
  /**
   * How a cluster is right now; an unreachable one is a state, not an error. It rests on fixed reads of our own
   * (`/version`, `/nodes`, `/cluster/status`), which no setting withholds: nobody could tell what is limited otherwise.
   */
  state(cluster: string, signal: AbortSignal): Promise<ClusterState>;
  /** What this caller may do on a cluster: `read-only`, `guarded` or `full`. */
  access(cluster: string): Access;
  /**
   * What a cluster's API is: its own schema, or why that cannot be had. Reads what anybody may read, without the token.
   * @throws {ClusterChoiceError} for a wrong cluster.
   */
  schema(cluster: string, signal: AbortSignal): Promise<Known>;
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
  readonly library: ApiLibrary;
  readonly consents: Consents;
  readonly audit: Audit;
}

/** The clusters as one call sees them. */
export type Guard = (call: Call) => Proxmox;

/** Puts the policy around the clusters' clients: nothing above gets hold of one in another way. */
export function guard(options: GuardOptions): Guard {
  return (call) => {
    const rights = rightsOf(call.caller, options.config);
    if (rights === undefined) {
      throw new PolicyRefusal(
        "callers",
        "The token that this connection began with is no longer known to this server. Connect anew with one that is.",
      );
    }
    return new GuardedCall(options, call, rights);
  };
}

/** Where a request is about to go, and by which law. */
interface Matter {
  readonly cluster: Cluster;
  readonly request: ProxmoxRequest;
  readonly classified: Classified;
  readonly law: Law;
  readonly lists: GuestLists;
}

class GuardedCall implements Proxmox {
  readonly names: readonly string[];
  readonly #options: GuardOptions;
  readonly #call: Call;
  readonly #rights: CallerRights;

  constructor(options: GuardOptions, call: Call, rights: CallerRights) {
    this.#options = options;
    this.#call = call;
    this.#rights = rights;
    this.names = options.clusters.names.filter((name) => rights.clusters?.includes(name) ?? true);
  }

  get writes(): boolean {
    return this.names.some((name) => this.access(name) !== "read-only");
  }

  access(cluster: string): Access {
    return this.#law(this.#pick(cluster)).access;
  }

  async state(cluster: string, signal: AbortSignal): Promise<ClusterState> {
    return await this.#options.clusters.state(this.#pick(cluster).name, signal);
  }

  async schema(cluster: string, signal: AbortSignal): Promise<Known> {
    return await this.#options.library.schema(this.#pick(cluster).client, signal);
  }

  async resolve(name: string | undefined, path: ApiPath, signal: AbortSignal): Promise<ApiPath> {
    const cluster = this.#pick(name);
    return await this.#realPath(cluster, { method: "GET", path, signal }, new GuestLists());
  }

  async request(
    name: string | undefined,
    { guests = new GuestLists(), plain = false, checked = false, ...given }: GuardedRequest,
  ): Promise<GuardedAnswer> {
    const cluster = this.#pick(name);
    const short = namesGuest(given.path);
    const request = short ? { ...given, path: await this.#realPath(cluster, given, guests) } : given;
    const matter: Matter = {
      cluster,
      request,
      classified: classify(request),
      law: this.#law(cluster),
      lists: guests,
    };
    const answer = await this.#pass(matter, plain, checked);
    return { ...answer, cluster: cluster.name, ...(short && { resolved: request.path }) };
  }

  /** The way of every request: refused first, checked second, a human last; written down before it leaves and after. */
  async #pass(matter: Matter, plain: boolean, checked: boolean): Promise<ProxmoxAnswer> {
    const { cluster, request, law } = matter;
    const record = new Record(this.#options.audit, this.#call, matter);
    try {
      const lookUp = async () => (checked ? await check(this.#options.library, cluster, request) : undefined);
      // What the table does not know may be a slip, of which the cluster's own schema tells more than a refusal does.
      const early = matter.classified.rule === unknownRule ? await lookUp() : undefined;
      const classified = withSchema(matter.classified, early?.schema && endpointOf(early.schema, request));
      this.#judge({ ...matter, classified }, plain);
      if (request.method !== "GET" && classified.class !== "read") await this.#protect(matter);
      const known = early ?? (await lookUp());
      const agreed = asks(law.access, classified) ? await this.#consent(matter, known) : undefined;
      return await this.#send({ ...matter, request: agreed?.request ?? request }, known, record, agreed?.way);
    } catch (error) {
      record.refused(error);
      throw error;
    }
  }

  #judge({ cluster, request, classified, law }: Matter, plain: boolean): void {
    const refuse = (rule: string, reason: string) =>
      new PolicyRefusal(rule, `${named(request, cluster)} was not sent: ${reason}`);
    const verdict = judge(law, request, classified);
    if (verdict !== undefined) throw refuse(verdict.rule, verdict.reason);
    if (plain && classified.class !== "read") {
      throw refuse("plain", `${classified.reason}, which is more than a plain read. Use proxmox_api_call for it.`);
    }
  }

  async #protect(matter: Matter): Promise<void> {
    const { cluster, request, classified, law, lists } = matter;
    const subjects = affected(request, classified);
    const within = timesOf(request);
    const reason = await protectedFrom(subjects, {
      protect: law.policy.protect,
      client: cluster.client,
      guests: async () => await lists.of(cluster, within),
      within,
    });
    if (reason === undefined) return;
    throw new PolicyRefusal(
      "protect",
      `${named(request, cluster)} was not sent: ${reason}. The setting stands in ${law.place}.`,
    );
  }

  /** What a human agreed to, with the digest of what they saw: Proxmox then refuses it where that changed meanwhile. */
  async #consent(matter: Matter, known: Checked | undefined): Promise<{ request: ProxmoxRequest; way: ConsentWay }> {
    const { cluster, request, classified, law, lists } = matter;
    const guests = async () => await lists.of(cluster, timesOf(request));
    const subjects = affected(request, classified);
    const mayRead = (path: ApiPath) => isPlainRead(law, { method: "GET", path });
    const plan = await makePlan({ cluster, request, classified, subjects, guests, mayRead });
    const way = this.#options.consents.settle(
      {
        binding: this.#binding(matter, plan),
        text: plan.text,
        words: classified.class === "destructive" ? plan.words : [],
        irreversible: classified.irreversible,
        what: named(request, cluster),
        fallback: law.policy.consentFallback,
        setting: `consent_fallback "${law.policy.consentFallback}" (${law.place})`,
      },
      this.#call,
    );
    return { request: withDigest(request, plan, classified, known), way };
  }

  /** All that consent is bound to. As JSON the parts cannot run into one another. */
  #binding({ cluster, request }: Matter, plan: Plan): string {
    const { name, endpoints, user, tokenId } = cluster.config;
    const params = Object.entries(request.params ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
    const { caller } = this.#call;
    return JSON.stringify([
      [caller.name, caller.id],
      [name, endpoints, user, tokenId],
      [request.method, request.path, params],
      plan.state,
    ]);
  }

  async #send(
    { cluster, request, law }: Matter,
    known: Checked | undefined,
    record: Record,
    consent: ConsentWay | undefined,
  ): Promise<ProxmoxAnswer> {
    record.sent(consent);
    try {
      const answer =
        known === undefined
          ? await cluster.client.request(request)
          : await sendChecked(cluster, request, known, mayList(law));
      const upid = typeof answer.data === "string" && parseUpid(answer.data) !== undefined ? answer.data : undefined;
      record.ended("done", upid === undefined ? {} : { upid });
      return answer;
    } catch (error) {
      const isDoubt = error instanceof ProxmoxError && error.sent === "maybe";
      record.ended(isDoubt ? "unknown" : "failed", {
        reason: error instanceof ProxmoxError ? error.what : "a fault of this server",
      });
      throw error;
    }
  }

  /**
   * The lookup is a read of our own, which no setting withholds, for the short path stands for the real one. What it
   * shows of other guests is told only where the caller could read it, too.
   */
  async #realPath(cluster: Cluster, request: ProxmoxRequest, guests: GuestLists): Promise<ApiPath> {
    return await realPath(request.path, cluster, { ...timesOf(request), guests, mayList: mayList(this.#law(cluster)) });
  }

  /** @throws {ClusterChoiceError} that names only what this caller may see. */
  #pick(name: string | undefined): Cluster {
    const { clusters } = this.#options;
    if (name === undefined ? this.names.length === 1 : this.names.includes(name)) {
      return clusters.pick(name ?? this.names[0]);
    }
    throw new ClusterChoiceError(name, this.names);
  }

  #law({ name, config }: Cluster): Law {
    const { source } = this.#options.config;
    const { access } = config.policy;
    const lower = lowerAccess(access, this.#rights.access);
    const place = `${source}, under ${name}`;
    const accessSetting =
      lower === access
        ? `the cluster has access "${access}" (${place})`
        : `the caller ${this.#call.caller.name} has access "${lower}" (${source}, under callers)`;
    return { access: lower, policy: config.policy, accessSetting, place };
  }
}

function endpointOf(schema: ApiSchema, { method, path }: ProxmoxRequest): ApiEndpoint | undefined {
  const template = schema.find(path)?.template;
  return template === undefined ? undefined : schema.endpoint(method, template);
}

/** The read that shows where guests are. */
const guestList: ProxmoxRequest = { method: "GET", path: ["cluster", "resources"] };

function mayList(law: Law): boolean {
  return isPlainRead(law, guestList);
}

/** Whether a GET is one that only looks, and that the settings let through. */
function isPlainRead(law: Law, request: ProxmoxRequest): boolean {
  const classified = classify(request);
  return classified.class === "read" && judge(law, request, classified) === undefined;
}

function named({ method, path }: ProxmoxRequest, { name }: Cluster): string {
  return `${method} ${formatPath(path)} on ${name}`;
}

function timesOf({ signal, timeoutMs }: ProxmoxRequest): Pick<ProxmoxRequest, "signal" | "timeoutMs"> {
  return { ...(signal !== undefined && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
}

/** Endpoints that take the digest of the guest's configuration; of all others the cluster's own schema tells. */
const takesDigest = /^\/nodes\/\{node\}\/(?:qemu|lxc)\/\{vmid\}\/(?:config|resize|move_disk|move_volume)$/;

function withDigest(
  request: ProxmoxRequest,
  { digest }: Plan,
  { template = "" }: Classified,
  known: Checked | undefined,
): ProxmoxRequest {
  const { method, params = {} } = request;
  if (digest === undefined || params["digest"] !== undefined || method === "GET") return request;
  const endpoint = known?.schema?.endpoint(method, template);
  const takes = endpoint === undefined ? takesDigest.test(template) : Object.hasOwn(endpoint.parameters, "digest");
  return takes ? { ...request, params: { ...params, digest } } : request;
}
