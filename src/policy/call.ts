import type { Caller } from "./callers/caller.ts";
import type { Plan } from "./plan/plan.ts";

/**
 * What a call can put before its human: `none`; `form`, of which clients show the first three lines (Claude Code 2.1);
 * `terminal`, the whole plan.
 */
export type Prompt = "none" | "form" | "terminal";

/** One call of a tool or a command: who makes it, with which client, and how a human can be asked. */
export interface Call {
  readonly caller: Caller;
  /** The client program as it names itself, `gemini-cli 0.61.0`; for the audit, which must not trust it. */
  readonly client: string;
  readonly prompt: Prompt;
  /** What came back for a question that an earlier turn of this call put. */
  readonly reply?: HumanReply | undefined;
  /** The `consent` argument: a code that a human read, or the value of a two-step answer. */
  readonly consent?: string | undefined;
  /**
   * Told the name of each cluster that the call uses, before it does.
   * @throws {Cancellation} when a reload took that cluster away since the call began.
   */
  readonly use?: ((cluster: string) => void) | undefined;
}

/** An answer to a question, and the state that went with it. Both come through the client and prove nothing by themselves. */
export interface HumanReply {
  readonly state: string;
  /** `accept`, `decline`, `cancel`; anything else counts as no answer. */
  readonly action: string;
  /** What was typed; `undefined` where nothing was to be typed. */
  readonly confirm: string | undefined;
}

/** What a human is asked before damage. */
export interface Question {
  /** Short name, shared with the audit: `K7Q2`. */
  readonly id: string;
  readonly plan: Plan;
}

/** A call waits for a human: the question, and the state to send back with the answer. Nothing was sent to Proxmox. */
export class ConsentNeeded extends Error {
  override readonly name = "ConsentNeeded";
  readonly question: Question;
  readonly state: string;

  constructor(question: Question, state: string) {
    super(question.plan.action);
    this.question = question;
    this.state = state;
  }
}
