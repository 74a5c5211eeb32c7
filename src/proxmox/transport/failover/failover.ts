import { Cancellation } from "../../cancellation.ts";
import { type Sent, TransportError } from "../../errors/proxmox-error.ts";
import { invalid } from "../../message.ts";

/** The endpoints of one cluster, in the order in which they are worth asking. */
export class EndpointOrder<Endpoint> {
  readonly #endpoints: readonly Endpoint[];
  readonly #deadMs: number;
  readonly #deadUntil = new Map<Endpoint, number>();
  #preferred = 0;

  constructor(endpoints: readonly Endpoint[], deadMs: number) {
    this.#endpoints = endpoints;
    this.#deadMs = deadMs;
  }

  /**
   * The last one that worked first; those that failed a short while ago last, but never left out.
   * @param own comes second, being the one that knows best should the first be slow.
   */
  list(own?: Endpoint): readonly Endpoint[] {
    const [first, ...others] = [
      ...this.#endpoints.slice(this.#preferred),
      ...this.#endpoints.slice(0, this.#preferred),
    ];
    const turned = [first, own, ...others].filter((endpoint) => endpoint !== undefined);
    const once = [...new Set(turned)];
    return [...once.filter((endpoint) => !this.isDead(endpoint)), ...once.filter((endpoint) => this.isDead(endpoint))];
  }

  /** Whether it failed a short while ago. */
  isDead(endpoint: Endpoint): boolean {
    return (this.#deadUntil.get(endpoint) ?? 0) > performance.now();
  }

  worked(endpoint: Endpoint): void {
    this.#preferred = this.#endpoints.indexOf(endpoint);
    this.#deadUntil.delete(endpoint);
  }

  /** It is asked last for a while: a little shorter each time, by chance, lest all servers come back to it at once. */
  failed(endpoint: Endpoint): void {
    this.#deadUntil.set(endpoint, performance.now() + this.#deadMs * (0.75 + Math.random() / 4));
  }
}

/** Whether the fault lies with the endpoint, so that another may do better; Proxmox's own errors do not. */
export function isEndpointFault({ problem }: TransportError): boolean {
  return ["unreachable", "tls", "not-proxmox", "broken-answer"].includes(problem.kind);
}

/** Measures an endpoint's silence, after which the next is asked; paused while this server does not read its answer. */
export interface FailoverTimer {
  pause(): void;
  resume(): void;
}

/**
 * Asks one endpoint after the other until one answers. The next is asked when one fails, or all keep silent for
 * `patienceMs`, and then the first answer counts and the others are aborted: only for what may be done twice.
 * @throws AggregateError when all failed, with their errors in the order of `endpoints`.
 */
export async function firstAnswer<E, T>(
  endpoints: readonly E[],
  patienceMs: number,
  ask: (endpoint: E, signal: AbortSignal, timer: FailoverTimer) => Promise<T>,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const over = new AbortController();
  const errors = new Map<E, unknown>();
  const unasked = [...endpoints];
  let patience: NodeJS.Timeout | undefined;
  let pauses = 0;
  const beginPatience = () => {
    clearTimeout(patience);
    if (unasked.length > 0 && pauses === 0 && !over.signal.aborted) patience = setTimeout(askNext, patienceMs);
  };
  const timer: FailoverTimer = {
    pause() {
      pauses += 1;
      clearTimeout(patience);
    },
    resume() {
      pauses -= 1;
      beginPatience();
    },
  };
  const askNext = () => {
    const endpoint = unasked.shift();
    if (endpoint === undefined) return;
    beginPatience();
    ask(endpoint, over.signal, timer).then(resolve, (error: unknown) => {
      // A loser that was aborted leaves nothing to ask anybody.
      if (over.signal.aborted) return;
      errors.set(endpoint, error);
      if (errors.size === endpoints.length) reject(new AggregateError(endpoints.map((each) => errors.get(each))));
      else askNext();
    });
  };
  if (endpoints.length === 0) reject(new AggregateError([]));
  else askNext();
  try {
    return await promise;
  } finally {
    clearTimeout(patience);
    over.abort(new Cancellation("another endpoint answered"));
  }
}

/** What several endpoints' failures come to, in the order in which they were asked. */
export function allFailed(faults: readonly TransportError[]): TransportError {
  const problems = faults.map(({ problem }) => problem);
  const [first, ...others] = problems;
  if (first === undefined) return invalid("the cluster has no endpoint");
  if (others.length === 0) return new TransportError(first);
  const has = (sent: Sent) => problems.some((problem) => problem.sent === sent);
  return new TransportError({
    ...first,
    kind: others.every(({ kind }) => kind === first.kind) ? first.kind : "unreachable",
    sent: has("maybe") ? "maybe" : has("answered") ? "answered" : "no",
    what: `none of the cluster's ${problems.length} endpoints could be used: ${problems.map(({ what }) => what).join("; ")}`,
    hint: [...new Set(problems.map(({ hint }) => hint))].filter((hint) => hint !== undefined).join("\n"),
  });
}
