/** A request that the configuration or a human refuses. Nothing was sent. */
export class PolicyRefusal extends Error {
  override readonly name = "PolicyRefusal";
  /** The rule that refuses, for the audit: `access`, `deny`, `allow`, `protect`, `consent`, `declined`, or a class's rule. */
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
 * A request waits for a consent that its client cannot ask for: the message contains the plan and what to do. Nothing
 * was sent. It is returned as a result, not as an error: Gemini CLI 0.61 hides a tool's errors from its user.
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
