import {
  type CallToolResult,
  type InputRequiredResult,
  ProtocolError,
  ProtocolErrorCode,
  Server,
} from "@modelcontextprotocol/server";
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/server/validators/ajv";
import type { Log } from "../log.ts";
import { ConsentNeeded } from "../policy/call.ts";
import type { Caller } from "../policy/caller.ts";
import { consentMs } from "../policy/consent.ts";
import type { Guard } from "../policy/guard.ts";
import type { CallLimits } from "../policy/limits.ts";
import type { Redactor } from "../redact/redactor.ts";
import { givenConsent } from "../tools/arguments.ts";
import { failureText } from "../tools/failure.ts";
import type { Tool } from "../tools/tool.ts";
import { askHuman, canAskHuman, clientName, readReply } from "./consent.ts";
import { Offers } from "./offer.ts";
import { progressOf } from "./progress.ts";
import { answer, failure } from "./result.ts";

/** Makes a fresh MCP server for a caller's connection, session or single request; all serve the same tools. */
export type ServerFactory = (caller: Caller) => Server;

/** What every server of this process has in common. */
export interface ServerOptions {
  readonly tools: readonly Tool[];
  /** The clusters of the moment behind the policy: another one once the configuration was reloaded. */
  readonly guard: () => Guard;
  readonly limits: CallLimits;
  readonly version: string;
  readonly log: Log;
  /** What every answer, question and notification passes. */
  readonly redactor: Redactor;
}

/** The SDK builds a validator for every server otherwise: 50-100 us a request, measured. */
const jsonSchemaValidator = new AjvJsonSchemaValidator();

/** Prepares what is the same for all servers, tools/list above all, and returns their factory. */
export function serverFactory({ tools, guard, limits, version, log, redactor }: ServerOptions): ServerFactory {
  const byName = new Map(tools.map((tool) => [tool.name, tool]));
  const offers = new Offers(tools);
  return (caller) => {
    const listing = () => offers.of(guard()({ caller, client: "", canAsk: false }));
    const server = new Server(
      { name: "proxmox-mcp", title: "Proxmox VE", version },
      {
        capabilities: { tools: { listChanged: true } },
        instructions: listing().instructions,
        jsonSchemaValidator,
        // A human needs longer than a program: on 2025-era connections the SDK waits for the answer itself.
        inputRequired: { roundTimeoutMs: consentMs },
      },
    );
    server.setRequestHandler("tools/list", () => ({ tools: listing().listed }));
    server.setRequestHandler("tools/call", async ({ params }, { mcpReq }) => {
      const tool = byName.get(params.name);
      if (tool === undefined) {
        const names = [...byName.keys()].join(", ");
        const message = `There is no tool "${params.name}". Tools: ${names}.`;
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, redactor.outgoing(message));
      }
      const call = {
        caller,
        client: clientName(server),
        canAsk: canAskHuman(server),
        reply: readReply(mcpReq),
        consent: givenConsent(params.arguments),
      };
      const { signal } = mcpReq;
      const open = () => ({ proxmox: guard()(call), signal, ...progressOf(mcpReq, redactor) });
      const run = () => limits.within(caller, () => tool.call(params.arguments, open()));
      return await answerOf(tool, run, signal, { log, redactor });
    });
    return server;
  };
}

/** The one place where what a tool throws becomes an answer. */
async function answerOf(
  tool: Tool,
  run: () => Promise<string>,
  signal: AbortSignal,
  { log, redactor }: Pick<ServerOptions, "log" | "redactor">,
): Promise<CallToolResult | InputRequiredResult> {
  try {
    return answer(await run(), redactor);
  } catch (error) {
    // A cancelled call is not answered; the SDK drops what is thrown.
    if (signal.aborted) throw error;
    if (error instanceof ConsentNeeded) return redactor.outgoing(askHuman(error));
    const text = failureText(error);
    if (text !== undefined) return failure(text, redactor);
    log.error(`${tool.name} failed`, error);
    const doubt = tool.annotations.readOnlyHint
      ? ""
      : " If it was to change something, look whether it did before trying again.";
    return failure(
      `${tool.name} failed by a fault of this server, not of Proxmox. Its log says more.${doubt}`,
      redactor,
    );
  }
}
