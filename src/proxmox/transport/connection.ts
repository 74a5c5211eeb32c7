import { connect as connectTcp, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { bare } from "../../config/server/host.ts";
import type { ProxyConfig, TlsMode } from "../../config/types.ts";
import { hasDescriptors, isExhausted, moreDescriptors } from "../../descriptors.ts";
import type { Redactor } from "../../redact/redactor.ts";
import { TransportError } from "../errors/proxmox-error.ts";
import { type Certificate, peerCertificate } from "../tls/certificate.ts";
import { untrusted } from "../tls/errors.ts";
import { connectionTrust, isTlsCode } from "../tls/modes.ts";
import { established, openTunnel, staysOpen } from "./socket.ts";

/** Where to connect, and how far to trust what answers. */
export interface Destination {
  /** Base URL. */
  readonly endpoint: string;
  readonly tls: TlsMode;
  /** `undefined` connects directly. */
  readonly proxy: ProxyConfig | undefined;
  /** How long connecting and the handshake may take, in milliseconds. */
  readonly connectMs: number;
  /** Takes secrets out of the names in certificates. */
  readonly redactor: Redactor;
}

/** An open connection whose server has been judged; nothing was sent on it yet. */
export interface Connection {
  readonly socket: Socket;
  /** What the server showed; `undefined` on plain http. */
  readonly certificate: Certificate | undefined;
}

/**
 * Opens a connection and judges the server. Whatever it throws, no byte of a request has left.
 * @throws TransportError of kind `unreachable` or `tls`; the signal's reason when that aborts.
 */
export async function openConnection(to: Destination, signal: AbortSignal): Promise<Connection> {
  signal.throwIfAborted();
  const limit = AbortSignal.timeout(to.connectMs);
  try {
    return await open(to, AbortSignal.any([signal, limit]));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TransportError) throw error;
    const code = limit.aborted ? "ETIMEDOUT" : codeOf(error);
    if (!isTlsCode(code)) throw unreachable(to, code);
    throw untrusted(to.endpoint, to.tls, code, await readCertificate(to, signal));
  }
}

/** The certificate that an endpoint shows to anybody, without sending it anything; `undefined` when there is none to be had. */
export async function readCertificate(to: Destination, signal: AbortSignal): Promise<Certificate | undefined> {
  try {
    const within = AbortSignal.any([signal, AbortSignal.timeout(to.connectMs)]);
    const { socket, certificate } = await open({ ...to, tls: { mode: "off" } }, within);
    socket.destroy();
    return certificate;
  } catch {
    return undefined;
  }
}

/**
 * How long a plain connection is watched before anything is sent, in milliseconds. The kernel takes connections for a
 * server that is about to end; with TLS the handshake shows that, without it only the close that follows. Seen before
 * the request left, it proves that nothing was done.
 */
const plainProbeMs = 1;

/** The runtime's error code, where it has a text for one. */
export function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

/** No connection could be made: which endpoint, why, and what to check. */
export function unreachable(to: Destination, code: string | undefined): TransportError {
  const { host, hostname } = new URL(to.proxy?.url ?? to.endpoint);
  const through = to.proxy === undefined ? to.endpoint : `the proxy ${host} (for ${to.endpoint})`;
  const common = {
    kind: "unreachable",
    sent: "no",
    endpoint: to.endpoint,
    details: { ...(code !== undefined && { code }) },
  } as const;
  // The check comes after the failure: what the runtime then says of the other end is not true.
  if (isExhausted(code) || (code !== "ETIMEDOUT" && !hasDescriptors())) {
    return new TransportError({
      ...common,
      details: { code: code === "ENFILE" ? code : "EMFILE" },
      what: `this server has no file descriptor left for a connection to ${through}`,
      hint: moreDescriptors,
    });
  }
  switch (code) {
    case "ECONNREFUSED":
      return new TransportError({
        ...common,
        what: `${through} refused the connection`,
        hint: `Nothing listens at ${host}: check host and port, and on the node \`systemctl status pveproxy\`.`,
      });
    case "ENOTFOUND":
    case "EAI_AGAIN":
    case "ESERVFAIL":
      return new TransportError({
        ...common,
        what: `the name ${hostname} of ${through} does not resolve (${code})`,
        hint: `Check the spelling, or write the address; \`getent hosts ${hostname}\` on this machine must find it.`,
      });
    case "ERR_PROXY_TUNNEL":
      return new TransportError({
        ...common,
        what: `the proxy ${host} refused a tunnel to ${to.endpoint}`,
        hint: `Let the proxy connect to ${new URL(to.endpoint).host}, or add that to NO_PROXY.`,
      });
    case "ETIMEDOUT":
      return new TransportError({
        ...common,
        what: `${through} did not take a connection within ${to.connectMs} ms`,
        hint: `Check that the node is up, and that no firewall between this machine and ${host} drops the packets.`,
      });
    default:
      return new TransportError({
        ...common,
        what: `${through} could not be connected to (${code ?? "closed"})`,
        hint: `Check that the node is up, and that ${host} can be reached from this machine.`,
      });
  }
}

async function open(to: Destination, signal: AbortSignal): Promise<Connection> {
  const url = new URL(to.endpoint);
  const host = bare(url.hostname);
  const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
  if (url.protocol === "http:") {
    const socket = await established(connectTcp({ host, port }), "connect", signal);
    await staysOpen(socket, plainProbeMs, signal);
    return { socket, certificate: undefined };
  }
  const trust = connectionTrust(to.tls);
  const name = /^[\d.]+$|:/.test(host) ? {} : { servername: host };
  const way: ConnectionOptions =
    to.proxy === undefined
      ? { port }
      : { socket: await openTunnel(to.endpoint, to.proxy, `${url.hostname}:${port}`, signal) };
  const socket = await established(connectTls({ ...trust, ...name, ...way, host }), "secureConnect", signal);
  const certificate = peerCertificate(socket, to.redactor);
  if (
    to.tls.mode === "fingerprint" &&
    !(certificate !== undefined && to.tls.fingerprints.includes(certificate.fingerprint))
  ) {
    socket.destroy();
    throw untrusted(to.endpoint, to.tls, undefined, certificate);
  }
  return { socket, certificate };
}
