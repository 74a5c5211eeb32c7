import { ConfigError } from "../error.ts";
import { type Given, take } from "./option-sources.ts";

/** Maximum of the setting, in seconds. */
const maxSeconds = 3600;

/**
 * How long running calls may take to finish after SIGTERM or SIGINT, in milliseconds. Default: 30 s.
 * @throws ConfigError that names the setting and what is valid.
 */
export function loadDrainMs(given: Given): number {
  const setting = take("MCP_DRAIN_SECONDS", given);
  if (setting === undefined) return 30_000;
  const seconds = /^\d{1,4}$/.test(setting.text) ? Number(setting.text) : Number.NaN;
  if (seconds <= maxSeconds) return seconds * 1000;
  throw new ConfigError(`${setting.name}: must be a whole number of seconds, from 0 to ${maxSeconds}.`);
}
