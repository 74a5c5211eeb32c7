/** One setting that is not in `clusters.json`: an environment variable, most with a flag that wins over it. */
export interface Setting {
  /**
   * What it is about: where clusters come from, the one cluster of the environment, the HTTP server, what is
   * kept on disk, the memory that it takes, the control socket, the end of the server, the log.
   */
  readonly group: "source" | "cluster" | "server" | "cache" | "memory" | "control" | "shutdown" | "log";
  readonly variable: string;
  /** The flag without its dashes; `undefined` where a value must not stand in the process list, or no flag is needed. */
  readonly flag: string | undefined;
  /** `switch` is a flag without a value. */
  readonly kind: "text" | "switch";
  /** What stands for the value in a usage line: `--port PORT`. */
  readonly hint: string;
  /** As text, the way it would be written; `undefined` when there is none. */
  readonly default: string | undefined;
  readonly meaning: string;
}

const define = <const T extends readonly Setting[]>(list: T): T => list;

/** Every setting. The commands' flags and the table in docs/settings.md are made from this list. */
export const settings = define([
  {
    group: "source",
    variable: "PROXMOX_MCP_CONFIG",
    flag: "config",
    kind: "text",
    hint: "FILE",
    default: "./clusters.json, then /etc/proxmox-mcp/clusters.json",
    meaning: "the file that lists the clusters",
  },
  {
    group: "cluster",
    variable: "PROXMOX_URL",
    flag: undefined,
    kind: "text",
    hint: "URL",
    default: undefined,
    meaning: "one cluster without a file: where it answers, as `url` in the file; several nodes with commas",
  },
  {
    group: "cluster",
    variable: "PROXMOX_USER",
    flag: undefined,
    kind: "text",
    hint: "USER@REALM",
    default: undefined,
    meaning: "its `user`, such as `mcp@pve`",
  },
  {
    group: "cluster",
    variable: "PROXMOX_TOKEN_ID",
    flag: undefined,
    kind: "text",
    hint: "NAME",
    default: undefined,
    meaning: "its `token_id`, such as `agent`",
  },
  {
    group: "cluster",
    variable: "PROXMOX_TOKEN_SECRET",
    flag: undefined,
    kind: "text",
    hint: "SECRET",
    default: undefined,
    meaning: "its `token_secret`",
  },
  {
    group: "cluster",
    variable: "PROXMOX_TOKEN_SECRET_FILE",
    flag: undefined,
    kind: "text",
    hint: "FILE",
    default: undefined,
    meaning: "a file with its secret, instead of `PROXMOX_TOKEN_SECRET`",
  },
  {
    group: "cluster",
    variable: "PROXMOX_VERIFY_SSL",
    flag: undefined,
    kind: "text",
    hint: "true|false",
    default: "true",
    meaning: "`false` accepts any certificate",
  },
  {
    group: "cluster",
    variable: "PROXMOX_CA_FILE",
    flag: undefined,
    kind: "text",
    hint: "FILE",
    default: undefined,
    meaning: "trust only this authority, a copy of `/etc/pve/pve-root-ca.pem`",
  },
  {
    group: "cluster",
    variable: "PROXMOX_FINGERPRINT",
    flag: undefined,
    kind: "text",
    hint: "SHA256",
    default: undefined,
    meaning: "trust only the certificate with this SHA-256 fingerprint; several with commas",
  },
  {
    group: "cluster",
    variable: "PROXMOX_ACCESS",
    flag: undefined,
    kind: "text",
    hint: "LEVEL",
    default: "guarded",
    meaning: "its `access`: `read-only`, `guarded` or `full`",
  },
  {
    group: "server",
    variable: "MCP_HOST",
    flag: "host",
    kind: "text",
    hint: "HOST",
    default: "127.0.0.1",
    meaning: "the address to listen on; beyond loopback a token is needed",
  },
  {
    group: "server",
    variable: "MCP_PORT",
    flag: "port",
    kind: "text",
    hint: "PORT",
    default: "8000",
    meaning: "the port to listen on; 0 takes any free one",
  },
  {
    group: "server",
    variable: "MCP_ALLOWED_HOSTS",
    flag: "allowed-hosts",
    kind: "text",
    hint: "HOSTS",
    default: undefined,
    meaning:
      "names under which clients may reach it, with commas: `host` or `host:*` any port, `host:port` that one, `*` all; " +
      "loopback names always may",
  },
  {
    group: "server",
    variable: "MCP_ALLOWED_ORIGINS",
    flag: "allowed-origins",
    kind: "text",
    hint: "ORIGINS",
    default: undefined,
    meaning: "web pages that may call it, with commas: `scheme://host[:port]`, or `*`",
  },
  {
    group: "server",
    variable: "MCP_AUTH_TOKEN",
    flag: undefined,
    kind: "text",
    hint: "TOKEN",
    default: undefined,
    meaning: "the bearer token that every client must send; no flag, since it would stand in the process list",
  },
  {
    group: "server",
    variable: "MCP_AUTH_TOKEN_FILE",
    flag: "auth-token-file",
    kind: "text",
    hint: "FILE",
    default: undefined,
    meaning: "a file with that token, instead of `MCP_AUTH_TOKEN`",
  },
  {
    group: "server",
    variable: "MCP_ALLOW_UNAUTHENTICATED",
    flag: "allow-unauthenticated",
    kind: "switch",
    hint: "1",
    default: "0",
    meaning: "listen beyond loopback without a token: anyone who can reach the port can use the clusters",
  },
  {
    group: "server",
    variable: "MCP_TLS_CERT_FILE",
    flag: "tls-cert-file",
    kind: "text",
    hint: "FILE",
    default: undefined,
    meaning: "serve https with this PEM certificate (chain); needs the key",
  },
  {
    group: "server",
    variable: "MCP_TLS_KEY_FILE",
    flag: "tls-key-file",
    kind: "text",
    hint: "FILE",
    default: undefined,
    meaning: "its PEM private key",
  },
  {
    group: "cache",
    variable: "MCP_CACHE_DIR",
    flag: "cache-dir",
    kind: "text",
    hint: "FOLDER",
    default: undefined,
    meaning:
      "keep the clusters' API schemas there, so that a restart need not fetch them again (4 MB a cluster); no other user may own it or write to it",
  },
  {
    group: "memory",
    variable: "MCP_ANSWER_MEMORY_MIB",
    flag: "answer-memory-mib",
    kind: "text",
    hint: "MIB",
    default: "256",
    meaning:
      "memory for Proxmox's answers while they are read and in use, in MiB, over all clusters and callers, 16 to 65536; " +
      "one caller gets at most three quarters, one of several clusters half. Further reads wait until some is free, or time out; writes never wait. " +
      "JSON takes at least four times its size, a list of guests ten times. An answer that takes more than all of it, or more than 256 MiB, is refused",
  },
  {
    group: "control",
    variable: "MCP_RUNTIME_DIR",
    flag: "runtime-dir",
    kind: "text",
    hint: "FOLDER",
    default:
      "$RUNTIME_DIRECTORY, /run/proxmox-mcp, $XDG_RUNTIME_DIR/proxmox-mcp, /run/user/UID/proxmox-mcp, /tmp/proxmox-mcp-UID",
    meaning:
      "the folder of the control socket, which `consents` and `status` use; it must belong to the server's user, mode 700. " +
      "Default: the first of these that is usable",
  },
  {
    group: "shutdown",
    variable: "MCP_DRAIN_SECONDS",
    flag: "drain-seconds",
    kind: "text",
    hint: "SECONDS",
    default: "30",
    meaning:
      "how long running calls may take to finish after SIGTERM or SIGINT, 0 to 3600; waits for tasks end at once with the task's handle, " +
      "and a second signal ends everything at once. `TimeoutStopSec` and `stop_grace_period` must be 10 s longer",
  },
  {
    group: "log",
    variable: "MCP_LOG_LEVEL",
    flag: "log-level",
    kind: "text",
    hint: "LEVEL",
    default: "info",
    meaning: "`silent`, `error`, `warn`, `info` or `debug`",
  },
  {
    group: "log",
    variable: "MCP_LOG_FORMAT",
    flag: "log-format",
    kind: "text",
    hint: "FORMAT",
    default: "text",
    meaning: "`text`, or `json` with one object a line",
  },
]);

/** The variable of a setting, which is its name everywhere. */
export type SettingName = (typeof settings)[number]["variable"];
