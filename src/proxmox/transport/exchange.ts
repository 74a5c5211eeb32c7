import { request as httpRequest, type IncomingMessage } from "node:http";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { TransportError } from "../errors/proxmox-error.ts";
import { lostAnswer } from "../errors/transport-errors.ts";
import { type HttpReply, headersOf, type Message } from "../message.ts";
import { type Reading, readBody } from "./body.ts";
import { type Connection, codeOf } from "./connection.ts";

/** What a message needs besides itself to go out. */
export interface Exchange {
  readonly endpoint: string;
  /** `undefined` sends no token. */
  readonly authorization: string | undefined;
  /** How its answer is read; the signal ends the whole exchange. */
  readonly reading: Reading;
  /** Called when the head of the answer arrived. */
  readonly onHead: () => void;
}

/**
 * Sends one message over a connection that was opened for it and takes no other. Nothing here repeats anything:
 * once this is called the message may have left, before it surely had not.
 * @throws TransportError; the signal's reason when that aborts.
 */
export async function exchange(connection: Connection, message: Message, how: Exchange): Promise<HttpReply> {
  const { socket } = connection;
  const { signal } = how.reading;
  const giveUp = () => socket.destroy();
  signal.addEventListener("abort", giveUp, { once: true });
  let incoming: IncomingMessage | undefined;
  try {
    signal.throwIfAborted();
    incoming = await sendOver(connection, message, how);
    how.onHead();
    signal.throwIfAborted();
    const headers = incoming.headersDistinct;
    // The pipeline's own callback has nothing to add: the reader below gets every error.
    const source = /^(x-)?gzip$/i.test(headers["content-encoding"]?.[0] ?? "")
      ? pipeline(incoming, createGunzip(), () => undefined)
      : incoming;
    return {
      status: incoming.statusCode ?? 0,
      reason: incoming.statusMessage ?? "",
      headers: { get: (name) => headers[name]?.join(", ") ?? null },
      body: await readBody(source, how.reading),
    };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof TransportError)) throw lostAnswer(how.endpoint, codeOf(error), incoming?.statusCode);
    // A write whose answer is not read to its end was sent all the same, and "ask for less" would be sending it again.
    throw message.method === "GET" ? error : new TransportError({ ...error.problem, sent: "maybe", hint: undefined });
  } finally {
    signal.removeEventListener("abort", giveUp);
    socket.destroy();
  }
}

async function sendOver({ socket }: Connection, message: Message, how: Exchange): Promise<IncomingMessage> {
  const base = new URL(how.endpoint);
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const request = httpRequest(
    {
      // Without an `agent` option: Bun, as Node, then takes this very socket, TLS or not.
      createConnection: () => socket,
      method: message.method,
      path: `${base.pathname.replace(/\/$/, "")}${message.target}`,
      headers: {
        host: base.host,
        ...headersOf(message, how.authorization),
        ...(message.body !== undefined && { "content-length": String(Buffer.byteLength(message.body)) }),
        connection: "close",
      },
    },
    resolve,
  );
  request.on("error", reject);
  request.end(message.body);
  return await promise;
}
