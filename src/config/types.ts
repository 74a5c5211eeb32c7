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

/** The policy's keys as the file sets them; `undefined` means that the file does not. */
export interface PolicyConfig {
  readonly access: "read-only" | "guarded" | "full" | undefined;
  readonly consentFallback: "code" | "two-step" | "deny" | undefined;
  readonly allow: readonly string[] | undefined;
  readonly deny: readonly string[] | undefined;
  readonly protect: readonly string[] | undefined;
}

/** How the HTTP server listens and whom it lets in. */
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
