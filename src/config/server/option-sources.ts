import type { Variables } from "../clusters/variables.ts";
import { ConfigError } from "../error.ts";
import { type SettingName, settings } from "./settings.ts";

/** Flags as a command line gave them, by name without dashes. */
export type Flags = Readonly<Record<string, string | number | boolean | undefined>>;

/** Where settings are taken from; a flag wins over its variable. */
export interface Given {
  readonly flags: Flags;
  readonly env: Variables;
}

/** A setting that was given: its text, and what to call it in a message, `--port` or `MCP_PORT`. */
export interface GivenSetting {
  readonly text: string;
  readonly name: string;
}

/**
 * Takes a setting from its flag, else from its variable; `undefined` when neither is there.
 * A variable that is set to nothing counts as not there, except where `mayBeEmpty` lets the caller judge it.
 * @throws ConfigError when the flag is empty.
 */
export function take(variable: SettingName, { flags, env }: Given, mayBeEmpty = false): GivenSetting | undefined {
  const flag = settings.find((setting) => setting.variable === variable)?.flag;
  const value = flag === undefined ? undefined : flags[flag];
  if (value !== undefined) {
    if (value === "") throw new ConfigError(`--${flag}: is empty.`);
    return { text: String(value), name: `--${flag}` };
  }
  const text = env[variable];
  return text === undefined || (text === "" && !mayBeEmpty) ? undefined : { text, name: variable };
}
