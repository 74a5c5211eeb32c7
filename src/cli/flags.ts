import type { ArgsDef, CommandContext } from "citty";
import { ConfigError } from "../config/error.ts";
import type { Flags } from "../config/given.ts";
import { nearest } from "../config/nearest.ts";
import { type Setting, settings } from "../config/settings.ts";

/** The flags of a command: those of some groups of settings, and `--demo`. */
export function flagsOf(...groups: Setting["group"][]): ArgsDef {
  const args: ArgsDef = {
    demo: { type: "boolean", description: "use two embedded demo clusters instead of a configuration" },
  };
  for (const { group, flag, kind, hint, meaning, variable } of settings) {
    if (flag === undefined || !groups.includes(group)) continue;
    const description = `${meaning} (${variable})`;
    args[flag] =
      kind === "switch" ? { type: "boolean", description } : { type: "string", valueHint: hint, description };
  }
  return args;
}

/**
 * The flags that a command was given.
 * @throws {ConfigError} for a flag that it does not have and for words that are no flags: what is misspelt must not be
 * taken for what was meant.
 */
export function readFlags({ args, cmd }: CommandContext): Flags {
  const known = Object.keys((cmd.args ?? {}) as ArgsDef);
  const flags: Record<string, string | boolean | string[]> = {};
  const wrong = args._.map((word) => `${word}: not understood. Flags begin with --.`);
  for (const [name, value] of Object.entries(args)) {
    const kebab = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    if (name === "_" || kebab in flags) continue;
    if (known.includes(kebab)) flags[kebab] = value as string | boolean | string[];
    else wrong.push(`--${kebab}: there is no such flag.${didYouMean(kebab, known)} Valid: --${known.join(", --")}.`);
  }
  if (wrong.length > 0) throw new ConfigError("The command line was not understood:", wrong);
  return flags;
}

function didYouMean(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return near === undefined ? "" : ` Did you mean --${near}?`;
}
