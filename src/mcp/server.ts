import { type CallToolResult, ProtocolError, ProtocolErrorCode, Server } from "@modelcontextprotocol/server";
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/server/validators/ajv";
import type { Log } from "../log.ts";
import { ConsentNeeded, type HumanReply } from "../policy/call.ts";
import type { Caller } from "../policy/callers/caller.ts";
import type { CallLimits } from "../policy/callers/limits.ts";
import type { Guard } from "../policy/guard.ts";
import { NotExecuted } from "../policy/refusal.ts";
import { Cancellation } from "../proxmox/cancellation.ts";
import type { Redactor } from "../redact/redactor.ts";
import { givenConsent } from "../tools/arguments.ts";
import { failureText } from "../tools/failure.ts";
import type { Tool } from "../tools/tool.ts";
import { clientOf } from "./client.ts";
import { askByRequest, askInResult, replyInRequest } from "./elicitation.ts";
import { progressOf } from "./progress.ts";
import { answer, failure } from "./result.ts";
import type { RunningCalls } from "./running-calls.ts";
import { ToolListing } from "./tool-listing.ts";
import { WaitingCalls } from "./waiting-calls.ts";

/** Makes a fresh MCP server for a caller's connection, session or single request; all serve the same tools. */
export type ServerFactory = (caller: Caller) => Server;

/** What every server of this process has in common. */
export interface ServerOptions {
  readonly tools: readonly Tool[];
  /** The clusters of the moment behind the policy: another one once the configuration was reloaded. */
  readonly guard: () => Guard;
  readonly limits: CallLimits;
  /** Where every call is registered while it runs. */
  readonly calls: RunningCalls;
  readonly version: string;
  readonly log: Log;
  /** What every answer, question and notification passes. */
  readonly redactor: Redactor;
}

/** The SDK builds a validator for every server otherwise: 50-100 us a request, measured. */
const jsonSchemaValidator = new AjvJsonSchemaValidator();

/** Prepares what is the same for all servers, tools/list above all, and returns their factory. */
export function serverFactory({ tools, guard, limits, calls, version, log, redactor }: ServerOptions): ServerFactory {
  const byName = new Map(tools.map((tool) => [tool.name, tool]));
  const offers = new ToolListing(tools);
  const waiting = new WaitingCalls();
  return (caller) => {
    const listing = () => offers.of(guard()({ caller, client: "", prompt: "none" }));
    const server = new Server(
      { name: "proxmox-mcp", title: "Proxmox VE", version },
      {
        capabilities: { tools: { listChanged: true } },
        instructions: listing().instructions,
        jsonSchemaValidator,
      },
    );
    server.setRequestHandler("tools/list", () => ({ tools: listing().listed }));
    server.setRequestHandler("tools/call", async ({ params }, { mcpReq }) => {
      const tool = byName.get(params.name);
      if (tool === undefined) {
        const names = [...byName.keys()].join(", ");
        const message = `There is no tool "${params.name.slice(0, 64)}". Tools: ${names}.`;
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, redactor.outgoing(message));
      }
      if (calls.isStopping) return failure(notStarted(tool), redactor);
      const { name: client, hasForms, isModern } = clientOf(server, mcpReq);
      const prompt = hasForms ? "form" : "none";
      const consent = givenConsent(params.arguments);
      return await calls.run(caller, mcpReq.signal, async ({ signal, stopping, use }) => {
        const attempt = async (reply: HumanReply | undefined) => {
          const run = async () => {
            using proxmox = guard()({ caller, client, prompt, reply, consent, use });
            const context = { proxmox, signal, stopping, ...progressOf(mcpReq, signal, redactor) };
            return await tool.call(params.arguments, context);
          };
          return await answerOf(tool, () => limits.within(caller, run), signal, { log, redactor });
        };
        if (isModern) {
          const outcome = await attempt(replyInRequest(mcpReq));
          return outcome instanceof ConsentNeeded ? askInResult(outcome, redactor) : outcome;
        }
        let outcome = await attempt(undefined);
        for (let round = 0; outcome instanceof ConsentNeeded; round++) {
          if (round === maxRounds) return failure(tooManyRounds(tool), redactor);
          const refusal = waiting.refusal(caller);
          if (refusal !== undefined) return failure(`${tool.name}: not executed. ${refusal}.`, redactor);
          const needed = outcome;
          const asking = { send: mcpReq.send, signal: AbortSignal.any([signal, stopping]) };
          const asked = waiting.during(caller, () => askByRequest(needed, asking, redactor));
          const reply = await asked.catch((error: unknown) => {
            if (mcpReq.signal.aborted) throw error;
            return undefined;
          });
          if (reply === undefined) return failure(unasked(tool, signal), redactor);
          outcome = await attempt(reply);
        }
        return outcome;
      });
    });
    return server;
  };
}

/** Questions that one call may put: a guest that moved meanwhile is asked about once more. */
const maxRounds = 3;

function tooManyRounds({ name }: Tool): string {
  return `${name}: not executed. Its target changed each time a human was asked; call again when nothing else changes it.`;
}

function notStarted({ name }: Tool): string {
  return `${name}: not executed. The server is stopping; call again in a few seconds.`;
}

/** The call was ended while a human was asked. */
function unasked({ name }: Tool, { aborted, reason }: AbortSignal): string {
  const why = aborted && reason instanceof Cancellation ? reason.message : "the server is stopping";
  return `${name}: not executed, because ${why}. Its question to the human is void.`;
}

/** The one place where what a tool throws becomes an answer. A question that a human must answer is returned. */
async function answerOf(
  tool: Tool,
  run: () => Promise<string>,
  signal: AbortSignal,
  { log, redactor }: Pick<ServerOptions, "log" | "redactor">,
): Promise<CallToolResult | ConsentNeeded> {
  try {
    return answer(await run(), redactor);
  } catch (error) {
    const { reason } = signal;
    // A call that its client cancelled is not answered; the SDK drops what is thrown.
    if (signal.aborted && !(reason instanceof Cancellation)) throw error;
    if (error instanceof ConsentNeeded) return error;
    // A plan that waits for consent is an answer: Gemini CLI 0.61 does not show a tool's errors to its user.
    if (error instanceof NotExecuted) return answer(error.message, redactor);
    const text = failureText(error);
    if (text !== undefined) return failure(text, redactor);
    if (signal.aborted) return failure(`${tool.name} was ended: ${reason.message}.`, redactor);
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
