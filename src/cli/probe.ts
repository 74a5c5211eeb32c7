import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { bare } from "../config/server/host.ts";
import { codeOf } from "../proxmox/transport/connection.ts";
import { established } from "../proxmox/transport/socket.ts";

/** A server of ours to ask. */
export interface HealthTarget {
  /** Of its `/healthz`. */
  readonly url: URL;
  /** Where the address comes from: the server's own settings, or the command line. */
  readonly origin: "settings" | "--url";
  /**
   * The certificate that the server on this machine is configured with, and what to say if it shows another one. Any
   * certificate will do for being alive, whatever its names and its end: nothing secret is sent, and a server must not be
   * restarted, and so stopped, for a renewal that went wrong.
   */
  readonly certificate?: { readonly fingerprint?: string; readonly doubt: string };
}

/** What is wrong with a server, and what should be known of one that is alive. */
export interface Health {
  /** The end of a sentence; `undefined` when the server is alive. */
  readonly trouble?: string;
  readonly notice?: string;
}

/** How long the answer may take in all, in milliseconds. */
const patienceMs = 2_000;

/** Asks a server whether it is alive. */
export async function askHealth(target: HealthTarget): Promise<Health> {
  const signal = AbortSignal.timeout(patienceMs);
  let socket: Socket | undefined;
  try {
    const opened = await open(target, signal);
    socket = opened.socket;
    const status = await ask(target.url, socket, signal);
    if (status !== 200) return { trouble: `answers ${status}; is that proxmox-mcp?` };
    const { certificate } = target;
    if (certificate === undefined || certificate.fingerprint === opened.fingerprint) return {};
    return { notice: `is alive, but ${certificate.doubt}; mend the file before the server is started again` };
  } catch (error) {
    if (signal.aborted) return { trouble: `no answer within ${patienceMs / 1000} s` };
    return { trouble: reason(codeOf(error), target.origin) };
  } finally {
    socket?.destroy();
  }
}

async function open(
  { url, certificate }: HealthTarget,
  signal: AbortSignal,
): Promise<{ socket: Socket; fingerprint?: string | undefined }> {
  const host = bare(url.hostname);
  if (url.protocol === "http:") {
    return { socket: await established(connectTcp({ host, port: Number(url.port || 80) }), "connect", signal) };
  }
  const name = /^[\d.]+$|:/.test(host) ? {} : { servername: host };
  const rejectUnauthorized = certificate === undefined;
  const connecting = connectTls({ host, port: Number(url.port || 443), ...name, rejectUnauthorized });
  const socket = await established(connecting, "secureConnect", signal);
  return { socket, fingerprint: socket.getPeerX509Certificate()?.fingerprint256 };
}

async function ask(url: URL, socket: Socket, signal: AbortSignal): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const giveUp = () => reject(signal.reason);
  signal.addEventListener("abort", giveUp, { once: true });
  const headers = { host: url.host, connection: "close" };
  const request = httpRequest({ createConnection: () => socket, path: url.pathname, headers }, resolve);
  request.on("error", reject);
  request.end();
  return (await promise).statusCode;
}

function reason(code: string | undefined, origin: HealthTarget["origin"]): string {
  const isOwn = origin === "settings";
  if (code === "ECONNREFUSED") {
    return `nothing listens there; host and port are those of ${isOwn ? "MCP_HOST and MCP_PORT" : "--url"}`;
  }
  const source = isOwn
    ? "host, port and certificate are those of MCP_HOST, MCP_PORT and MCP_TLS_CERT_FILE"
    : "the address is that of --url";
  return `no answer (${code ?? "closed"}); ${source}`;
}
