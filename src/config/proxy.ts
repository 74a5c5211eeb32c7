import { isLoopback } from "./host.ts";
import type { Variables } from "./variables.ts";

/**
 * The http proxy that the environment wants for an https URL, read as curl and Bun's fetch read it: `https_proxy` or
 * `HTTPS_PROXY`, else `all_proxy` or `ALL_PROXY`, unless `no_proxy` or `NO_PROXY` names the host (`*`, `host`,
 * `host:port`, `.suffix`). Plain http and this machine itself never go through one.
 */
export function proxyFor(url: string, env: Variables = process.env): string | undefined {
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== "https:" || isLoopback(hostname)) return undefined;
  const first = (...names: readonly string[]) =>
    names.map((name) => env[name]).find((value) => value !== undefined && value !== "");
  const proxy = first("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY");
  if (proxy === undefined) return undefined;
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const excluded = (first("no_proxy", "NO_PROXY") ?? "")
    .split(",")
    .some((entry) => covers(entry.trim().toLowerCase(), host, port || "443"));
  return excluded ? undefined : /^[a-z0-9]+:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
}

function covers(entry: string, host: string, port: string): boolean {
  if (entry === "") return false;
  if (entry === "*") return true;
  const [, bracketed, name, wanted] = /^(?:\[(.*)\]|([^:]*|.*:.*:.*))(?::(\d+))?$/.exec(entry) ?? [];
  const suffix = (bracketed ?? name ?? entry).replace(/^\*?\./, "");
  if (wanted !== undefined && wanted !== port) return false;
  return host === suffix || host.endsWith(`.${suffix}`);
}
