import type { X509Certificate } from "node:crypto";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import { proxyFor } from "../config/proxy.ts";
import type { TlsMode } from "../config/types.ts";
import type { Certificate } from "./certificate.ts";
import { type Connection, codeOf, openConnection } from "./connection.ts";
import { Fault, type Problem } from "./errors.ts";
import { lostAnswer } from "./lost.ts";

/** An endpoint as it shows itself to anybody, before any token: what was seen, or what stood in the way. */
export type Seen<T> =
  | { readonly seen: T; readonly problem?: never }
  | { readonly problem: Problem; readonly seen?: never };

/** How long an endpoint may take to let itself be seen, in milliseconds. */
const patienceMs = 5_000;

/**
 * Connects to an endpoint, judges its certificate as `tls` says, and closes again; nothing is sent. Gives the
 * certificates that it showed, its own first (Proxmox's own node certificates come alone); none on plain http.
 * Of one that was refused the problem's details hold the certificate.
 */
export async function inspectCertificates(endpoint: string, tls: TlsMode): Promise<Seen<readonly Certificate[]>> {
  return await look(endpoint, tls, ({ socket, certificate }) => {
    if (certificate === undefined) return [];
    const leaf = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
    return [certificate, ...(leaf === undefined ? [] : issuersOf(leaf))];
  });
}

/** The beginning of a page that a node serves to anybody. */
export interface Page {
  readonly status: number;
  readonly text: string;
}

/** Reads a page's first bytes, without a token; `path` begins with a slash and stands below the endpoint's prefix. */
export async function inspectPage(endpoint: string, tls: TlsMode, path: string): Promise<Seen<Page>> {
  return await look(endpoint, tls, async ({ socket }, signal) => {
    const giveUp = () => socket.destroy();
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      const base = new URL(endpoint);
      const answer = Promise.withResolvers<IncomingMessage>();
      const request = httpRequest(
        {
          createConnection: () => socket,
          path: `${base.pathname.replace(/\/$/, "")}${path}`,
          headers: { host: base.host, "user-agent": "proxmox-mcp", connection: "close" },
        },
        answer.resolve,
      );
      request.on("error", answer.reject);
      request.end();
      const incoming = await answer.promise;
      return { status: incoming.statusCode ?? 0, text: await beginning(incoming) };
    } catch (error) {
      throw lostAnswer(endpoint, codeOf(error), undefined);
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  });
}

async function look<T>(
  endpoint: string,
  tls: TlsMode,
  see: (connection: Connection, signal: AbortSignal) => T | Promise<T>,
): Promise<Seen<T>> {
  const to = { endpoint, tls, proxy: proxyFor(endpoint), connectMs: patienceMs };
  let connection: Connection | undefined;
  try {
    connection = await openConnection(to, AbortSignal.timeout(2 * patienceMs));
    return { seen: await see(connection, AbortSignal.timeout(patienceMs)) };
  } catch (error) {
    if (error instanceof Fault) return { problem: error.problem };
    throw error;
  } finally {
    connection?.socket.destroy();
  }
}

async function beginning(incoming: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of incoming) {
    text += (chunk as Buffer).toString("latin1");
    if (text.length >= 1024) break;
  }
  return text;
}

function issuersOf(leaf: X509Certificate): Certificate[] {
  const issuer = leaf.issuerCertificate;
  if (issuer === undefined || issuer.fingerprint256 === leaf.fingerprint256) return [];
  const certificate = {
    fingerprint: issuer.fingerprint256,
    subject: oneLine(issuer.subject),
    issuer: oneLine(issuer.issuer),
    validFrom: new Date(issuer.validFrom),
    validTo: new Date(issuer.validTo),
    names: [],
    pem: issuer.toString(),
  };
  return [certificate, ...issuersOf(issuer)];
}

function oneLine(name: string): string {
  return name.replaceAll(/\p{Cc}+/gu, ", ").replace(/, $/, "");
}
