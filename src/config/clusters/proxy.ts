import { BlockList, isIP } from "node:net";
import { ConfigError } from "../error.ts";
import { Secret } from "../secret.ts";
import { bare, isLoopback } from "../server/host.ts";
import type { ClusterConfig, ProxyConfig } from "../types.ts";
import type { Variables } from "./variables.ts";

/**
 * Clusters with the proxies that the environment wants for their endpoints.
 * @throws ConfigError when one of them cannot be used.
 */
export function withProxies(clusters: readonly ClusterConfig[], env: Variables): readonly ClusterConfig[] {
  return clusters.map((cluster) => {
    const proxies: Record<string, ProxyConfig> = {};
    for (const endpoint of cluster.endpoints) {
      const proxy = proxyFor(endpoint, env);
      if (proxy !== undefined) proxies[endpoint] = proxy;
    }
    return Object.keys(proxies).length === 0 ? cluster : { ...cluster, proxies };
  });
}

/**
 * The http proxy that the environment wants for an https URL, read as curl and Bun's fetch read it: `https_proxy` or
 * `HTTPS_PROXY`, else `all_proxy` or `ALL_PROXY`, unless `no_proxy` or `NO_PROXY` names the host (`*`, `host`,
 * `host:port`, `.suffix`, and for addresses `192.0.2.0/24`, `2001:db8::/32`, which no name is looked up for). Plain http and this machine itself never go through one.
 * @throws ConfigError that names the variable, when what it holds is no http proxy.
 */
export function proxyFor(url: string, env: Variables): ProxyConfig | undefined {
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== "https:" || isLoopback(hostname)) return undefined;
  const given = first(env, ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]);
  if (given === undefined) return undefined;
  const excluded = (first(env, ["no_proxy", "NO_PROXY"])?.value ?? "")
    .split(",")
    .some((entry) => covers(entry.trim().toLowerCase(), bare(hostname), port || "443"));
  if (excluded) return undefined;
  const proxy = readProxy(given.value);
  if (proxy !== undefined) return proxy;
  throw new ConfigError(
    `${given.name}: is the proxy for ${url}, and must be http://host:port or http://user:password@host:port ` +
      `(%-encoded); https and socks proxies are not supported. Set it so, or add ${hostname} to NO_PROXY.`,
  );
}

function first(env: Variables, names: readonly string[]): { name: string; value: string } | undefined {
  for (const name of names) {
    const value = env[name];
    if (value !== undefined && value !== "") return { name, value };
  }
  return undefined;
}

function covers(entry: string, host: string, port: string): boolean {
  if (entry === "") return false;
  if (entry === "*") return true;
  if (entry.includes("/")) return isInSubnet(host, entry);
  // Anything else is an IPv6 address without brackets, and so without a port.
  const [, name = entry, wanted] = /^\[([^\]]*)\](?::(\d+))?$/.exec(entry) ?? /^([^:]*)(?::(\d+))?$/.exec(entry) ?? [];
  const suffix = name.replace(/^\*?\./, "");
  if (wanted !== undefined && wanted !== port) return false;
  return host === suffix || host.endsWith(`.${suffix}`);
}

/** Whether an address is in a range, `192.0.2.0/24`; a name is in none, as for curl and Go, and what is no range holds none. */
function isInSubnet(host: string, range: string): boolean {
  const [, address = "", digits = ""] = /^\[?([\da-f.:]{2,45})\]?\/(\d{1,3})$/.exec(range) ?? [];
  const version = isIP(address);
  const length = Number(digits);
  if (version === 0 || isIP(host) !== version || length > (version === 4 ? 32 : 128)) return false;
  const family = version === 4 ? "ipv4" : "ipv6";
  const subnet = new BlockList();
  subnet.addSubnet(address, length, family);
  return subnet.check(host, family);
}

/** A proxy as variables hold it, with or without `http://`; `undefined` when it is none. */
function readProxy(text: string): ProxyConfig | undefined {
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  // A path, query or fragment comes from a password that is not encoded, and then the host is not what was meant.
  if (url?.protocol !== "http:" || `${url.pathname}${url.search}${url.hash}` !== "/") return undefined;
  const { host, username, password } = url;
  if (username === "" && password === "") return { url: `http://${host}` };
  try {
    const login = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64");
    return { url: `http://${host}`, authorization: new Secret(`Basic ${login}`) };
  } catch {
    return undefined;
  }
}
