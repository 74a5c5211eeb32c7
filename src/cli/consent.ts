import { createInterface } from "node:readline/promises";
import { type Call, ConsentNeeded, type HumanReply, type Question } from "../policy/call.ts";
import { local } from "../policy/callers/caller.ts";
import { howToAgree, planLines } from "../policy/consent/question-text.ts";
import type { Guard } from "../policy/guard.ts";
import type { Proxmox } from "../policy/guarded-request.ts";
import { NotExecuted } from "../policy/refusal.ts";
import type { Redactor } from "../redact/redactor.ts";
import { plain } from "../sanitize.ts";
import { version } from "../version.ts";
import type { Write } from "./output.ts";

/** What a question in the terminal needs. */
export interface TerminalOptions {
  /** The answer in place of what would be typed, for scripts. */
  readonly given: string | undefined;
  readonly redactor: Redactor;
  readonly write: Write;
}

/**
 * Runs an action on the clusters for the operator at the terminal. Consent is asked for in the terminal, with the same
 * plan and rules as in a client; `given` answers instead, for scripts.
 * @throws {NotExecuted} where there is neither a terminal nor `given`.
 */
export async function askInTerminal<T>(
  guard: Guard,
  act: (proxmox: Proxmox) => Promise<T>,
  options: TerminalOptions,
): Promise<T> {
  const call: Call = { caller: local, client: `proxmox-mcp call ${version}`, prompt: "terminal" };
  try {
    using proxmox = guard(call);
    return await act(proxmox);
  } catch (error) {
    if (!(error instanceof ConsentNeeded)) throw error;
    const reply = { ...(await answer(error.question, options)), state: error.state };
    using proxmox = guard({ ...call, reply });
    return await act(proxmox);
  }
}

async function answer(
  { id, plan }: Question,
  { given, redactor, write }: TerminalOptions,
): Promise<Omit<HumanReply, "state">> {
  const text = planLines(plan).join("\n");
  const isClick = plan.words.length === 0;
  if (given === undefined && !process.stdin.isTTY) {
    const value = isClick ? "yes" : plan.words[0];
    const message = `NOT EXECUTED. ${text}\nTo agree without a terminal, add --consent=${value}`;
    throw new NotExecuted(message, "consent is needed (no terminal)", id);
  }
  if (given === undefined) await write(process.stderr, text);
  const prompt = isClick ? "Allow this? [y/N] " : `${howToAgree(plan).replace(/\.$/, ":")} `;
  const typed = given ?? (await ask(redactor.outgoing(prompt)));
  if (typed === undefined) {
    // The end of the input leaves the cursor behind the prompt.
    await write(process.stderr, "");
    return { action: "cancel", confirm: undefined };
  }
  if (!isClick) return { action: "accept", confirm: typed };
  return { action: /^(?:y|yes)$/i.test(typed.trim()) ? "accept" : "decline", confirm: undefined };
}

/** A line from the terminal; `undefined` when it was closed instead. */
async function ask(prompt: string): Promise<string | undefined> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const closed = new Promise<undefined>((resolve) => terminal.once("close", () => resolve(undefined)));
  try {
    return await Promise.race([terminal.question(plain(prompt)), closed]);
  } finally {
    terminal.close();
  }
}
