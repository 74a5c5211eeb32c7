import type { SchemaLookup } from "../apidoc/cache/schema-cache.ts";
import { ClusterChoiceError, type ClusterState } from "../clusters.ts";
import type { Access } from "../config/types.ts";
import { UsedAnswers } from "../proxmox/answers/answer-memory.ts";
import { processorTurns } from "../proxmox/answers/processor-turns.ts";
import { ProxmoxError } from "../proxmox/errors/proxmox-error.ts";
import { type ApiPath, formatPath } from "../proxmox/path.ts";
import type { ProxmoxRequest, UsedAnswer } from "../proxmox/request.ts";
import type { Requester } from "../proxmox/requester.ts";
import { parseUpid } from "../proxmox/tasks/upid.ts";
import { asks, type EffectivePolicy, judge } from "./access-rules.ts";
import { AuditTrail } from "./audit/audit-trail.ts";
import type { Call } from "./call.ts";
import { type CallerRights, lowerAccess } from "./callers/caller.ts";
import type { CallerCluster, DescribedCluster } from "./callers/caller-cluster.ts";
import { type Checked, check, sendChecked } from "./check.ts";
import type { Consent } from "./consent/consents.ts";
import { requestKeys } from "./consent/request-keys.ts";
import { withDigest } from "./digest.ts";
import { type Classified, classify, unknownRule } from "./endpoint-classes/classify.ts";
import type { FailoverNote, GuardedAnswer, GuardedRequest, GuardOptions, Proxmox } from "./guarded-request.ts";
import { GuestLists, guestListPath, namesGuest, realPath } from "./guests.ts";
import { showParameters } from "./plan/parameters.ts";
import { makePlan } from "./plan/planner.ts";
import { protectedFrom } from "./protect.ts";
import { PolicyRefusal } from "./refusal.ts";
import { affected } from "./targets.ts";

/** A request with all that decides whether it is sent. */
interface PendingRequest {
  readonly cluster: DescribedCluster;
  readonly request: ProxmoxRequest;
  readonly classified: Classified;
  readonly law: EffectivePolicy;
  readonly lists: GuestLists;
  /** The path as the call has it, which may be of the form `/guests/{vmid or name}/...`. */
  readonly written: ApiPath;
}

/** The clusters as one call sees them: every request goes the same way, and nothing goes around it. */
export class GuardedCall implements Proxmox, Disposable {
  readonly names: readonly string[];
  readonly #options: GuardOptions;
  readonly #call: Call;
  readonly #rights: CallerRights;
  readonly #requester: Requester;
  readonly #answers = new UsedAnswers();
  /** By cluster and detour. */
  readonly #detours = new Map<string, FailoverNote>();
  #sent = 0;
  /** Of the last requests sent. */
  #turn: Promise<void> | undefined;

  constructor(options: GuardOptions, call: Call, rights: CallerRights) {
    this.#options = options;
    this.#call = call;
    this.#rights = rights;
    const { caller } = call;
    const { limits } = options;
    // What a human was asked and answered is read again for its plan: refused, it would have to be asked again.
    const isAnswer = options.consents.isAnswer(call);
    const count = async (isAdmitted: boolean) =>
      isAdmitted || isAnswer ? void (await limits.countAdmitted(caller)) : await limits.count(caller);
    this.#requester = {
      name: caller.name,
      answers: this.#answers,
      ...(rights.requestsPerMinute !== undefined && { count }),
    };
    this.names = options.clusters.names.filter((name) => rights.clusters?.includes(name) ?? true);
  }

  [Symbol.dispose](): void {
    this.#answers[Symbol.dispose]();
  }

  get writes(): boolean {
    return this.names.some((name) => this.access(name) !== "read-only");
  }

  get detours(): readonly FailoverNote[] {
    return [...this.#detours.values()];
  }

  access(cluster: string): Access {
    return this.#law(this.#pick(cluster)).access;
  }

  async state(cluster: string, signal: AbortSignal): Promise<ClusterState> {
    return await this.#options.clusters.state(this.#pick(cluster).name, this.#requester, signal);
  }

  async schema(cluster: string, signal: AbortSignal): Promise<SchemaLookup> {
    return await this.#pick(cluster).schema(signal);
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
    const path = short ? await this.#realPath(cluster, given, guests) : given.path;
    const request = { ...given, path };
    const matter: PendingRequest = {
      cluster,
      request,
      classified: classify(request),
      law: this.#law(cluster),
      lists: guests,
      written: given.path,
    };
    const answer = await this.#pass(matter, plain, checked);
    const { detour } = answer;
    if (detour !== undefined) this.#detours.set(`${cluster.name} ${detour}`, { cluster: cluster.name, detour });
    return { ...answer, cluster: cluster.name, ...(short && { resolved: request.path }) };
  }

  /** Refuses, validates, asks a human, in this order; then sends. Audited before and after it is sent. */
  async #pass(matter: PendingRequest, plain: boolean, checked: boolean): Promise<UsedAnswer> {
    const { cluster, request, law } = matter;
    const record = new AuditTrail(this.#options.audit, this.#call, matter);
    try {
      const lookUp = async () => (checked ? await check(cluster, request) : undefined);
      const { classified } = matter;
      // What the table does not know may be a slip, of which the cluster's own schema tells more than a refusal does. It
      // changes no class: the far end writes it.
      const early = classified.rule === unknownRule ? await lookUp() : undefined;
      this.#judge(matter, plain);
      const mustAsk = asks(law.access, classified);
      // Refuses what is too long to be shown before anything is looked up for it.
      if (mustAsk) showParameters(matter);
      if (request.method !== "GET" && classified.class !== "read") await this.#protect(matter);
      const known = early ?? (await lookUp());
      const agreed = mustAsk ? await this.#consent(matter, known) : undefined;
      // Refused, the human would have to be asked again.
      const agreedTo = agreed && { ...agreed.request, isAdmitted: true };
      return await this.#send({ ...matter, request: agreedTo ?? request }, known, record, agreed?.consent);
    } catch (error) {
      await record.refused(error);
      throw error;
    }
  }

  #judge({ cluster, request, classified, law }: PendingRequest, plain: boolean): void {
    const refuse = (rule: string, reason: string) =>
      new PolicyRefusal(rule, `${named(request, cluster)} was not sent: ${reason}`);
    const verdict = judge(law, request, classified);
    if (verdict !== undefined) throw refuse(verdict.rule, verdict.reason);
    if (plain && classified.class !== "read") {
      throw refuse("plain", `${classified.reason}, which is more than a plain read. Use proxmox_api_call for it.`);
    }
  }

  async #protect(matter: PendingRequest): Promise<void> {
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
    throw new PolicyRefusal("protect", `${named(request, cluster)} was not sent: ${reason}. Set in ${law.place}.`);
  }

  /** The consent to a request, and the request with the digest of what was agreed to: Proxmox then refuses it where that changed. */
  async #consent(
    matter: PendingRequest,
    known: Checked | undefined,
  ): Promise<{ request: ProxmoxRequest; consent: Consent }> {
    const { cluster, request, classified, law, lists, written } = matter;
    refuseNameless(request, cluster);
    const guests = async () => await lists.of(cluster, timesOf(request));
    const subjects = affected(request, classified);
    const mayRead = (path: ApiPath) => isPlainRead(law, { method: "GET", path });
    const plan = await makePlan({ cluster, request, classified, subjects, guests, mayRead });
    const { name, endpoints, user, tokenId } = cluster.config;
    const { caller } = this.#call;
    const origin = {
      caller: [caller.name, caller.id],
      cluster: [name, endpoints, user, tokenId],
      written,
    };
    const consent = this.#options.consents.settle(
      {
        ...requestKeys(request, classified, origin),
        plan,
        codeRequired: classified.codeRequired,
        cluster: cluster.name,
        request: `${request.method} ${formatPath(request.path)}`,
        fallback: law.policy.consentFallback,
        setting: `consent_fallback "${law.policy.consentFallback}" (${law.place})`,
      },
      this.#call,
    );
    return { request: withDigest(request, plan, classified, known), consent };
  }

  async #send(
    { cluster, request, law }: PendingRequest,
    known: Checked | undefined,
    record: AuditTrail,
    consent: Consent | undefined,
  ): Promise<UsedAnswer> {
    const turn = this.#turnToSend();
    if (turn !== undefined) await turn;
    await record.sent(consent, request.signal);
    try {
      const answer =
        known === undefined
          ? await cluster.client.request(request)
          : await sendChecked(cluster, request, known, mayList(law));
      const upid = typeof answer.data === "string" && parseUpid(answer.data) !== undefined ? answer.data : undefined;
      await record.ended("done", upid === undefined ? {} : { upid });
      return answer;
    } catch (error) {
      const isDoubt = error instanceof ProxmoxError && error.sent === "maybe";
      await record.ended(isDoubt ? "unknown" : "failed", {
        reason: error instanceof ProxmoxError ? error.what : "a fault of this server",
      });
      throw error;
    }
  }

  /** The turn of the next request; the first ones need none. */
  #turnToSend(): Promise<void> | undefined {
    if (this.#sent > 0 && this.#sent % requestsPerTurn === 0) this.#turn = processorTurns.next(this.#requester.name);
    this.#sent += 1;
    return this.#turn;
  }

  /**
   * The lookup is a read of this server's, which no setting withholds, since the short path stands for the real one.
   * Errors name other guests only where the caller may list them.
   */
  async #realPath(cluster: CallerCluster, request: ProxmoxRequest, guests: GuestLists): Promise<ApiPath> {
    return await realPath(request.path, cluster, { ...timesOf(request), guests, mayList: mayList(this.#law(cluster)) });
  }

  /** @throws {ClusterChoiceError} that names only what this caller may see. */
  #pick(name: string | undefined): DescribedCluster {
    const { clusters, library } = this.#options;
    if (name === undefined ? this.names.length === 1 : this.names.includes(name)) {
      const { client, ...cluster } = clusters.pick(name ?? this.names[0]);
      this.#call.use?.(cluster.name);
      return {
        ...cluster,
        client: client.senderFor(this.#requester),
        schema: (signal, options) => library.schema(client, signal, options),
      };
    }
    throw new ClusterChoiceError(name, this.names);
  }

  #law({ name, config }: CallerCluster): EffectivePolicy {
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

/** Refuses `/nodes/localhost/...`: it means whichever node answers (measured), so a plan cannot name its target. */
function refuseNameless({ method, path }: ProxmoxRequest, cluster: CallerCluster): void {
  if (path[0] !== "nodes" || path[1]?.toLowerCase() !== "localhost") return;
  throw new PolicyRefusal(
    "consent",
    `${method} ${formatPath(path)} on ${cluster.name} was not sent: localhost is whichever node answers. Write the node's name; list_nodes shows it.`,
  );
}

/** Requests that are sent in one turn: some 3 ms (measured). */
const requestsPerTurn = 20;

/** The read that shows where guests are. */
const guestList: ProxmoxRequest = { method: "GET", path: guestListPath };

function mayList(law: EffectivePolicy): boolean {
  return isPlainRead(law, guestList);
}

/** Whether a GET is one that only looks, and that the settings let through. */
function isPlainRead(law: EffectivePolicy, request: ProxmoxRequest): boolean {
  const classified = classify(request);
  return classified.class === "read" && judge(law, request, classified) === undefined;
}

function named({ method, path }: ProxmoxRequest, { name }: CallerCluster): string {
  return `${method} ${formatPath(path)} on ${name}`;
}

function timesOf({ signal, timeoutMs }: ProxmoxRequest): Pick<ProxmoxRequest, "signal" | "timeoutMs"> {
  return { ...(signal !== undefined && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
}
