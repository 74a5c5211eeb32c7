import { checkPair } from "../config/certificate.ts";
import { ConfigError } from "../config/error.ts";
import type { ServerConfig } from "../config/types.ts";
import { onFileChange } from "../config/watch.ts";
import type { Log } from "../log.ts";

/**
 * Calls `use` when a new certificate lies in the files and can be used. Renewal writes certificate and key one after
 * the other; until they belong together the old pair stays. Returns how to stop watching.
 */
export function onNewCertificate(tls: ServerConfig["tls"], log: Log, use: () => void): () => void {
  if (tls === undefined) return () => undefined;
  const { certFile, keyFile } = tls;
  return onFileChange([certFile, keyFile], () => {
    try {
      checkPair(certFile, keyFile, ".");
      use();
      log.info(`${certFile}: the new certificate is in use`);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      log.warn(`The certificate changed, and the old one stays: ${error.message}`);
    }
  });
}
