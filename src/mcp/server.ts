import { type CallToolResult, ProtocolError, ProtocolErrorCode, Server } from "@modelcontextprotocol/server";
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/server/validators/ajv";
import type { Log } from "../log.ts";
import type { Proxmox } from "../policy/guard.ts";
import { inputJsonSchema } from "../tools/arguments.ts";
import { failureText } from "../tools/failure.ts";
import type { Tool, ToolContext } from "../tools/tool.ts";
import { progressOf } from "./progress.ts";
import { answer, failure } from "./result.ts";

/** Makes a fresh MCP server for a connection, a session or a single request; all serve the same tools. */
export type ServerFactory = () => Server;

/** What every server of this process has in common. */
export interface ServerOptions {
  readonly tools: readonly Tool[];
  /** The clusters of the moment: another object once the configuration was reloaded. */
  readonly proxmox: () => Proxmox;
  readonly version: string;
  readonly log: Log;
}

/** The SDK builds a validator for every server otherwise: 50-100 us a request, measured. */
const jsonSchemaValidator = new AjvJsonSchemaValidator();

/** Prepares what is the same for all servers, tools/list above all, and returns their factory. */
export function serverFactory({ tools, proxmox, version, log }: ServerOptions): ServerFactory {
  const byName = new Map(tools.map((tool) => [tool.name, tool]));
  let offered = offer(tools, proxmox());
  const current = () => {
    const now = proxmox();
    if (offered.proxmox !== now) offered = offer(tools, now);
    return offered;
  };
  return () => {
    const { instructions } = current();
    const server = new Server(
      { name: "proxmox-mcp", title: "Proxmox VE", version },
      { capabilities: { tools: { listChanged: true } }, instructions, jsonSchemaValidator },
    );
    server.setRequestHandler("tools/list", () => ({ tools: current().listed }));
    server.setRequestHandler("tools/call", async ({ params }, { mcpReq }) => {
      const tool = byName.get(params.name);
      if (tool === undefined) {
        const names = [...byName.keys()].join(", ");
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no tool "${params.name}". Tools: ${names}.`);
      }
      const context = { proxmox: proxmox(), signal: mcpReq.signal, ...progressOf(mcpReq) };
      return await callTool(tool, params.arguments, context, log);
    });
    return server;
  };
}

/** The one place where what a tool throws becomes an answer. */
async function callTool(tool: Tool, given: unknown, context: ToolContext, log: Log): Promise<CallToolResult> {
  try {
    return answer(await tool.call(given, context));
  } catch (error) {
    // A cancelled call is not answered; the SDK drops what is thrown.
    if (context.signal.aborted) throw error;
    const text = failureText(error);
    if (text !== undefined) return failure(text);
    log.error(`${tool.name} failed`, error);
    const doubt = tool.annotations.readOnlyHint
      ? ""
      : " If it was to change something, look whether it did before trying again.";
    return failure(`${tool.name} failed by a fault of this server, not of Proxmox. Its log says more.${doubt}`);
  }
}

/** What clients are shown of these clusters. Made once for each configuration: it takes 1 ms or more. */
function offer(tools: readonly Tool[], proxmox: Proxmox) {
  const { names } = proxmox;
  const clusters = names.length === 1 ? `the cluster ${names[0]}` : `${names.length} clusters: ${names.join(", ")}`;
  return {
    proxmox,
    instructions: `Proxmox VE: ${clusters}. A cluster has nodes (hosts); guests are VMs (qemu) and containers (lxc), known by VMID and name. Look guests up with get_cluster_resources before acting on them; any endpoint of the API is reached with proxmox_api_call.`,
    listed: tools.map((tool) => ({
      name: tool.name,
      title: tool.title,
      description: tool.description,
      inputSchema: inputJsonSchema(tool, names),
      annotations: { title: tool.title, ...tool.annotations },
    })),
  };
}
