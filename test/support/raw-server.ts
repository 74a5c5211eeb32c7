import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";

/** A request as it came over the wire. */
export interface RawRequest {
  readonly method: string;
  readonly target: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The how-manieth connection of the server it came on, from 1. */
  readonly connection: number;
}

/** What a raw server does with a request: it writes what it likes on the socket, or destroys it, or keeps silent. */
export type Behaviour = (socket: Socket, request: RawRequest) => void;

/** A server that speaks as much HTTP as a test lets it, and remembers everything. */
export interface RawServer extends AsyncDisposable {
  /** Base URL on 127.0.0.1. */
  readonly url: string;
  readonly port: number;
  /** Requests that arrived whole. */
  readonly requests: readonly RawRequest[];
  /** How many bytes arrived, decrypted. */
  readonly received: () => number;
  /** How many connections came (with TLS: whose handshake ended well). */
  readonly connections: () => number;
}

/** What a raw server is; by default plain http. */
export interface RawServerOptions {
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Instead of any free one. */
  readonly port?: number;
  /** Runs for each connection before anything arrives. */
  readonly onConnection?: (socket: Socket) => void;
  /** Runs for each connection before TLS; false cuts it. */
  readonly admit?: () => boolean;
  /** Whether requests are kept; false for very many. */
  readonly remember?: boolean;
}

/** Starts a server on a free port of 127.0.0.1. */
export async function startRawServer(behaviour: Behaviour, options: RawServerOptions = {}): Promise<RawServer> {
  const requests: RawRequest[] = [];
  const sockets = new Set<Socket>();
  let received = 0;
  let connections = 0;
  const serve = (socket: Socket) => {
    connections += 1;
    const connection = connections;
    let buffer = "";
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      received += chunk.length;
      buffer += chunk.toString("latin1");
      for (let read = readRequest(buffer, connection); read !== undefined; read = readRequest(buffer, connection)) {
        buffer = read.rest;
        if (options.remember !== false) requests.push(read.request);
        behaviour(socket, read.request);
      }
    });
    options.onConnection?.(socket);
  };
  const server = options.tls === undefined ? createTcpServer(serve) : createTlsServer({ ...options.tls }, serve);
  server.prependListener("connection", (socket: Socket) => {
    if (options.admit?.() === false) socket.destroy();
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(options.port ?? 0, "127.0.0.1", resolve);
  await promise;
  const { port } = server.address() as AddressInfo;
  return {
    url: `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    port,
    requests,
    received: () => received,
    connections: () => connections,
    [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      // The port is free at once; only the callback would wait for connections.
      server.close();
      return Promise.resolve();
    },
  };
}

/** Answers with this status line, headers and body, and a right Content-Length. */
export function reply(
  status: number,
  reason: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Behaviour {
  return (socket) => {
    const lines = Object.entries({ "content-length": String(Buffer.byteLength(body)), ...headers });
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    socket.write(`HTTP/1.1 ${status} ${reason}\r\n${head}\r\n${body}`);
  };
}

/** Answers as Proxmox does: `{"data": ...}`. */
export function replyData(data: unknown): Behaviour {
  return reply(200, "OK", JSON.stringify({ data }), { "content-type": "application/json;charset=UTF-8" });
}

/** A proxy that tunnels every host to one port of this machine. */
export async function startTunnel(port: number, seen: string[]): Promise<RawServer> {
  return await startRawServer(() => undefined, {
    onConnection(socket) {
      socket.removeAllListeners("data");
      socket.once("data", (chunk) => {
        seen.push(chunk.toString());
        const onward = connect(port, "127.0.0.1", () => {
          socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
          socket.pipe(onward).pipe(socket);
        });
        onward.on("error", () => socket.destroy());
      });
    },
  });
}

/** A port of 127.0.0.1 where nothing listens. */
export async function closedPort(): Promise<number> {
  await using server = await startRawServer(() => undefined);
  return server.port;
}

function readRequest(buffer: string, connection: number): { request: RawRequest; rest: string } | undefined {
  const end = buffer.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [first = "", ...lines] = buffer.slice(0, end).split("\r\n");
  const [method = "", target = ""] = first.split(" ");
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
  );
  const size = Number(headers["content-length"] ?? 0);
  const body = buffer.slice(end + 4, end + 4 + size);
  if (body.length < size) return undefined;
  return { request: { method, target, headers, body, connection }, rest: buffer.slice(end + 4 + size) };
}
