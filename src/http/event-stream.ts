/**
 * How often a silent event stream of Streamable HTTP gets a comment, in milliseconds. Bun sends a response's head only
 * with the first byte of its body, so this is also how long a client may wait for the head of a slow answer; Gemini
 * CLI 0.61 gives up after 60 s, proxies often after 30.
 */
export const keepAliveMs = 5000;

const opened = new TextEncoder().encode(": open\n\n");

/** Sends the head of a stream that may stay silent at once, by a comment before everything else. */
export function withHeadAtOnce(response: Response): Response {
  if (!response.ok || response.body === null) return response;
  const body = response.body.pipeThrough(new TransformStream({ start: (controller) => controller.enqueue(opened) }));
  return new Response(body, { status: response.status, headers: response.headers });
}
