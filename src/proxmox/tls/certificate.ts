import type { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import type { Redactor } from "../../redact/redactor.ts";

/** A server's certificate, as far as an operator needs it to decide whether to trust it. */
export interface Certificate {
  /** SHA-256 as `AB:CD:...`, the form of `pvenode cert info` and of the configuration. */
  readonly fingerprint: string;
  readonly subject: string;
  readonly issuer: string;
  readonly validFrom: Date;
  readonly validTo: Date;
  /** The host names and addresses it is made for. */
  readonly names: readonly string[];
  readonly pem: string;
}

/** The certificate that the other side of a finished handshake has proved to own; `undefined` when it showed none. */
export function peerCertificate(socket: TLSSocket, redactor: Redactor): Certificate | undefined {
  const peer = socket.getPeerX509Certificate();
  return peer === undefined ? undefined : certificateOf(peer, redactor);
}

/** A parsed certificate in the words of this folder. */
export function certificateOf(parsed: X509Certificate, redactor: Redactor): Certificate {
  const names = redactor.incoming(parsed.subjectAltName ?? "").split(", ");
  return {
    fingerprint: parsed.fingerprint256,
    subject: oneLine(redactor.incoming(parsed.subject)),
    issuer: oneLine(redactor.incoming(parsed.issuer)),
    validFrom: new Date(parsed.validFrom),
    validTo: new Date(parsed.validTo),
    names: names.flatMap((name) => /^(?:DNS|IP Address):(.+)$/.exec(name)?.[1] ?? []),
    pem: parsed.toString(),
  };
}

/** A certificate in one line for an error. */
export function describeCertificate(certificate: Certificate): string {
  const { subject, issuer, validFrom, validTo, names, fingerprint } = certificate;
  const named =
    names.length === 0 ? "no names" : `names ${names.slice(0, 8).join(", ")}${names.length > 8 ? ", ..." : ""}`;
  return `subject "${subject}", issuer "${issuer}", ${named}, valid ${day(validFrom)} to ${day(validTo)}, SHA-256 ${fingerprint}`;
}

/** A day as `2026-11-23`. */
export function day(date: Date): string {
  return Number.isNaN(date.getTime()) ? "unknown" : date.toISOString().slice(0, 10);
}

/** The server chose these words: one line, no control characters, not endless. */
function oneLine(name: string): string {
  return name
    .replaceAll(/[\p{Cc}"]+/gu, ", ")
    .replace(/, $/, "")
    .slice(0, 200);
}
