import { X509Certificate } from "node:crypto";
import { environment } from "../../config/environment.ts";
import { ConfigError } from "../../config/error.ts";
import { readText } from "../../config/files/file.ts";
import { isLoopback } from "../../config/server/host.ts";
import { type Flags, type Given, take } from "../../config/server/option-sources.ts";
import { loadServerConfig } from "../../config/server/server.ts";
import { command } from "../command.ts";
import { flagsFor } from "../flags.ts";
import { askHealth, type HealthTarget } from "../probe.ts";

/** `health`: whether a server answers; for a container's or a supervisor's check. */
export const health = command({
  name: "health",
  description: "ask the server on this machine whether it is alive: exit code 0 or 1",
  examples: ["proxmox-mcp health", "proxmox-mcp health --url http://127.0.0.1:8000"],
  args: {
    ...flagsFor("MCP_HOST", "MCP_PORT", "MCP_TLS_CERT_FILE"),
    url: { type: "string", valueHint: "URL", description: "the server's address, instead of host and port" },
  },
  // Docker keeps 2 for itself.
  unusable: 1,
  run: async ({ flags, write }) => {
    const target = readTarget(flags);
    const { trouble, notice } = await askHealth(target);
    if (notice !== undefined) await write(process.stderr, `${target.url.href}: ${notice}`);
    if (trouble === undefined) await write(process.stdout, `${target.url.href}: ok`);
    else await write(process.stderr, `${target.url.href}: ${trouble}`);
    return trouble === undefined ? 0 : 1;
  },
});

/** Where the server's own settings say that it listens; who it lets in and its key are none of this command's business. */
function readTarget(flags: Flags): HealthTarget {
  const env = environment();
  const given = typeof flags["url"] === "string" ? parseUrl(flags["url"]) : undefined;
  const file = take("MCP_TLS_CERT_FILE", { flags, env })?.text;
  if (given !== undefined && !(given.protocol === "https:" && isLoopback(given.hostname))) {
    return { url: given, origin: "--url" };
  }
  const url = given ?? listenUrl({ flags, env }, file === undefined ? "http" : "https");
  const origin = given === undefined ? "settings" : "--url";
  return file === undefined ? { url, origin } : { url, origin, certificate: readCertificate(file) };
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new ConfigError("--url: must be the server's address, such as http://127.0.0.1:8000.");
  }
  // A name and a password would be printed, and health needs none.
  return new URL("/healthz", url.origin);
}

function listenUrl({ flags, env }: Given, scheme: string): URL {
  const { host, port } = loadServerConfig({
    flags: { host: flags["host"], port: flags["port"] },
    env: { MCP_HOST: env["MCP_HOST"], MCP_PORT: env["MCP_PORT"], MCP_ALLOW_UNAUTHENTICATED: "1" },
  });
  if (port === 0)
    throw new ConfigError("MCP_PORT or --port is 0, which is any free port; give the real one with --url.");
  // What listens everywhere listens on loopback.
  const name = { "0.0.0.0": "127.0.0.1", "::": "::1" }[host] ?? host;
  return new URL(`${scheme}://${name.includes(":") ? `[${name}]` : name}:${port}/healthz`);
}

/** A damaged file is the next start's trouble: a server that runs has its certificate in memory. */
function readCertificate(path: string): NonNullable<HealthTarget["certificate"]> {
  try {
    const { text, shown } = readText(path, process.cwd());
    const fingerprint = fingerprintOf(text);
    if (fingerprint === undefined) return { doubt: `${shown} cannot be read as a PEM certificate` };
    return { fingerprint, doubt: `it shows another certificate than the one in ${shown}` };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { doubt: error.message.replace(/\.$/, "") };
  }
}

function fingerprintOf(pem: string): string | undefined {
  try {
    return new X509Certificate(pem).fingerprint256;
  } catch {
    return undefined;
  }
}
