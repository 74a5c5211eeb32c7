import { refuse } from "../error-response.ts";
import type { Gate } from "./gate.ts";

/** The names of this machine for itself, as they stand in a `Host` header. */
export const loopbackNames: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

interface HostPattern {
  readonly host: string;
  /** `undefined` means any. */
  readonly port: string | undefined;
}

/**
 * Refuses requests whose `Host` is not one of ours (DNS rebinding: a browser can be led to this server under a
 * foreign name). Loopback names and the address listened on always pass.
 * @param allowed entries of `MCP_ALLOWED_HOSTS`: `host` or `host:*` for any port, `host:port` for that one, `*` for all.
 * @param bound the address listened on.
 */
export function hostGate(allowed: readonly string[], bound: string): Gate {
  if (allowed.includes("*")) return () => undefined;
  const patterns = [...loopbackNames, bracketed(bound), ...allowed].map(parseHost);
  return (request) => {
    const given = request.headers.get("host") ?? "";
    const { host, port } = parseHost(given);
    if (patterns.some((pattern) => pattern.host === host && (pattern.port === undefined || pattern.port === port))) {
      return undefined;
    }
    return refuse(
      403,
      `This server does not answer as host ${JSON.stringify(given)}. If it should, add ${JSON.stringify(host)} to MCP_ALLOWED_HOSTS.`,
    );
  };
}

function parseHost(text: string): HostPattern {
  const [, host = "", port] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(text.trim().toLowerCase()) ?? [];
  return { host, port: port === "*" ? undefined : port };
}

/** IPv6 addresses stand in brackets in a Host header, and without them in a bind address. */
function bracketed(address: string): string {
  return address.includes(":") && !address.startsWith("[") ? `[${address}]` : address;
}
