import { type InputRequiredResult, inputRequired, type ServerContext } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { ConsentNeeded, HumanReply } from "../policy/call.ts";
import { consentMs } from "../policy/consent/question.ts";
import { formText } from "../policy/consent/question-text.ts";
import type { Redactor } from "../redact/redactor.ts";
import { plain } from "../sanitize.ts";

/** The one question of a call, by its key among the input requests. */
const key = "consent";

/** The form of an answer; anything else is treated as "cancel". */
const answer = z.object({
  action: z.string().max(20),
  content: z.object({ confirm: z.string().max(1000).optional() }).optional(),
});

/** The question as a form: one field to type into, or none, which makes it one click. */
function formOf({ question: { plan } }: ConsentNeeded, redactor: Redactor) {
  const [first] = plan.words;
  const typed = plan.words.map((word) => JSON.stringify(word)).join(" or ");
  const message = plain(redactor.outgoing(formText(plan)));
  const confirm = { type: "string" as const, title: plain(redactor.outgoing(`Type ${typed} to agree`)) };
  const properties = first === undefined ? {} : { confirm };
  const required = first === undefined ? {} : { required: ["confirm"] };
  return { message, requestedSchema: { type: "object" as const, properties, ...required } };
}

/** A question of 2026-07-28: it goes out in the result, and the client calls again with the answer. */
export function askInResult(needed: ConsentNeeded, redactor: Redactor): InputRequiredResult {
  return inputRequired({
    requestState: needed.state,
    inputRequests: { [key]: inputRequired.elicit(formOf(needed, redactor)) },
  });
}

/**
 * The answer to a question in an earlier result (2026-07-28). A client can also send answers without a question: an
 * answer counts only with the state of its question, which the policy verifies.
 */
export function replyInRequest({ inputResponses, requestState }: ServerContext["mcpReq"]): HumanReply | undefined {
  const state = requestState();
  if (typeof state !== "string" || inputResponses?.[key] === undefined) return undefined;
  return toReply(state, inputResponses[key]);
}

/**
 * Asks a client of 2025 by a request of the server, for at most ten minutes. An error or a missing answer counts as
 * "cancel".
 * @throws the signal's reason when the call itself is cancelled.
 */
export async function askByRequest(
  needed: ConsentNeeded,
  { send, signal }: Pick<ServerContext["mcpReq"], "send" | "signal">,
  redactor: Redactor,
): Promise<HumanReply> {
  try {
    const params = { mode: "form" as const, ...formOf(needed, redactor) };
    const result = await send({ method: "elicitation/create", params }, { timeout: consentMs, signal });
    return toReply(needed.state, result);
  } catch (error) {
    if (signal.aborted) throw error;
    return { state: needed.state, action: "cancel", confirm: undefined };
  }
}

function toReply(state: string, given: unknown): HumanReply {
  const { data } = answer.safeParse(given);
  return { state, action: data?.action ?? "cancel", confirm: data?.content?.confirm };
}
