import { type ConnectionOptions, getCACertificates } from "node:tls";
import type { TlsMode } from "../../config/types.ts";
import type { Certificate } from "./certificate.ts";

let known: string[] | undefined;

/**
 * Every authority that this machine trusts: those the runtime brings (Mozilla's and `NODE_EXTRA_CA_CERTS`) and the
 * system's store, which Bun leaves out unless told. Reading the latter takes ~25 ms, so it is read when first needed.
 */
function authorities(): string[] {
  known ??= [...new Set([...getCACertificates("default"), ...getCACertificates("system")])];
  return known;
}

/**
 * How a connection of our own judges the server. `rejectUnauthorized` is always said: left out, the environment's
 * `NODE_TLS_REJECT_UNAUTHORIZED=0` would turn verification off. With pins the runtime judges nothing, and the caller
 * compares the certificate before it sends the first byte.
 */
export function connectionTrust(mode: TlsMode): ConnectionOptions {
  switch (mode.mode) {
    case "verify":
      return { rejectUnauthorized: true, ca: authorities() };
    case "ca":
      return { rejectUnauthorized: true, ca: mode.ca };
    case "fingerprint":
    case "off":
      return { rejectUnauthorized: false };
  }
}

/** How the runtime's own pool of connections judges the server, where no pin is set. */
export function poolTrust(mode: Exclude<TlsMode, { mode: "fingerprint" }>): BunFetchRequestInitTLS {
  switch (mode.mode) {
    case "verify":
      return { rejectUnauthorized: true, ca: authorities() };
    case "ca":
      return { rejectUnauthorized: true, ca: mode.ca };
    case "off":
      return { rejectUnauthorized: false };
  }
}

/** Known to Bun, not to its types: a certificate that is no authority may end the chain. */
const leafIsEnough = { allowPartialTrustChain: true };

/**
 * A pool that trusts this one certificate: it is the only authority, and compared again on each new connection.
 * (`rejectUnauthorized: false` with a comparison would be void: Bun ignores what it returns.)
 */
export function poolTrustOfLeaf(leaf: Certificate): BunFetchRequestInitTLS {
  return {
    rejectUnauthorized: true,
    ca: leaf.pem,
    ...leafIsEnough,
    checkServerIdentity: (_host, shown) =>
      shown.fingerprint256 === leaf.fingerprint
        ? undefined
        : Object.assign(new Error("another certificate"), { code: "ERR_TLS_PIN" }),
  };
}

/** Whether a code means that the handshake failed, so that no byte of the request has left. */
export function isTlsCode(code: string | undefined): boolean {
  return (
    code !== undefined &&
    /^(?:CERT_|UNABLE_TO_|ERR_TLS_|ERR_SSL_|ERROR_IN_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_CA$|INVALID_PURPOSE$|PATH_LENGTH_|HOSTNAME_MISMATCH$|EPROTO$)/.test(
      code,
    )
  );
}
