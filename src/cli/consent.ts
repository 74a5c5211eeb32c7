import { createInterface } from "node:readline/promises";
import { type Call, ConsentNeeded, type Question } from "../policy/call.ts";
import { local } from "../policy/caller.ts";
import type { Guard, Proxmox } from "../policy/guard.ts";
import { NotExecuted } from "../policy/refusal.ts";
import type { Redactor } from "../redact/redactor.ts";
import { version } from "../version.ts";
import { plainLines, type Write } from "./output.ts";

/** What a question in the terminal needs. */
export interface TerminalOptions {
  /** The answer in place of what would be typed, for scripts. */
  readonly given: string | undefined;
  readonly redactor: Redactor;
  readonly write: Write;
}

/**
 * Does something with the clusters as whoever sits at this machine. What needs consent is asked in the terminal, with
 * the same plan and the same rules as a client's human is; `given` answers in their place, for scripts.
 * @throws {NotExecuted} where there is neither a terminal nor `given`.
 */
export async function askInTerminal<T>(
  guard: Guard,
  act: (proxmox: Proxmox) => Promise<T>,
  options: TerminalOptions,
): Promise<T> {
  const call: Call = { caller: local, client: `proxmox-mcp call ${version}`, canAsk: true };
  try {
    return await act(guard(call));
  } catch (error) {
    if (!(error instanceof ConsentNeeded)) throw error;
    const confirm = await answer(error.question, options);
    const action = confirm === undefined ? "cancel" : "accept";
    return await act(guard({ ...call, reply: { state: error.state, action, confirm } }));
  }
}

async function answer(
  { message, words }: Question,
  { given, redactor, write }: TerminalOptions,
): Promise<string | boolean | undefined> {
  const isTick = words.length === 0;
  if (given === undefined && !process.stdin.isTTY) {
    const value = isTick ? "yes" : words[0];
    throw new NotExecuted(`NOT EXECUTED. ${message}\nTo agree without a terminal, add --consent=${value}`);
  }
  if (given === undefined) await write(process.stderr, plainLines(message));
  const text =
    given ?? (await typed(redactor.outgoing(isTick ? "Allow this? [y/N] " : `Type ${words.join(" or ")} to agree: `)));
  return isTick && text !== undefined ? /^(?:y|yes)$/i.test(text.trim()) : text;
}

/** A line from the terminal; `undefined` when it was closed instead. */
async function typed(prompt: string): Promise<string | undefined> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const closed = new Promise<undefined>((resolve) => terminal.once("close", () => resolve(undefined)));
  try {
    return await Promise.race([terminal.question(plainLines(prompt)), closed]);
  } finally {
    terminal.close();
  }
}
