/** A request that the configuration or a human refuses. Nothing was sent. */
export class PolicyRefusal extends Error {
  override readonly name = "PolicyRefusal";
  /** The rule that refuses, as a keyword for the audit: `access`, `deny`, `protect`, `consent`. */
  readonly rule: string;

  constructor(rule: string, message: string) {
    super(message);
    this.rule = rule;
  }
}

/** A request that waits for consent and whose client cannot ask: the message has the plan and what to do. Nothing was sent. */
export class NotExecuted extends Error {
  override readonly name = "NotExecuted";
}
