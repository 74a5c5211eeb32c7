import { inspect } from "node:util";

/**
 * A value that must never be shown: an API token's secret, a bearer token.
 * Every way of turning it into text (template literals, JSON, console, `inspect`) gives `[secret]`;
 * only {@link Secret.reveal} gives the value, so each use of it can be found by name.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself. Call it only where it goes on the wire or into a comparison. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [inspect.custom](): string {
    return "[secret]";
  }
}
