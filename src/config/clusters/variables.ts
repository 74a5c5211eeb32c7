import { ConfigError } from "../error.ts";

/** The variables that the configuration may use: `process.env`, or a test's own. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** A `$${` (the way to write a literal `${`), or a `${` with what stands up to its `}`. */
const reference = /\$\$\{|\$\{([^}]*)(\}?)/g;

/** Whether a text takes anything from the environment. */
export function hasVariable(text: string): boolean {
  return [...text.matchAll(reference)].some(([match]) => match !== "$${");
}

/**
 * Replaces every `${NAME}` by the environment's value, which is not looked at again; `$${` gives a literal `${`,
 * and any other `$` stands for itself.
 * @throws ConfigError that names a variable which is not set or empty.
 */
export function expandVariables(text: string, env: Variables): string {
  return text.replaceAll(reference, (match: string, name: string | undefined, close: string | undefined) => {
    if (match === "$${") return "${";
    if (close !== "}" || name === undefined || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw new ConfigError(`holds a "\${" that begins no \${NAME}; write "$\${" for a literal "\${".`);
    }
    const value = env[name];
    if (value === undefined || value === "") {
      throw new ConfigError(
        `takes \${${name}} from the environment, where it is ${value === "" ? "empty" : "not set"}.`,
      );
    }
    return value;
  });
}
