import { ConfigError } from "../error.ts";

/**
 * Reads a SHA-256 fingerprint, 64 hex digits with or without colons, into `AB:CD:...`.
 * @throws ConfigError that says what is wrong with it.
 */
export function parseFingerprint(text: string): string {
  const bytes = /^(?:[0-9a-f]{2}:)*[0-9a-f]{2}$|^(?:[0-9a-f]{2})+$/i.test(text)
    ? (text.replaceAll(":", "").match(/../g) ?? [])
    : [];
  if (bytes.length === 20) {
    throw new ConfigError(
      "is a SHA-1 fingerprint (40 hex digits); SHA-256 is needed (64). On the node: " +
        "openssl x509 -noout -fingerprint -sha256 -in /etc/pve/local/pve-ssl.pem",
    );
  }
  if (bytes.length !== 32) {
    throw new ConfigError("must be a SHA-256 fingerprint: 64 hex digits, with a colon after every two or without any.");
  }
  return bytes.join(":").toUpperCase();
}
