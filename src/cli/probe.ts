import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { bare } from "../config/host.ts";
import { codeOf } from "../proxmox/connection.ts";
import { established } from "../proxmox/socket.ts";

/** A server of ours to ask. */
export interface HealthTarget {
  /** Of its `/healthz`. */
  readonly url: URL;
  /**
   * The certificate that it is configured with. It is compared, and then neither its names nor its end matter: the
   * names are not loopback's, and a server whose certificate has expired must not be restarted for it.
   */
  readonly certificate?: { readonly file: string; readonly fingerprint: string };
}

/** How long the answer may take in all, in milliseconds. */
const patienceMs = 2_000;

/** Asks a server whether it is alive; what is wrong as the end of a sentence, `undefined` when it is. */
export async function askHealth(target: HealthTarget): Promise<string | undefined> {
  const signal = AbortSignal.timeout(patienceMs);
  let socket: Socket | undefined;
  try {
    const opened = await open(target, signal);
    socket = opened.socket;
    if (opened.fingerprint !== target.certificate?.fingerprint && target.certificate !== undefined) {
      return `shows another certificate than the one in ${target.certificate.file}`;
    }
    const status = await ask(target.url, socket, signal);
    return status === 200 ? undefined : `answers ${status}; is that proxmox-mcp?`;
  } catch (error) {
    if (signal.aborted) return `no answer within ${patienceMs / 1000} s`;
    return reason(codeOf(error));
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

function reason(code: string | undefined): string {
  if (code === "ECONNREFUSED") return "nothing listens there; host and port are those of MCP_HOST and MCP_PORT";
  return `no answer (${code ?? "closed"}); host, port and certificate are those of MCP_HOST, MCP_PORT and MCP_TLS_CERT_FILE`;
}
