import { isIP } from "node:net";
import { environment } from "../../config/environment.ts";
import { ConfigError } from "../../config/error.ts";
import { loadDrainMs } from "../../config/server/drain.ts";
import { loadServerConfig } from "../../config/server/server.ts";
import type { ServerConfig } from "../../config/types.ts";
import { type Listening, listen, paths } from "../../http/listen.ts";
import { version } from "../../version.ts";
import { type Setup, setUp } from "../app.ts";
import { command } from "../command.ts";
import { flagsOf } from "../flags.ts";
import { drain, stopSignals } from "../shutdown.ts";

/** `serve`: MCP over HTTP+SSE and Streamable HTTP, until a signal ends it. */
export const serve = command({
  name: "serve",
  description: "serve MCP over HTTP (the default command)",
  examples: ["proxmox-mcp serve --demo"],
  args: flagsOf("source", "server", "cache", "memory", "control", "shutdown", "log"),
  run: async ({ flags, redactor, stderr }) => {
    const finishMs = loadDrainMs({ flags, env: environment() });
    const setup = await setUp({ flags, redactor, stderr });
    const server = loadServerConfig({ flags, env: environment() }, setup.callers().length > 0);
    redactor.add(server);
    for (const warning of server.warnings) setup.log.warn(warning);
    const listening = start(server, setup);
    setup.onToolsChange(listening.toolsChanged);
    setup.onRevocation(() => void listening.endRevoked());
    // Installed before the server reports that it runs: a supervisor may end it at once.
    const signals = stopSignals();
    const url = reachable(listening.url, server);
    const isControlled = setup.openControl("serve", () => ({ transport: "http", url, sessions: listening.sessions() }));
    setup.log.info(welcome(url, server, setup, isControlled));
    const signal = await signals.first;
    setup.log.info(`${signal}: stopping; ${setup.calls.size} calls run and have ${finishMs / 1000} s to finish`);
    listening.refuse();
    const code = await drain(setup.calls, { finishMs, endMs }, signals.second);
    await listening.close();
    await setup.close();
    return code;
  },
});

/** How long calls may take to answer that the server stopped, in milliseconds: Proxmox is asked for their tasks once. */
const endMs = 2000;

function start(server: ServerConfig, setup: Setup): Listening {
  try {
    return listen(server, setup);
  } catch (error) {
    throw new ConfigError(`Cannot listen on ${server.host}, port ${server.port}: ${listenFault(error, server.host)}`, [
      "--host must be an address of this machine, and the port free: choose another with --port, or end what listens there.",
    ]);
  }
}

/** Why the system refused to listen. */
function listenFault(error: unknown, host: string): string {
  const { code, message } = error as Partial<NodeJS.ErrnoException>;
  if (code === "EADDRINUSE") return "another program listens there (EADDRINUSE)";
  if (code === "EADDRNOTAVAIL") return `${host} is not an address of this machine (EADDRNOTAVAIL)`;
  if (code === "EACCES") return "this user may not use that port (EACCES)";
  // For a name that does not resolve Bun 1.4.5 reports whatever errno an earlier system call left: EINVAL, ENOTTY.
  return isIP(host) === 0 ? `the name ${host} does not resolve to an address` : (message ?? String(error));
}

/** The URL for clients: 0.0.0.0 is no address to connect to, and a name must be an allowed one. */
function reachable(url: string, { host, allowedHosts }: ServerConfig): string {
  if (host !== "0.0.0.0" && host !== "::") return url;
  const { protocol, port } = new URL(url);
  const name = allowedHosts.find((allowed) => !allowed.includes("*"))?.replace(/:\d+$/, "") ?? "127.0.0.1";
  return `${protocol}//${name}:${port}`;
}

function welcome(url: string, server: ServerConfig, { config }: Setup, isControlled: boolean): string {
  const names = config.clusters.map(({ name }) => name).join(", ");
  const wantsToken = server.authToken !== undefined || config.callers.length > 0;
  const header = !wantsToken ? "" : ' --header "Authorization: Bearer TOKEN"';
  const gemini = {
    url: `${url}${paths.sse}`,
    type: "sse",
    ...(wantsToken && { headers: { Authorization: "Bearer TOKEN" } }),
  };
  return [
    `proxmox-mcp ${version} at ${url} with ${names} from ${config.source}`,
    `  Gemini CLI, in ~/.gemini/settings.json:  { "mcpServers": { "proxmox": ${JSON.stringify(gemini)} } }`,
    `  Claude Code:  claude mcp add --transport http proxmox ${url}${paths.streamable}${header}`,
    `  Others:  ${url}${paths.streamable} (Streamable HTTP) or ${url}${paths.sse} (SSE)`,
    ...(isControlled ? ["  On this machine:  proxmox-mcp status, proxmox-mcp consents"] : []),
  ].join("\n");
}
