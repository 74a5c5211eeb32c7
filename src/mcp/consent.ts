import { type InputRequiredResult, inputRequired, type Server, type ServerContext } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { ConsentNeeded, Reply } from "../policy/call.ts";
import { plain } from "../plain.ts";

/** The one question that a call puts, by its key among the input requests. */
const key = "consent";

/** The form of the answer; all else that a client may send is no answer. */
const reply = z.object({
  action: z.string(),
  content: z.object({ confirm: z.union([z.string(), z.boolean()]).optional() }).optional(),
});

/**
 * Puts a question to the client's human: as `input_required` in 2026-07-28, which the SDK turns into an elicitation on
 * 2025-era connections. A human gets ten minutes.
 */
export function askHuman({ question: { message, words }, state }: ConsentNeeded): InputRequiredResult {
  const typed = words.map((word) => JSON.stringify(word)).join(" or ");
  const confirm =
    words.length === 0
      ? { type: "boolean" as const, title: "Allow this?" }
      : { type: "string" as const, title: `Type ${plain(typed)} to agree` };
  return inputRequired({
    requestState: state,
    inputRequests: {
      [key]: inputRequired.elicit({
        message: plain(message),
        requestedSchema: { type: "object", properties: { confirm }, required: ["confirm"] },
      }),
    },
  });
}

/**
 * What a human answered to a question of ours. In 2026-07-28 a client can send answers that nobody asked for: without
 * the state that went out with a question there is none, and whether the state is ours is for the policy to say.
 */
export function readReply({ inputResponses, requestState }: ServerContext["mcpReq"]): Reply | undefined {
  const state = requestState();
  const { data } = reply.safeParse(inputResponses?.[key]);
  if (typeof state !== "string" || data === undefined) return undefined;
  return { state, action: data.action, confirm: data.content?.confirm };
}

/** Whether the client can show its human a form. Before 2025-11-25 an empty capability meant that. */
export function canAskHuman(server: Server): boolean {
  const { elicitation } = server.getClientCapabilities() ?? {};
  return elicitation !== undefined && (elicitation.form !== undefined || elicitation.url === undefined);
}

/** How the client calls itself, in one short line: whatever it says is only told, never trusted. */
export function clientName(server: Server): string {
  const { name = "unknown", version = "" } = server.getClientVersion() ?? {};
  return plain(`${name} ${version}`.trim().slice(0, 100)).replaceAll("\n", " ");
}
