import type { ClusterConfig } from "../../config/types.ts";
import type { ProxmoxAnswer } from "../answers/answer.ts";
import { TransportError } from "../errors/proxmox-error.ts";
import { type HttpReply, type Message, writeMessage } from "../message.ts";
import { ownRequests } from "../requester.ts";
import { abortable } from "./abortable.ts";
import { Endpoint, type EndpointOptions, type RequestContext } from "./endpoint.ts";
import { allFailed, EndpointOrder, type FailoverTimer, firstAnswer, isEndpointFault } from "./failover/failover.ts";
import { type Attempts, failoverNote } from "./failover/failover-note.ts";
import { NodeMap } from "./failover/node-map.ts";

/** How the endpoints of a cluster are talked to, with every default filled in. */
export interface EndpointsOptions extends EndpointOptions {
  readonly patienceMs: number;
  readonly deadMs: number;
}

/** A message, how it travels, and how what comes back is judged. */
export interface Attempt {
  readonly message: Message;
  readonly passage: RequestContext;
  /** The one that the path names. */
  readonly node: string | undefined;
  /** Throws a TransportError for what is no answer to the request. */
  readonly judge: (reply: HttpReply, endpoint: Endpoint) => ProxmoxAnswer;
}

/** The endpoints of one cluster: which of them is asked, and which then. */
export class Endpoints {
  readonly #all: readonly Endpoint[];
  readonly #order: EndpointOrder<Endpoint>;
  readonly #nodes: NodeMap;
  readonly #patienceMs: number;

  constructor(cluster: ClusterConfig, options: EndpointsOptions) {
    this.#all = cluster.endpoints.map((url) => new Endpoint(url, cluster, options));
    this.#order = new EndpointOrder(this.#all, options.deadMs);
    this.#nodes = new NodeMap(this.#all, options.deadMs);
    this.#patienceMs = options.patienceMs;
  }

  /** Asks one endpoint after the other until one has an answer, or Proxmox's own error. Throws a TransportError. */
  async read(way: Attempt): Promise<ProxmoxAnswer> {
    const { message, judge, passage, node } = way;
    const tried = new Map<Endpoint, TransportError | undefined>();
    const ask = async (endpoint: Endpoint, over: AbortSignal, timer: FailoverTimer) => {
      // While it waits for its turn there it is this server that is slow, not the endpoint.
      const onStart = () => void tried.set(endpoint, undefined);
      const isElsewhere = () => [...tried].some(([other, fault]) => other !== endpoint && fault === undefined);
      try {
        const signal = AbortSignal.any([passage.signal, over]);
        const reply = await endpoint.read(message, { ...passage, signal, onStart, isElsewhere, timer });
        return { endpoint, result: judge(reply, endpoint) };
      } catch (error) {
        if (!(error instanceof TransportError)) throw error;
        if (!isEndpointFault(error)) return { endpoint, result: error };
        this.#order.failed(endpoint);
        tried.set(endpoint, error);
        throw error;
      }
    };
    const own = node === undefined ? undefined : this.#nodes.of(node);
    const { endpoint, result } = await this.first(ask, passage, own);
    this.#order.worked(endpoint);
    if (result instanceof TransportError) return await this.#askNode(way, endpoint, result);
    if (message.target === statusMessage.target) this.#nodes.learn(endpoint, result.data);
    return this.#withDetour(result, tried, endpoint);
  }

  /**
   * The first answer to something that may be asked of several at a time. A silent one is waited for no longer than
   * leaves the others their part of the time.
   * @param own the endpoint that knows best, asked second.
   */
  async first<T>(
    ask: (endpoint: Endpoint, over: AbortSignal, timer: FailoverTimer) => Promise<T>,
    { signal, deadline }: Pick<RequestContext, "signal" | "deadline">,
    own?: Endpoint,
  ): Promise<T> {
    const order = this.#order.list(own);
    const patienceMs = Math.min(this.#patienceMs, (deadline - performance.now()) / order.length);
    return await firstAnswer(order, patienceMs, ask).catch((error: unknown) => {
      signal.throwIfAborted();
      if (!(error instanceof AggregateError)) throw error;
      throw allFailed(error.errors.filter((each) => each instanceof TransportError));
    });
  }

  /** Where an endpoint did not reach the node that a read is for, that node may answer at an endpoint of its own. */
  async #askNode(way: Attempt, through: Endpoint, fault: TransportError): Promise<ProxmoxAnswer> {
    const { message, judge, passage, node } = way;
    if (node === undefined || !["node-offline", "node-timeout"].includes(fault.problem.kind)) throw fault;
    const look = this.#nodes.find(node, async (endpoint) => await readStatus(endpoint, way));
    const own = await abortable(passage.signal, look).catch(() => undefined);
    if (own === undefined || own === through || this.#order.isDead(own)) throw fault;
    try {
      const answer = judge(await own.read(message, passage), own);
      return { ...answer, detour: `${this.#nodes.nameOf(through)} did not reach ${node}, which was then asked itself` };
    } catch (error) {
      if (error instanceof TransportError && !isEndpointFault(error)) throw error;
      if (error instanceof TransportError) this.#order.failed(own);
      throw fault;
    }
  }

  /** Gives it to the next endpoint only while it surely never left. Throws a TransportError. */
  async write({ message, judge, passage }: Attempt): Promise<ProxmoxAnswer> {
    const tried = new Map<Endpoint, TransportError>();
    for (const endpoint of this.#order.list()) {
      let hasBegun = false;
      const onStart = () => {
        hasBegun = true;
      };
      try {
        const answer = judge(await endpoint.write(message, { ...passage, onStart }), endpoint);
        this.#order.worked(endpoint);
        return this.#withDetour(answer, tried, endpoint);
      } catch (error) {
        if (!(error instanceof TransportError)) {
          // Silent for the whole time; unless the caller gave up, who knows nothing against it.
          if (performance.now() >= passage.deadline && hasBegun) this.#order.failed(endpoint);
          throw error;
        }
        if (isEndpointFault(error)) this.#order.failed(endpoint);
        else this.#order.worked(endpoint);
        if (error.problem.sent !== "no") throw error;
        tried.set(endpoint, error);
      }
    }
    throw allFailed([...tried.values()]);
  }

  #withDetour(answer: ProxmoxAnswer, tried: Attempts, answeredBy: Endpoint): ProxmoxAnswer {
    const detour = failoverNote(tried, answeredBy, this.#nodes);
    return detour === undefined ? answer : { ...answer, detour };
  }

  /** Closes idle connections. */
  close(): void {
    for (const endpoint of this.#all) endpoint.close();
  }
}

/** Which endpoint is which node is asked of each on the first occasion, and must not take long. */
const statusMs = 3_000;
const statusMessage = writeMessage("GET", ["cluster", "status"], {});

async function readStatus(
  endpoint: Endpoint,
  { passage: { authorization, memory }, judge }: Attempt,
): Promise<unknown> {
  const passage: RequestContext = {
    requester: ownRequests,
    memory,
    authorization,
    signal: AbortSignal.timeout(statusMs),
    deadline: performance.now() + statusMs,
    progress: { stage: "waiting" },
  };
  return judge(await endpoint.read(statusMessage, passage), endpoint).data;
}
