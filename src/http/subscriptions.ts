import type { Caller } from "../policy/caller.ts";

/** The open `subscriptions/listen` streams of 2026-07-28 by their callers. The SDK ends one when its request is aborted. */
export class Subscriptions {
  readonly #open = new Map<AbortController, Caller>();

  /** Answers a request whose stream ends when its client leaves or its caller is revoked. */
  async serve(request: Request, caller: Caller, fetch: (request: Request) => Promise<Response>): Promise<Response> {
    const controller = new AbortController();
    request.signal.addEventListener("abort", () => controller.abort(), { once: true });
    const { url, method, headers } = request;
    const response = await fetch(new Request(url, { method, headers, signal: controller.signal }));
    const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
    if (!isStream || response.body === null) return response;
    this.#open.set(controller, caller);
    return new Response(this.#untilEnd(response.body, controller), response);
  }

  /** Ends the streams of callers that are not known any more. */
  endRevoked(knows: (caller: Caller) => boolean): void {
    for (const [controller, caller] of this.#open) if (!knows(caller)) controller.abort();
  }

  async *#untilEnd(body: ReadableStream<Uint8Array>, controller: AbortController): AsyncGenerator<Uint8Array> {
    try {
      yield* body;
    } finally {
      this.#open.delete(controller);
    }
  }
}
