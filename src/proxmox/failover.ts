import type { Endpoint } from "./endpoint.ts";

/** The endpoints of one cluster, in the order in which they are worth asking. */
export class EndpointOrder {
  readonly #endpoints: readonly Endpoint[];
  readonly #deadMs: number;
  readonly #deadUntil = new Map<Endpoint, number>();
  #preferred = 0;

  constructor(endpoints: readonly Endpoint[], deadMs: number) {
    this.#endpoints = endpoints;
    this.#deadMs = deadMs;
  }

  /** The last one that worked first; those that failed a short while ago last, but never left out. */
  list(): readonly Endpoint[] {
    const now = performance.now();
    const turned = [...this.#endpoints.slice(this.#preferred), ...this.#endpoints.slice(0, this.#preferred)];
    const dead = (endpoint: Endpoint) => (this.#deadUntil.get(endpoint) ?? 0) > now;
    return [...turned.filter((endpoint) => !dead(endpoint)), ...turned.filter(dead)];
  }

  worked(endpoint: Endpoint): void {
    this.#preferred = this.#endpoints.indexOf(endpoint);
    this.#deadUntil.delete(endpoint);
  }

  failed(endpoint: Endpoint): void {
    this.#deadUntil.set(endpoint, performance.now() + this.#deadMs);
  }
}

/** Every endpoint failed; `errors` in the order in which they were asked. */
export class AllFailed extends Error {
  override readonly name = "AllFailed";
  readonly errors: readonly unknown[];

  constructor(errors: readonly unknown[]) {
    super("every endpoint failed");
    this.errors = errors;
  }
}

/**
 * Asks one endpoint after the other until one answers. The next is asked when one fails, or all keep silent for
 * `patienceMs`, and then the first answer counts and the others are aborted: only for what may be done twice.
 * @throws AllFailed
 */
export async function firstAnswer<T>(
  endpoints: readonly Endpoint[],
  patienceMs: number,
  ask: (endpoint: Endpoint, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const over = new AbortController();
  const errors = new Map<Endpoint, unknown>();
  const unasked = [...endpoints];
  let patience: NodeJS.Timeout | undefined;
  const askNext = () => {
    clearTimeout(patience);
    const endpoint = unasked.shift();
    if (endpoint === undefined) return;
    if (unasked.length > 0) patience = setTimeout(askNext, patienceMs);
    ask(endpoint, over.signal).then(resolve, (error: unknown) => {
      errors.set(endpoint, error);
      if (errors.size === endpoints.length) reject(new AllFailed(endpoints.map((each) => errors.get(each))));
      else askNext();
    });
  };
  askNext();
  try {
    return await promise;
  } finally {
    clearTimeout(patience);
    over.abort();
  }
}
