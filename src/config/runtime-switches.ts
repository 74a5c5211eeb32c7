import type { Variables } from "./clusters/variables.ts";
import { ConfigError } from "./error.ts";

/** Variables with which Bun itself, not this program, changes what runs or what is printed. */
const switches = {
  BUN_OPTIONS: "adds Bun's own flags, such as --preload",
  BUN_INSPECT: "opens a debugger without a password",
  BUN_INSPECT_PRELOAD: "loads another program's code",
  BUN_CONFIG_VERBOSE_FETCH: "prints every request to Proxmox, with its API token, on stderr",
} as const satisfies Readonly<Record<string, string>>;

/** Refused by the compiled program only: a developer who runs from source may use Bun's flags. */
const compiledOnly: readonly string[] = ["BUN_OPTIONS", "BUN_INSPECT", "BUN_INSPECT_PRELOAD"];

/**
 * Refuses variables that make Bun run other code in this process or print API tokens; an empty one counts as not set.
 * Bun reads them before the first line of this program: that nothing foreign has run by now is the compile option's work
 * (`--disallow-code-generation-from-strings=strict`, see `scripts/build/compile.ts`). `BUN_BE_BUN=1` starts Bun instead
 * of this program and cannot be refused here.
 * @throws ConfigError that names every such variable.
 */
export function refuseRuntimeSwitches(isCompiled: boolean, env: Variables = process.env): void {
  const refused = Object.entries(switches).filter(
    ([name]) => (env[name] ?? "") !== "" && (isCompiled || !compiledOnly.includes(name)),
  );
  if (refused.length === 0) return;
  throw new ConfigError(
    "Not started, since the environment changes how the Bun runtime inside this program works. Unset:",
    refused.map(([name, effect]) => `${name}, which ${effect}`),
  );
}
