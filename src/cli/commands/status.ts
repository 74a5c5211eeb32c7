import { controlPaths, type ServerStatus, serverStatus } from "../../control/protocol.ts";
import { ago, duration } from "../../control/question-text.ts";
import { plainLine } from "../../sanitize.ts";
import { nameOf, serversCommand } from "../servers.ts";

/** `status`: the running servers of this user. */
export const status = serversCommand({
  name: "status",
  description: "show the running servers: version, uptime, clusters, sessions, open questions, last reload",
  path: controlPaths.status,
  schema: serverStatus,
  textOf: (servers) => servers.map(textOf).join("\n\n"),
});

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function textOf(server: ServerStatus): string {
  const { version, transport, uptimeMs, clusters, sessions, openQuestions, configuration } = server;
  const { source, reload } = configuration;
  const http =
    sessions === undefined
      ? []
      : [`  sessions   ${count(sessions.sse, "SSE stream")}, ${count(sessions.streamable, "Streamable HTTP session")}`];
  const failure = reload?.error?.split("\n").map((line) => line.trim());
  const trouble = failure === undefined ? "" : `, failed and the old configuration stays: ${failure.join(" ")}`;
  return [
    nameOf(server),
    `  version    ${version}, ${transport === "http" ? "serve" : "stdio"}, up ${duration(uptimeMs)}`,
    `  clusters   ${clusters.map(({ name, access }) => `${name} (${access})`).join(", ")} from ${source}`,
    ...http,
    `  questions  ${openQuestions === 0 ? "none open" : `${openQuestions} open: proxmox-mcp consents`}`,
    `  reload     ${reload === undefined ? "never" : `${ago(reload.agoMs)}${trouble}`}`,
  ]
    .map(plainLine)
    .join("\n");
}
