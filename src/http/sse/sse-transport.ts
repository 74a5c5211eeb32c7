import type { JSONRPCMessage, Transport } from "@modelcontextprotocol/server";
import { retryMs } from "../event-stream.ts";
import type { Introduction } from "../sessions/session-id.ts";
import { introductionId, introductionMessages } from "../sessions/session-restore.ts";

const encoder = new TextEncoder();

/**
 * The server's end of one HTTP+SSE connection (MCP 2024-11-05): an event stream down; what the client posts elsewhere is
 * handed to {@link SseTransport.receive}. The SDK has no such transport for web-standard requests.
 */
export class SseTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: Transport["onmessage"];
  readonly sessionId: string;
  /** The body of the stream's response. */
  readonly stream: ReadableStream<Uint8Array>;
  readonly #mostWaitingBytes: number;
  #eventId: string | undefined;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;

  /**
   * @param messagesPath where the client shall post, without the session.
   * @param maxWaitingBytes how much may wait for a client that does not read before it is cut off.
   * @param sessionId that of an earlier stream which this one continues; a new one by default.
   */
  constructor(messagesPath: string, maxWaitingBytes: number, sessionId: string = crypto.randomUUID()) {
    this.#mostWaitingBytes = maxWaitingBytes;
    this.sessionId = sessionId;
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
          this.#write(`event: endpoint\ndata: ${messagesPath}?sessionId=${this.sessionId}\nretry: ${retryMs}\n\n`);
        },
        cancel: () => this.#end(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
    );
  }

  async start(): Promise<void> {
    // The stream is open from the constructor on: the endpoint event must be its first.
  }

  async send(message: JSONRPCMessage): Promise<void> {
    if (this.#controller === undefined) throw new Error("the SSE stream is closed");
    if ("id" in message && message.id === introductionId) return;
    const id = this.#eventId === undefined ? "" : `id: ${this.#eventId}\n`;
    this.#eventId = undefined;
    this.#write(`event: message\n${id}data: ${JSON.stringify(message)}\n\n`);
  }

  /** Gives the next message an event id, which the client sends back as `Last-Event-ID` when it reconnects. */
  nameNextEvent(eventId: string): void {
    this.#eventId = eventId;
  }

  /** Puts the server into the state after the handshake that the client went through on an earlier stream. */
  introduce(introduction: Introduction): void {
    for (const message of introductionMessages(introduction)) this.onmessage?.(message);
  }

  /** Hands the server a message that the client posted. */
  receive(message: JSONRPCMessage, request: Request): void {
    this.onmessage?.(message, { request });
  }

  /** Writes a comment line, which clients skip and which keeps proxies and clients from giving the stream up. */
  ping(): void {
    this.#write(": ping\n\n");
  }

  async close(): Promise<void> {
    const controller = this.#controller;
    this.#end();
    controller?.close();
  }

  #write(text: string): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    controller.enqueue(encoder.encode(text));
    // With a high-water mark of 0 the desired size is minus what waits.
    if (-(controller.desiredSize ?? 0) <= this.#mostWaitingBytes) return;
    const error = new Error(`the client does not read: more than ${this.#mostWaitingBytes} bytes wait for it`);
    this.#end();
    controller.error(error);
    this.onerror?.(error);
  }

  #end(): void {
    if (this.#controller === undefined) return;
    this.#controller = undefined;
    this.onclose?.();
  }
}
