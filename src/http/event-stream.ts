import { within } from "../within.ts";

/**
 * How often a silent event stream of Streamable HTTP gets a comment, in milliseconds. Bun sends a response's head only
 * with the first byte of its body, so this is also how long a client may wait for the head of a slow answer; Gemini
 * CLI 0.61 gives up after 60 s, proxies often after 30.
 */
export const keepAliveMs = 5000;

/** An answer that takes longer than this, in milliseconds, is framed as an event stream. */
const slowMs = 3000;

/** How soon an EventSource reconnects after its stream ended, in milliseconds: its default is 3 s (HTML, 9.2.2). */
export const retryMs = 250;

const comment = new TextEncoder().encode(": waiting\n\n");

/**
 * A JSON answer that is ready soon goes out as it is, with its status; one that is not becomes an event stream, whose
 * head leaves at once and which gets comments until the answer is there: clients and proxies give silent answers up.
 */
export async function streamedIfSlow(answer: Promise<Response>): Promise<Response> {
  const ready = await within(slowMs, answer);
  if (ready !== undefined) return ready;
  return new Response(framed(answer), {
    headers: {
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-cache, no-transform",
      "X-Accel-Buffering": "no",
    },
  });
}

async function* framed(answer: Promise<Response>): AsyncGenerator<Uint8Array | string> {
  let response: Response | undefined;
  while (response === undefined) {
    yield comment;
    response = await within(keepAliveMs, answer);
  }
  const isStream = response.headers.get("content-type")?.startsWith("text/event-stream") ?? false;
  if (isStream && response.body !== null) yield* response.body;
  else yield `event: message\ndata: ${await response.text()}\n\n`;
}

const beginning = new TextEncoder().encode(`retry: ${retryMs}\n: waiting\n\n`);

/** Sends the head of a stream at once, with the reconnection time: the stream may be silent for long. */
export function withHeadAtOnce(response: Response): Response {
  if (!response.ok || response.body === null) return response;
  const body = response.body.pipeThrough(new TransformStream({ start: (controller) => controller.enqueue(beginning) }));
  return new Response(body, { status: response.status, headers: response.headers });
}
