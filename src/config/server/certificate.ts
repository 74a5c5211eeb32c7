import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { ConfigError } from "../error.ts";
import { type FileText, readTrusted } from "../files/file.ts";

/** The lines between which a PEM block stands (RFC 7468). */
const boundary = /-----(BEGIN|END) ([A-Z0-9 ]+)-----/g;

/**
 * Reads the authorities of a `ca_file`: its PEM certificates, without the text between them.
 * @throws ConfigError when there is none, one cannot be read, or a private key stands among them.
 */
export function readAuthorities(given: string, folder: string): { ca: string; file: string } {
  const file = readTrusted(given, folder);
  if (file.text.matchAll(boundary).some(([, , label = ""]) => label.endsWith("PRIVATE KEY"))) {
    throw new ConfigError(`${file.shown} holds a private key; name a file that holds only certificates.`);
  }
  const certificates = pemBlocks(file.text).flatMap(({ label, pem }) => (label === "CERTIFICATE" ? [pem] : []));
  if (certificates.length === 0) {
    throw new ConfigError(
      `${file.shown} holds no PEM certificate ("-----BEGIN CERTIFICATE-----"). Proxmox's own is /etc/pve/pve-root-ca.pem.`,
    );
  }
  for (const [index, pem] of certificates.entries()) certificate(pem, `certificate ${index + 1} of ${file.shown}`);
  return { ca: `${certificates.join("\n")}\n`, file: file.path };
}

/** The server's own certificate, with what follows it in its file, and its key. */
export interface Pair {
  readonly cert: FileText;
  readonly key: FileText;
  /** Which certificates of the chain are not valid now, a sentence each; clients refuse them. */
  readonly warnings: readonly string[];
}

/**
 * Reads and judges the server's own certificate and key, every certificate of the chain too.
 * @param now when the certificates must be valid. Default: now.
 * @throws ConfigError when one cannot be read or they do not belong together.
 */
export function loadPair(certFile: string, keyFile: string, folder: string, now = new Date()): Pair {
  const cert = readTrusted(certFile, folder);
  const key = readTrusted(keyFile, folder);
  if (!certificate(cert.text, cert.shown).checkPrivateKey(privateKey(key))) {
    throw new ConfigError(`the key in ${key.shown} does not belong to the certificate in ${cert.shown}.`);
  }
  const chain = pemBlocks(cert.text).map(({ pem }, index) => ({
    name: index === 0 ? `The certificate in ${cert.shown}` : `Certificate ${index + 1} of the chain in ${cert.shown}`,
    certificate: certificate(pem, `certificate ${index + 1} of ${cert.shown}`),
  }));
  const warnings = chain.flatMap(({ name, certificate }) => validityWarning(name, certificate, now) ?? []);
  return { cert, key, warnings };
}

function validityWarning(name: string, { validFromDate, validToDate }: X509Certificate, now: Date): string | undefined {
  if (validToDate < now)
    return `${name} expired on ${day(validToDate)}, and clients refuse it. Renew it; the new one is used within seconds.`;
  if (validFromDate > now) return `${name} is only valid from ${day(validFromDate)}. Check this machine's clock.`;
  return undefined;
}

/** The PEM blocks of a text, from BEGIN to the END of the same label; such blocks do not nest. */
function pemBlocks(text: string): { label: string; pem: string }[] {
  const blocks: { label: string; pem: string }[] = [];
  let open: { label: string; start: number } | undefined;
  for (const { 0: line, 1: side, 2: label = "", index } of text.matchAll(boundary)) {
    if (side === "BEGIN") open = { label, start: index };
    else if (open?.label === label) {
      blocks.push({ label, pem: text.slice(open.start, index + line.length) });
      open = undefined;
    }
  }
  return blocks;
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

function certificate(pem: string, name: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new ConfigError(`${name} cannot be read as a PEM certificate (X.509).`);
  }
}

function privateKey(file: FileText): KeyObject {
  if (/ENCRYPTED/.test(file.text)) {
    throw new ConfigError(`the key in ${file.shown} is encrypted; name one without a passphrase.`);
  }
  try {
    return createPrivateKey(file.text);
  } catch {
    throw new ConfigError(`${file.shown} cannot be read as a PEM private key.`);
  }
}
