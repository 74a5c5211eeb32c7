/** A request that the configuration, or a human, does not let through. Nothing was sent. */
export class PolicyRefusal extends Error {
  override readonly name = "PolicyRefusal";
  /** The rule that refuses, a word for the audit: `access`, `deny`, `protect`, `consent`, `declined`. */
  readonly rule: string;
  /** The question it is about, where consent was asked for: `K7Q2`. */
  readonly question: string | undefined;

  constructor(rule: string, message: string, question?: string) {
    super(message);
    this.rule = rule;
    this.question = question;
  }
}

/**
 * A request waits for a consent that its client cannot ask for: the message has the plan and says what to do. Nothing
 * was sent. It is an answer, not an error: Gemini CLI 0.61 hides a tool's errors from its user.
 */
export class NotExecuted extends Error {
  override readonly name = "NotExecuted";
  /** Why it waits, in one line without the plan, for the audit. */
  readonly reason: string;
  readonly question: string | undefined;

  constructor(message: string, reason: string, question?: string) {
    super(message);
    this.reason = reason;
    this.question = question;
  }
}
