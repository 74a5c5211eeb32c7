import { Fault } from "./errors.ts";

/**
 * A request that left and whose answer did not come, or not whole. `code` is the runtime's: Bun's fetch says
 * `Malformed_HTTP_Response` and `ZlibError`, node:http `HPE_...`, node:zlib `Z_...`.
 */
export function lostAnswer(endpoint: string, code: string | undefined, status: number | undefined): Fault {
  const common = { sent: "maybe", endpoint, status, details: { ...(code !== undefined && { code }) } } as const;
  if (status !== undefined) {
    const packed = code !== undefined && /^(?:Zlib|Z_)/.test(code);
    return new Fault({
      ...common,
      kind: "broken-answer",
      what: `${endpoint} began to answer (${status}), but ${packed ? "what it sent is no whole gzip" : "closed the connection before the end"}`,
      hint: "Try again; if it stays so, look for a proxy in between, and at `journalctl -u pveproxy` on the node.",
    });
  }
  if (code !== undefined && /^(?:Malformed_HTTP|HPE_)/.test(code)) {
    return new Fault({
      ...common,
      kind: "not-proxmox",
      what: `${endpoint} answers with something that is no HTTP`,
      hint: `Check that ${new URL(endpoint).host} is Proxmox's API (port 8006 unless changed).`,
    });
  }
  return new Fault({
    ...common,
    kind: "unreachable",
    what: `${endpoint} closed the connection without an answer`,
    hint: "Look at `systemctl status pveproxy pvedaemon` on the node; a restart of these ends connections this way.",
  });
}
