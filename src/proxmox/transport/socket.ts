import { connect as connectTcp, type Socket } from "node:net";
import { setImmediate as immediate, setTimeout as sleep } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { bare } from "../../config/server/host.ts";
import type { ProxyConfig } from "../../config/types.ts";
import { TransportError } from "../errors/proxmox-error.ts";

/** Asks a proxy for a tunnel: all that it learns is the host. */
export async function openTunnel(
  endpoint: string,
  proxy: ProxyConfig,
  target: string,
  signal: AbortSignal,
): Promise<Socket> {
  const { hostname, port } = new URL(proxy.url);
  const socket = await established(connectTcp({ host: bare(hostname), port: Number(port || 80) }), "connect", signal);
  const authorization =
    proxy.authorization === undefined ? "" : `Proxy-Authorization: ${proxy.authorization.reveal()}\r\n`;
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${authorization}\r\n`);
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(await readHead(socket, signal))?.[1] ?? "no HTTP";
  if (status === "200") return socket;
  socket.destroy();
  throw new TransportError({
    kind: "unreachable",
    sent: "no",
    what: `the proxy ${hostname} refused a tunnel to ${endpoint} (${status})`,
    hint: `Let the proxy connect to ${target}, or add ${target} to NO_PROXY.`,
    endpoint,
  });
}

/** A proxy's answer up to its empty line. What follows is the server's, which keeps silent until it is spoken to. */
async function readHead(socket: Socket, signal: AbortSignal): Promise<string> {
  return await settled(socket, signal, (resolve, reject) => {
    let head = "";
    const read = (chunk: Buffer) => {
      head += chunk.toString("latin1");
      if (!head.includes("\r\n\r\n") && head.length < 16384) return;
      socket.off("data", read);
      socket.pause();
      resolve(head);
    };
    socket.on("data", read);
    socket.once("close", () => reject(Object.assign(new Error("closed"), { code: "ECONNRESET" })));
  });
}

/** The socket once it says that it is ready. */
export async function established<S extends Socket | TLSSocket>(
  socket: S,
  ready: string,
  signal: AbortSignal,
): Promise<S> {
  return await settled(socket, signal, (resolve, reject) => {
    socket.once(ready, () => resolve(socket));
    // A server that closes during the handshake is an end without an error.
    socket.once("close", () => reject(Object.assign(new Error("closed"), { code: "ECONNRESET" })));
  });
}

/**
 * Waits `ms` and a few turns of the event loop to see whether the server closes a connection as soon as it took it.
 * @throws an error with the code ECONNRESET when it does; the signal's reason when that aborts.
 */
export async function staysOpen(socket: Socket, ms: number, signal: AbortSignal): Promise<void> {
  let isClosed = false;
  const close = () => {
    isClosed = true;
  };
  socket.once("end", close).once("close", close);
  try {
    await sleep(ms, undefined, { signal });
    // A busy process may find the timer due before it has looked at its sockets.
    for (let turn = 0; turn < eventLoopTurns && !isClosed; turn++) await immediate(undefined, { signal });
  } catch {
    socket.destroy();
    throw signal.reason;
  } finally {
    socket.off("end", close).off("close", close);
  }
  if (!isClosed) return;
  socket.destroy();
  throw Object.assign(new Error("closed"), { code: "ECONNRESET" });
}

/** One to accept, one to close, one to notice. */
const eventLoopTurns = 3;

/** A promise that an error of the socket or the signal ends too, and then the socket is gone. */
async function settled<T>(
  socket: Socket,
  signal: AbortSignal,
  start: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const giveUp = () => reject(signal.reason);
  // Stays for good: without a listener a late error would end the process.
  socket.on("error", reject);
  if (signal.aborted) giveUp();
  signal.addEventListener("abort", giveUp, { once: true });
  start(resolve, reject);
  try {
    return await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}
