import { ConfigError } from "../error.ts";
import type { LogConfig } from "../types.ts";
import { didYouMean } from "../wording.ts";
import { type Given, take } from "./option-sources.ts";
import type { SettingName } from "./settings.ts";

const levels = ["silent", "error", "warn", "info", "debug"] as const;
const formats = ["text", "json"] as const;

/**
 * How to log, from `--log-level` and `--log-format` or their variables: `info` and `text` unless given.
 * @throws ConfigError that names the setting and what is valid.
 */
export function loadLogConfig(given: Given): LogConfig {
  return Object.freeze({
    level: oneOf(levels, "info", "MCP_LOG_LEVEL", given),
    format: oneOf(formats, "text", "MCP_LOG_FORMAT", given),
  });
}

function oneOf<T extends string>(words: readonly T[], usual: T, variable: SettingName, given: Given): T {
  const setting = take(variable, given);
  if (setting === undefined) return usual;
  const word = words.find((candidate) => candidate === setting.text.toLowerCase());
  if (word !== undefined) return word;
  throw new ConfigError(`${setting.name}: must be one of ${words.join(", ")}.${didYouMean(setting.text, words)}`);
}
