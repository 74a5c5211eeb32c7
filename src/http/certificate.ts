import { onFileChange } from "../config/files/watch.ts";
import { loadPair } from "../config/server/certificate.ts";
import type { ServerConfig } from "../config/types.ts";
import type { Log } from "../log.ts";

/** A certificate (chain) and its key, in PEM. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
  /** Warnings to log, such as that the certificate has expired. */
  readonly warnings: readonly string[];
}

/**
 * The certificate to serve with, read from its files; `undefined` for plain http.
 * @throws {ConfigError} when it cannot be used.
 */
export function loadCertificate(tls: ServerConfig["tls"]): TlsPair | undefined {
  if (tls === undefined) return undefined;
  const { cert, key, warnings } = loadPair(tls.certFile, tls.keyFile, ".");
  return { cert: cert.text, key: key.text, warnings };
}

/**
 * Hands over a new certificate when one lies in the files and can be used. Renewal writes certificate and key one after
 * the other; until they belong together, and when `use` throws, the old pair stays. Returns how to stop watching.
 */
export function onNewCertificate(tls: ServerConfig["tls"], log: Log, use: (pair: TlsPair) => void): () => void {
  if (tls === undefined) return () => undefined;
  return onFileChange([tls.certFile, tls.keyFile], () => {
    try {
      const pair = loadCertificate(tls);
      if (pair === undefined) return;
      use(pair);
      log.info(`${tls.certFile}: the new certificate is in use`);
      for (const warning of pair.warnings) log.warn(warning);
    } catch (error) {
      log.warn(`The certificate changed, and the old one stays: ${error instanceof Error ? error.message : error}`);
    }
  });
}
