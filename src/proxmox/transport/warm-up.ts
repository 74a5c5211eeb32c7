import { getCACertificates } from "node:tls";
import type { Variables } from "../../config/clusters/variables.ts";

/**
 * Makes the runtime open now what it would otherwise open with the first request to Proxmox. Without a file descriptor
 * left, starting its HTTP thread ends the whole process, and `NODE_EXTRA_CA_CERTS` is ignored until the next start
 * (both measured with Bun 1.4.5).
 */
export function warmUp(env: Variables): void {
  // Port 0 can be connected to nowhere, so nothing is sent; the thread runs all the same.
  fetch("http://127.0.0.1:0/", { proxy: false }).catch(() => undefined);
  if ((env["NODE_EXTRA_CA_CERTS"] ?? "") !== "") getCACertificates("extra");
}
