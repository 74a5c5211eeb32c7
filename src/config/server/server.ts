import { misspelt } from "../environment.ts";
import { attempt, ConfigError, mistakes as counted } from "../error.ts";
import { exposed, isVisibleAscii, readSecret } from "../files/file.ts";
import { Secret } from "../secret.ts";
import type { ServerConfig } from "../types.ts";
import { checkAllowedHost, checkAllowedOrigin, splitList } from "./allowlists.ts";
import { loadPair } from "./certificate.ts";
import { bare, isHostName, isIPv6Address, isLoopback, readPort } from "./host.ts";
import { type Given, type GivenSetting, take } from "./option-sources.ts";
import type { SettingName } from "./settings.ts";

/** Below this many characters a bearer token is warned about. */
const shortToken = 16;

/**
 * Where to listen and which clients to accept, from flags and environment, all validated here: files are read,
 * certificate and key compared, and an open port without a token refused. Relative paths start from the working directory.
 * @param hasCallers whether `callers` of `clusters.json` make every client send a token anyway.
 * @throws ConfigError with every mistake, named by its flag or variable.
 */
export function loadServerConfig(given: Given, hasCallers = false): ServerConfig {
  const lines: string[] = [];
  const warnings: string[] = [];
  const refuse = (line: string) => lines.push(line);
  const read = (variable: SettingName, mayBeEmpty = false) => attempt(() => take(variable, given, mayBeEmpty), refuse);

  const host = readHost(read("MCP_HOST"), refuse);
  const port = readListenPort(read("MCP_PORT"), refuse);
  const allowedHosts = readList(read("MCP_ALLOWED_HOSTS"), checkAllowedHost, refuse);
  const allowedOrigins = readList(read("MCP_ALLOWED_ORIGINS"), checkAllowedOrigin, refuse);
  const allowUnauthenticated = readSwitch(read("MCP_ALLOW_UNAUTHENTICATED"), refuse);
  const tokens = { text: read("MCP_AUTH_TOKEN", true), file: read("MCP_AUTH_TOKEN_FILE", true) };
  const authToken = readToken(tokens, given, refuse, warnings);
  const pair = { cert: read("MCP_TLS_CERT_FILE", true), key: read("MCP_TLS_KEY_FILE", true) };
  const tls = readPair(pair, given, refuse, warnings);

  const isOpen = !isLoopback(host);
  const wantsToken = tokens.text !== undefined || tokens.file !== undefined || hasCallers;
  if (isOpen && !wantsToken && !allowUnauthenticated) {
    refuse(
      "MCP_HOST or --host: listening beyond this machine needs a bearer token: set MCP_AUTH_TOKEN (or MCP_AUTH_TOKEN_FILE), or callers in clusters.json (`proxmox-mcp token new NAME`). " +
        "Or set MCP_ALLOW_UNAUTHENTICATED=1 if anyone who can reach the port may use the clusters.",
    );
  }
  if (lines.length > 0) throw new ConfigError(`The server's settings have ${counted(lines.length)}:`, lines);

  if (isOpen) warnings.push(...openWarnings({ host, wantsToken, hasTls: tls !== undefined, allowedHosts }));
  if (allowUnauthenticated && wantsToken) {
    warnings.push("MCP_ALLOW_UNAUTHENTICATED changes nothing: a token is set, so every client must send it.");
  }
  for (const { name, meant } of misspelt(given.env, "MCP_")) {
    warnings.push(`${name} is not a setting and is ignored. Did you mean ${meant}?`);
  }
  return Object.freeze({
    host,
    port,
    allowedHosts: Object.freeze(allowedHosts),
    allowedOrigins: Object.freeze(allowedOrigins),
    authToken,
    tls: Object.freeze(tls),
    warnings: Object.freeze(warnings),
  });
}

type Refuse = (line: string) => void;

function readHost(setting: GivenSetting | undefined, refuse: Refuse): string {
  if (setting === undefined) return "127.0.0.1";
  const host = bare(setting.text);
  if (!isHostName(host) && !isIPv6Address(host)) {
    refuse(
      `${setting.name}: must be an address or a host name, such as 127.0.0.1, 0.0.0.0 or ::1; the port is MCP_PORT.`,
    );
  }
  return host;
}

function readListenPort(setting: GivenSetting | undefined, refuse: Refuse): number {
  if (setting === undefined) return 8000;
  const port = setting.text === "0" ? 0 : readPort(setting.text);
  if (port === undefined) refuse(`${setting.name}: must be a port, a number from 0 to 65535; 0 takes any free one.`);
  return port ?? 0;
}

function readList(setting: GivenSetting | undefined, check: (entry: string) => void, refuse: Refuse): string[] {
  if (setting === undefined) return [];
  const entries = splitList(setting.text);
  for (const [index, entry] of entries.entries()) {
    attempt(
      () => check(entry),
      (problem) => refuse(`${setting.name}, entry ${index + 1}: ${problem}`),
    );
  }
  return entries;
}

function readSwitch(setting: GivenSetting | undefined, refuse: Refuse): boolean {
  if (setting === undefined) return false;
  const isOn = /^(?:1|true|yes)$/i.test(setting.text);
  if (!isOn && !/^(?:0|false|no)$/i.test(setting.text))
    refuse(`${setting.name}: must be 1, true or yes, or 0, false or no.`);
  return isOn;
}

function readToken(
  { text, file }: { text: GivenSetting | undefined; file: GivenSetting | undefined },
  { env }: Given,
  refuse: Refuse,
  warnings: string[],
): Secret | undefined {
  if (text !== undefined && file !== undefined) {
    refuse(`${file.name}: stands beside ${text.name}; keep exactly one of them.`);
    return undefined;
  }
  const setting = text ?? file;
  if (setting === undefined) return undefined;
  if (setting.text === "") {
    refuse(`${setting.name}: is empty. Give the token, or unset the variable to run without one.`);
    return undefined;
  }
  const token = text === undefined ? readTokenFile(setting, env, refuse, warnings) : new Secret(setting.text);
  if (token !== undefined && !isVisibleAscii(token.reveal())) {
    refuse(`${setting.name}: must be visible ASCII without spaces, since it goes into an HTTP header.`);
  }
  if (token !== undefined && token.reveal().length < shortToken) {
    warnings.push(
      `${setting.name}: the token has fewer than ${shortToken} characters and may be guessed. Make one with: openssl rand -hex 32`,
    );
  }
  return token;
}

function readTokenFile(
  setting: GivenSetting,
  env: Given["env"],
  refuse: Refuse,
  warnings: string[],
): Secret | undefined {
  const read = attempt(
    () => readSecret(setting.text, "."),
    (problem) => refuse(`${setting.name}: ${problem}`),
  );
  const exposure = read === undefined ? undefined : exposed(read.file, env);
  if (exposure !== undefined) warnings.push(exposure);
  return read?.secret;
}

function readPair(
  { cert, key }: { cert: GivenSetting | undefined; key: GivenSetting | undefined },
  { env }: Given,
  refuse: Refuse,
  warnings: string[],
): ServerConfig["tls"] {
  const given = [cert, key].filter((setting) => setting !== undefined);
  for (const { name } of given.filter(({ text }) => text === "")) {
    refuse(`${name}: is empty. Give the file's path, or unset the variable to serve plain http.`);
  }
  if (cert === undefined || key === undefined) {
    for (const { name } of given) {
      refuse(`${name}: needs ${cert === undefined ? "MCP_TLS_CERT_FILE" : "MCP_TLS_KEY_FILE"} too; https takes both.`);
    }
    return undefined;
  }
  if (cert.text === "" || key.text === "") return undefined;
  const files = attempt(
    () => loadPair(cert.text, key.text, "."),
    (problem) => refuse(`${cert.name} and ${key.name}: ${problem}`),
  );
  // A group may read it: Debian keeps such keys as root:ssl-cert, mode 0640.
  const exposure = files === undefined ? undefined : exposed(files.key, env, 0o004);
  warnings.push(...(files?.warnings ?? []));
  if (exposure !== undefined) warnings.push(exposure);
  return { certFile: cert.text, keyFile: key.text };
}

function openWarnings(state: {
  host: string;
  wantsToken: boolean;
  hasTls: boolean;
  allowedHosts: readonly string[];
}): string[] {
  const warnings: string[] = [];
  if (!state.wantsToken) {
    warnings.push("The server is open: anyone who can reach its port can use the clusters with their tokens.");
  } else if (!state.hasTls) {
    warnings.push(
      "The bearer token crosses the network in the clear. Set MCP_TLS_CERT_FILE and MCP_TLS_KEY_FILE, or put a proxy with https before it.",
    );
  }
  // A single address that is listened on is a name for the server by itself.
  if (state.allowedHosts.length === 0 && ["0.0.0.0", "::"].includes(state.host)) {
    warnings.push(
      "Only loopback names may be used to reach the server, so clients elsewhere get 403. List its names in MCP_ALLOWED_HOSTS.",
    );
  }
  return warnings;
}
