import type { TlsMode } from "../../config/types.ts";
import { TransportError } from "../errors/proxmox-error.ts";
import { type Certificate, day, describeCertificate } from "./certificate.ts";

/** Why a server's certificate was not accepted, with the certificate and the line of configuration that would trust it. */
export function untrusted(
  endpoint: string,
  mode: TlsMode,
  code: string | undefined,
  certificate: Certificate | undefined,
): TransportError {
  const said = certificate === undefined ? "" : ` (${describeCertificate(certificate)})`;
  return new TransportError({
    kind: "tls",
    sent: "no",
    what: `${why(endpoint, mode, code, certificate)}${said}; nothing was sent to it`,
    hint: certificate === undefined ? speaksTls(endpoint) : remedy(endpoint, mode, code, certificate),
    endpoint,
    details: { ...(code !== undefined && { code }), ...(certificate !== undefined && { certificate }) },
  });
}

function why(endpoint: string, mode: TlsMode, code: string | undefined, certificate: Certificate | undefined): string {
  if (certificate === undefined) return `${endpoint} did not complete a TLS handshake (${code ?? "no certificate"})`;
  if (mode.mode === "fingerprint") return `${endpoint} shows a certificate that is not the pinned one`;
  switch (code) {
    case "CERT_HAS_EXPIRED":
      return `${endpoint} shows a certificate that expired on ${day(certificate.validTo)}`;
    case "CERT_NOT_YET_VALID":
      return `${endpoint} shows a certificate that is valid only from ${day(certificate.validFrom)}`;
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return `${endpoint} shows a certificate for other names than ${hostOf(endpoint)}`;
    case "DEPTH_ZERO_SELF_SIGNED_CERT":
      return `${endpoint} shows a self-signed certificate`;
    default:
      return `${endpoint} shows a certificate from an authority that ${
        mode.mode === "ca" ? `${mode.file} does not hold` : "this machine does not know"
      } (${code})`;
  }
}

function remedy(endpoint: string, mode: TlsMode, code: string | undefined, certificate: Certificate): string {
  const pin = `"fingerprint": "${certificate.fingerprint}"`;
  const compare =
    "First compare it with the fingerprint that `pvenode cert info` shows on the node itself: an attacker in between can present any certificate.";
  if (mode.mode === "fingerprint") {
    return `If the node's certificate was renewed, set ${pin} in the cluster's entry (or a list, to keep the old one). ${compare}`;
  }
  if (code === "CERT_HAS_EXPIRED") {
    return `Renew it on the node (\`pvecm updatecerts --force\`, or \`pvenode acme cert renew\`), or trust exactly this one with ${pin} in the cluster's entry. ${compare}`;
  }
  if (code === "CERT_NOT_YET_VALID") return "Compare the clocks of the node and of this machine (`timedatectl`).";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    const others =
      certificate.names.length === 0 ? "" : ` by one of its names (${certificate.names.slice(0, 8).join(", ")})`;
    return `Write the "url"${others}, or trust exactly this certificate with ${pin} in the cluster's entry. ${compare}`;
  }
  const file = mode.mode === "ca" ? mode.file : "/path/to/pve-root-ca.pem";
  return (
    `Either copy /etc/pve/pve-root-ca.pem from a node of ${hostOf(endpoint)}'s cluster and set "ca_file": "${file}", ` +
    `or set ${pin} in the cluster's entry. ${compare}`
  );
}

function speaksTls(endpoint: string): string {
  return `Check that ${new URL(endpoint).host} is Proxmox's https port (8006 unless changed), and not a plain http service.`;
}

function hostOf(endpoint: string): string {
  return new URL(endpoint).hostname;
}
