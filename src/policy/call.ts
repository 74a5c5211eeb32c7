import type { Caller } from "./caller.ts";

/** One call of a tool or a command: who makes it, with which client, and how a human can be asked. */
export interface Call {
  readonly caller: Caller;
  /** The client program as it names itself, `gemini-cli 0.61.0`; for the audit, which must not trust it. */
  readonly client: string;
  /** Whether the client can put a question to its human, and bring back what the human answers. */
  readonly canAsk: boolean;
  /** What came back for a question that an earlier turn of this call put. */
  readonly reply?: Reply | undefined;
  /** The `consent` argument: a value of ours, or a code out of this server's log, where the client cannot ask. */
  readonly consent?: string | undefined;
}

/** A human's answer, and the state that went with the question. Both come through the client, and prove nothing as they are. */
export interface Reply {
  readonly state: string;
  /** `accept`, `decline` or `cancel`. */
  readonly action: string;
  /** What was typed, or whether the box was ticked. */
  readonly confirm: string | boolean | undefined;
}

/** What a human is asked before damage. */
export interface Question {
  /** The plan, in several lines: what is to happen where, and what will be lost. */
  readonly message: string;
  /** The words of which one is to be typed; none where a tick is enough. */
  readonly words: readonly string[];
}

/** A call waits for a human: the question, and the state to send back with the answer. Nothing was sent to Proxmox. */
export class ConsentNeeded extends Error {
  override readonly name = "ConsentNeeded";
  readonly question: Question;
  readonly state: string;

  constructor(question: Question, state: string) {
    super(question.message);
    this.question = question;
    this.state = state;
  }
}
