import { ProtocolError, ProtocolErrorCode, Server } from "@modelcontextprotocol/server";
import type { ServerFactory } from "../../src/mcp/server.ts";
import { askingTools } from "./fixtures/asking.ts";
import { contentTools } from "./fixtures/content.ts";
import { getPrompt, prompts } from "./fixtures/prompts.ts";
import { readResource, resources, resourceTemplates } from "./fixtures/resources.ts";
import { roundTools, state } from "./fixtures/rounds.ts";

const tools = [...contentTools, ...askingTools, ...roundTools];
const noArguments = { type: "object" as const, properties: {} };

/** Makes servers of the tools, resources and prompts that the conformance suite calls by name. */
export const fixtureServer: ServerFactory = () => {
  const server = new Server(
    { name: "conformance-fixtures", version: "1.0.0" },
    {
      capabilities: { tools: {}, resources: { subscribe: true }, prompts: {}, logging: {}, completions: {} },
      requestState: { verify: state.verify },
    },
  );
  server.setRequestHandler("tools/list", () => ({
    tools: tools.map(({ name, description, inputSchema = noArguments }) => ({ name, description, inputSchema })),
  }));
  server.setRequestHandler("tools/call", async ({ params }, { mcpReq }) => {
    const tool = tools.find(({ name }) => name === params.name);
    if (tool === undefined) {
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no tool "${params.name}".`);
    }
    return await tool.call({ ...mcpReq, capabilities: server.getClientCapabilities() ?? {} }, params.arguments ?? {});
  });
  server.setRequestHandler("resources/list", () => ({ resources }));
  server.setRequestHandler("resources/templates/list", () => ({ resourceTemplates }));
  server.setRequestHandler("resources/read", ({ params }) => readResource(params.uri));
  server.setRequestHandler("resources/subscribe", () => ({}));
  server.setRequestHandler("resources/unsubscribe", () => ({}));
  server.setRequestHandler("prompts/list", () => ({ prompts }));
  server.setRequestHandler("prompts/get", ({ params }, { mcpReq }) =>
    getPrompt(params.name, params.arguments ?? {}, mcpReq.inputResponses),
  );
  server.setRequestHandler("completion/complete", () => ({
    completion: { values: ["paris", "park"], hasMore: false },
  }));
  return server;
};
