import { ConfigError } from "./error.ts";
import { type Given, take } from "./server/option-sources.ts";

/** Minimum and maximum of the setting, in MiB: with less, no large answer could be read beside others. */
const [minMib, maxMib] = [16, 65_536];

/**
 * Memory for Proxmox's answers while they are read and in use, in bytes. Default: 256 MiB.
 * @throws ConfigError that names the setting and what is valid.
 */
export function loadAnswerMemory(given: Given): number {
  const setting = take("MCP_ANSWER_MEMORY_MIB", given);
  const mib = setting === undefined ? 256 : /^\d{1,5}$/.test(setting.text) ? Number(setting.text) : Number.NaN;
  if (mib >= minMib && mib <= maxMib) return mib * 1024 * 1024;
  throw new ConfigError(`${setting?.name}: must be a whole number of MiB, from ${minMib} to ${maxMib}.`);
}
