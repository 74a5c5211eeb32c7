import type { Secret } from "./secret.ts";

/** What the server runs with, frozen after it was read: nothing below `config/` parses or defaults again. */
export interface Config {
  /** Where the clusters came from, for messages: a file's path, `the environment`, or `the demo`. */
  readonly source: string;
  /** The file among them, to be watched for changes. */
  readonly file?: string;
  /** The key for what is sealed; without it one is derived from the clusters' token secrets. */
  readonly sealKey?: Secret;
  /** In the order of the file; names are unique. */
  readonly clusters: readonly ClusterConfig[];
  /** Who else than the owner of `MCP_AUTH_TOKEN` may call, in the order of the file; names are unique. */
  readonly callers: readonly CallerConfig[];
  /** Where the audit goes: a file's path, or `stderr`; `undefined` where the file does not say (see `loadAuditTarget`). */
  readonly auditLog: string | undefined;
  /** Things an operator should hear about at start-up: file modes, verification turned off. */
  readonly warnings: readonly string[];
}

/** One Proxmox VE cluster: the nodes that answer for it, the token, and how far TLS is trusted. */
export interface ClusterConfig {
  readonly name: string;
  /** Base URLs that name their port and have no slash at the end (`https://pve1.example:8006`, `https://gw.example:443/pve`), at least one. */
  readonly endpoints: readonly string[];
  /** The token's owner with realm, `mcp@pve`. */
  readonly user: string;
  /** The token's name, `agent` in `mcp@pve!agent`. */
  readonly tokenId: string;
  readonly tokenSecret: Secret;
  readonly tls: TlsMode;
  /** The proxies that the environment wants, by endpoint; one that is not in here is connected to directly. */
  readonly proxies?: Readonly<Record<string, ProxyConfig>>;
  /** How long one request to Proxmox may take, in milliseconds. */
  readonly timeoutMs: number;
  readonly policy: PolicyConfig;
}

/** How a cluster's certificate is judged: exactly one of these, never a mixture. */
export type TlsMode =
  /** The system's certificate authorities. */
  | { readonly mode: "verify" }
  /** Only this authority (PEM, may hold several certificates), such as Proxmox's `pve-root-ca.pem`. */
  | { readonly mode: "ca"; readonly ca: string; readonly file: string }
  /** One of these leaf certificates: SHA-256 as `AB:CD:...`, upper case. */
  | { readonly mode: "fingerprint"; readonly fingerprints: readonly string[] }
  /** Any certificate, from anybody. */
  | { readonly mode: "off" };

/** An http proxy that opens a tunnel to an endpoint. */
export interface ProxyConfig {
  /** `http://proxy.example:3128`, without user and password. */
  readonly url: string;
  /** What goes into `Proxy-Authorization`: `Basic ...`. */
  readonly authorization?: Secret;
}

/** How much may be done, the least first: reads; changes, and damage with a human's consent; everything. */
export const accessLevels = ["read-only", "guarded", "full"] as const;

/** One of {@link accessLevels}. */
export type Access = (typeof accessLevels)[number];

/** How consent is had from a client that can ask its human nothing. */
export type ConsentFallback = "code" | "two-step" | "deny";

/** What may be done on a cluster, with defaults filled in. */
export interface PolicyConfig {
  readonly access: Access;
  readonly consentFallback: ConsentFallback;
  /** Patterns over `METHOD /path`; `undefined` allows all that `access` does. */
  readonly allow: readonly string[] | undefined;
  readonly deny: readonly string[];
  /** `vmid:100-199`, `tag:prod`, `pool:infra`, `node:pve1`, `name:db-*`. */
  readonly protect: readonly string[];
}

/** A caller with its own token, and its rights on the clusters. */
export interface CallerConfig {
  readonly name: string;
  /** SHA-256 of the bearer token, 64 lower-case hex digits. */
  readonly tokenSha256: string;
  /** The most that may be done, whatever a cluster allows. */
  readonly access: Access;
  /** The clusters that exist for this caller; `undefined` for all. */
  readonly clusters: readonly string[] | undefined;
  /** Messages to this server, and requests to Proxmox that they cause, in a minute. */
  readonly requestsPerMinute: number;
  /** Calls of tools that run at the same time. */
  readonly parallelCalls: number;
}

/** Where the HTTP server listens and which clients it accepts. */
export interface ServerConfig {
  readonly host: string;
  readonly port: number;
  /** `MCP_ALLOWED_HOSTS`, as written, split at commas. */
  readonly allowedHosts: readonly string[];
  /** `MCP_ALLOWED_ORIGINS`, as written, split at commas. */
  readonly allowedOrigins: readonly string[];
  readonly authToken: Secret | undefined;
  /** Paths of the PEM files; https when set, reread when they change. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly warnings: readonly string[];
}

/** How the log on stderr looks. */
export interface LogConfig {
  readonly level: "silent" | "error" | "warn" | "info" | "debug";
  readonly format: "text" | "json";
}
