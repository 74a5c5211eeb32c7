/**
 * The configuration cannot be used. `message` is ready to print: a heading, then one line for each mistake,
 * and holds no value of a text in the configuration, since any of them may be a secret in the wrong place.
 */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** The mistakes, one each. */
  readonly lines: readonly string[];

  constructor(heading: string, lines: readonly string[] = []) {
    super([heading, ...lines.map((line) => `  ${line}`)].join("\n"));
    this.lines = lines;
  }
}

/** `attempt(read, refuse)` gives what `read` gives; a ConfigError of it goes to `refuse` and gives `undefined`. */
export function attempt<T>(read: () => T, refuse: (problem: string) => void): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    refuse(error.message);
    return undefined;
  }
}

/** Gives what `read` gives; the message of a ConfigError of it gets `prefix` put before. */
export function prefixed<T>(prefix: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(prefix + error.message) : error;
  }
}

/** `3 mistakes`, `1 mistake`. */
export function mistakes(count: number): string {
  return count === 1 ? "1 mistake" : `${count} mistakes`;
}
