import type { Caller } from "../../policy/callers/caller.ts";
import { type CallerShare, everything, OpenLimit } from "./open-limit.ts";

/** The open `subscriptions/listen` streams of 2026-07-28 by their callers. The SDK ends one when its request is aborted. */
export class Subscriptions {
  readonly #open = new Map<AbortController, Caller>();
  readonly #limit: OpenLimit;

  /**
   * @param most how many may be open.
   * @param share how many of them one caller may have.
   */
  constructor(most: number, share: CallerShare = everything) {
    this.#limit = new OpenLimit("subscriptions open", most, share);
  }

  /** Answers a request whose stream ends when its client leaves or its caller is revoked, or refuses one too many. */
  async serve(request: Request, caller: Caller, fetch: (request: Request) => Promise<Response>): Promise<Response> {
    const reached = this.#limit.reached(caller, this.#open.values());
    if (reached !== undefined) return this.#limit.refusal(reached, caller);
    const controller = new AbortController();
    const end = () => this.#open.delete(controller);
    // Before anything is waited for: the next one must find the room taken.
    this.#open.set(controller, caller);
    // The end of the body is not enough: a generator that never started, as when a client leaves early, runs no `finally`.
    controller.signal.addEventListener("abort", end, { once: true });
    request.signal.addEventListener("abort", () => controller.abort(), { once: true });
    if (request.signal.aborted) controller.abort();
    const { url, method, headers } = request;
    const response = await fetch(new Request(url, { method, headers, signal: controller.signal }));
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
    if (isStream && response.body !== null) return new Response(untilEnd(response.body, end), response);
    end();
    return response;
  }

  /** Ends the streams of callers that are not known any more. */
  endRevoked(knows: (caller: Caller) => boolean): void {
    for (const [controller, caller] of this.#open) if (!knows(caller)) controller.abort();
  }
}

async function* untilEnd(body: ReadableStream<Uint8Array>, end: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } finally {
    end();
  }
}
