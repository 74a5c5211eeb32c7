import { abortable } from "./abortable.ts";

/** A request under way, or answered a moment ago, and how many wait for it. */
interface Flight<T> {
  readonly answer: Promise<T>;
  readonly over: AbortController;
  askers: number;
}

/** Reads of one cluster, each of them one request for all who ask the same thing at a time. */
export class RequestCoalescing<T> {
  readonly #flights = new Map<string, Flight<T>>();
  readonly #onGone: (answer: T) => void;

  /** @param onGone called with each answer once it serves no further request. */
  constructor(onGone: (answer: T) => void = () => undefined) {
    this.#onGone = onGone;
  }

  /**
   * What `send` answers, or what it is just answering to somebody else under the same key.
   * @param keepMs how long the answer serves those who ask later, in milliseconds. An error serves only those who wait.
   * @throws what `send` throws. An asker's abort ends its own waiting with the signal's reason; the last one's aborts the
   * request, and ends with what that throws.
   */
  async read(
    key: string,
    signal: AbortSignal | undefined,
    keepMs: number,
    send: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (signal?.aborted) return await send(signal);
    const flight = this.#flights.get(key) ?? this.#start(key, keepMs, send);
    flight.askers += 1;
    if (signal === undefined) return await flight.answer;
    const leaving = new AbortController();
    const leave = () => {
      flight.askers -= 1;
      if (flight.askers > 0) {
        leaving.abort(signal.reason);
        return;
      }
      // Whoever asks from now on must not get what this abort leaves of it.
      this.#drop(key, flight);
      flight.over.abort(signal.reason);
    };
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await abortable(leaving.signal, flight.answer);
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  /** Whoever asks from now on gets an answer that begins now; those who wait already get theirs. */
  forget(): void {
    this.#flights.clear();
  }

  #start(key: string, keepMs: number, send: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const over = new AbortController();
    const flight = { answer: send(over.signal), over, askers: 0 };
    this.#flights.set(key, flight);
    flight.answer.then(
      (answer) => {
        const end = () => {
          this.#drop(key, flight);
          this.#onGone(answer);
        };
        if (keepMs === 0) end();
        else setTimeout(end, keepMs).unref();
      },
      () => this.#drop(key, flight),
    );
    return flight;
  }

  #drop(key: string, flight: Flight<T>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }
}
