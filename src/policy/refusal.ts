/** A request that the configuration, or a human, does not let through. Nothing was sent. */
export class PolicyRefusal extends Error {
  override readonly name = "PolicyRefusal";
  /** The rule that refuses, a word for the audit: `access`, `deny`, `protect`, `consent`. */
  readonly rule: string;

  constructor(rule: string, message: string) {
    super(message);
    this.rule = rule;
  }
}

/** A request waits for consent that its client cannot ask for: the message has the plan, and what to do. Nothing was sent. */
export class NotExecuted extends Error {
  override readonly name = "NotExecuted";
}
