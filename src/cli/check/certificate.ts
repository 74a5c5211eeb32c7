import type { TlsMode } from "../../config/types.ts";
import type { Problem } from "../../proxmox/errors/proxmox-error.ts";
import { type Certificate, day } from "../../proxmox/tls/certificate.ts";
import type { CheckResult } from "./finding.ts";

/**
 * Below this many days a certificate ends soon. Proxmox renews its own certificates, and those it has from ACME, on
 * its own while more are left: fewer mean that this did not work.
 */
const soonDays = 14;

const dayMs = 86_400_000;

/** Days until a moment, rounded, negative after it. */
function daysUntil(moment: Date): number {
  return Math.round((moment.getTime() - Date.now()) / dayMs);
}

/** What to say of a certificate that was accepted under a mode; `undefined` is plain http. */
export function certificateFound(mode: TlsMode, certificate: Certificate | undefined): CheckResult {
  const check = "certificate";
  if (certificate === undefined) {
    return { check, verdict: "ok", text: "none: plain http, which only goes to this machine itself" };
  }
  const { subject, fingerprint, validTo } = certificate;
  const text = `${trust(mode)}; subject "${subject}", ${ending(validTo)}, SHA-256 ${fingerprint}`;
  const facts = factsOf(mode, certificate);
  const next = [...unverified(mode, certificate), ...(facts.daysLeft < soonDays ? [renewal(mode)] : [])].join(" ");
  return next === "" ? { check, verdict: "ok", text, facts } : { check, verdict: "warn", text, next, facts };
}

/** A certificate that was not accepted, or a handshake that failed. */
export function certificateRefused(mode: TlsMode, { what, hint, details }: Problem): CheckResult {
  const certificate = details?.certificate;
  return {
    check: "certificate",
    verdict: "fail",
    text: what,
    ...(hint !== undefined && { next: hint }),
    facts: certificate === undefined ? { mode: mode.mode } : factsOf(mode, certificate),
  };
}

function factsOf({ mode }: TlsMode, { pem: _, ...certificate }: Certificate) {
  return { mode, ...certificate, daysLeft: daysUntil(certificate.validTo) };
}

/** When a certificate ends: `ends in 5 days (2026-11-23)`. */
export function ending(validTo: Date): string {
  const days = Math.abs(daysUntil(validTo));
  const when = days === 0 ? "today" : days === 1 ? "1 day" : `${days} days`;
  const gone = validTo.getTime() < Date.now();
  if (days === 0) return `${gone ? "expired" : "ends"} ${when} (${day(validTo)})`;
  return gone ? `expired ${when} ago (${day(validTo)})` : `ends in ${when} (${day(validTo)})`;
}

function trust(mode: TlsMode): string {
  switch (mode.mode) {
    case "verify":
      return "verified by this machine's authorities";
    case "ca":
      return `verified by ${mode.file}`;
    case "fingerprint":
      return "is the pinned one";
    case "off":
      return "accepted without verification (verify_ssl is false)";
  }
}

function unverified(mode: TlsMode, { fingerprint }: Certificate): string[] {
  if (mode.mode !== "off") return [];
  return [
    `Remove "verify_ssl" from the cluster's entry and set "fingerprint": "${fingerprint}", once \`pvenode cert info\` on the node shows the same; ` +
      'or "ca_file" with a copy of its /etc/pve/pve-root-ca.pem.',
  ];
}

/** A pin or no verification accepts an expired certificate, too, so it ends nothing there, but should not stay. */
function renewal(mode: TlsMode): string {
  const pin = ' Then its fingerprint changes: set "fingerprint" to a list of both until it is done.';
  return `Renew it on the node: \`pvecm updatecerts --force\` for Proxmox's own, \`pvenode acme cert renew\` for one from ACME.${
    mode.mode === "fingerprint" ? pin : ""
  }`;
}
