import { ProtocolError, ProtocolErrorCode, Server } from "@modelcontextprotocol/server";
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/server/validators/ajv";
import type { Log } from "../log.ts";
import type { Proxmox } from "../policy/guard.ts";
import { inputJsonSchema } from "../tools/arguments.ts";
import { explain } from "../tools/failure.ts";
import type { Tool } from "../tools/tool.ts";
import { answer, failure } from "./result.ts";

/** Makes a fresh MCP server for a connection, a session or a single request; all serve the same tools. */
export type ServerFactory = () => Server;

/** What every server of this process has in common. */
export interface ServerOptions {
  readonly tools: readonly Tool[];
  readonly proxmox: Proxmox;
  readonly version: string;
  readonly log: Log;
}

/** The SDK builds a validator for every server otherwise: 50-100 us a request, measured. */
const jsonSchemaValidator = new AjvJsonSchemaValidator();

/** Prepares what is the same for all servers, tools/list above all, and returns their factory. */
export function serverFactory({ tools, proxmox, version, log }: ServerOptions): ServerFactory {
  const byName = new Map(tools.map((tool) => [tool.name, tool]));
  const listed = tools.map((tool) => ({
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: inputJsonSchema(tool, proxmox.names),
    annotations: { title: tool.title, ...tool.annotations },
  }));
  return () => {
    const server = new Server(
      { name: "proxmox-mcp", title: "Proxmox VE", version },
      { capabilities: { tools: {} }, instructions: instructions(proxmox), jsonSchemaValidator },
    );
    server.setRequestHandler("tools/list", () => ({ tools: listed }));
    server.setRequestHandler("tools/call", async ({ params }, context) => {
      const tool = byName.get(params.name);
      if (tool === undefined) {
        const names = [...byName.keys()].join(", ");
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no tool "${params.name}". Tools: ${names}.`);
      }
      const { signal } = context.mcpReq;
      try {
        return answer(await tool.call(params.arguments, { proxmox, signal }));
      } catch (error) {
        // A cancelled call is not answered; the SDK drops what it throws.
        if (signal.aborted) throw error;
        const text = explain(error);
        if (text !== undefined) return failure(text);
        log.error(`${tool.name} failed`, error);
        return failure(
          `${tool.name} failed for a reason of the server's own, which stands in its log. Proxmox did not refuse it.`,
        );
      }
    });
    return server;
  };
}

function instructions({ names }: Proxmox): string {
  const clusters = names.length === 1 ? `the cluster ${names[0]}` : `${names.length} clusters: ${names.join(", ")}`;
  return `Proxmox VE: ${clusters}. A cluster has nodes (hosts); guests are VMs (qemu) and containers (lxc), known by VMID and name. Look guests up with get_cluster_resources before acting on them; any endpoint of the API is reached with proxmox_api_call.`;
}
