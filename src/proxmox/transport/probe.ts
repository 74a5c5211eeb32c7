import type { X509Certificate } from "node:crypto";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import type { TlsMode } from "../../config/types.ts";
import type { Redactor } from "../../redact/redactor.ts";
import { type Problem, TransportError } from "../errors/proxmox-error.ts";
import { lostAnswer } from "../errors/transport-errors.ts";
import { type Certificate, certificateOf } from "../tls/certificate.ts";
import { type Connection, codeOf, type Destination, openConnection } from "./connection.ts";

/** An endpoint as it shows itself to anybody, before any token: what was seen, or what stood in the way. */
export type Seen<T> =
  | { readonly seen: T; readonly problem?: never }
  | { readonly problem: Problem; readonly seen?: never };

/** Which way to an endpoint, and what must be taken out of the texts that it shows. `proxy` undefined connects directly. */
export type Through = Pick<Destination, "proxy" | "redactor">;

/** How long an endpoint may take to let itself be seen, in milliseconds. */
const patienceMs = 5_000;

/**
 * Connects to an endpoint, judges its certificate as `tls` says, and closes again; nothing is sent. Gives the
 * certificates that it showed, its own first (Proxmox's own node certificates come alone); none on plain http.
 * Of one that was refused the problem's details hold the certificate.
 */
export async function inspectCertificates(
  endpoint: string,
  tls: TlsMode,
  through: Through,
): Promise<Seen<readonly Certificate[]>> {
  return await look({ endpoint, tls, ...through, connectMs: patienceMs }, ({ socket, certificate }) => {
    if (certificate === undefined) return [];
    const leaf = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
    return [certificate, ...(leaf === undefined ? [] : issuersOf(leaf, through.redactor))];
  });
}

/** The beginning of a page that a node serves to anybody. */
export interface ProbedPage {
  readonly status: number;
  readonly text: string;
}

/** Reads a page's first bytes, without a token; `path` begins with a slash and stands below the endpoint's prefix. */
export async function inspectPage(
  endpoint: string,
  tls: TlsMode,
  path: string,
  through: Through,
): Promise<Seen<ProbedPage>> {
  return await look({ endpoint, tls, ...through, connectMs: patienceMs }, async ({ socket }, signal) => {
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
  to: Destination,
  see: (connection: Connection, signal: AbortSignal) => T | Promise<T>,
): Promise<Seen<T>> {
  let connection: Connection | undefined;
  try {
    connection = await openConnection(to, new AbortController().signal);
    return { seen: await see(connection, AbortSignal.timeout(patienceMs)) };
  } catch (error) {
    if (error instanceof TransportError) return { problem: error.problem };
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

function issuersOf(leaf: X509Certificate, redactor: Redactor): Certificate[] {
  const issuer = leaf.issuerCertificate;
  if (issuer === undefined || issuer.fingerprint256 === leaf.fingerprint256) return [];
  return [certificateOf(issuer, redactor), ...issuersOf(issuer, redactor)];
}
