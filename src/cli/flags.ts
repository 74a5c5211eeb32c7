import type { ArgsDef, CommandContext } from "citty";
import { ConfigError } from "../config/error.ts";
import type { Flags } from "../config/server/option-sources.ts";
import { type Setting, type SettingName, settings } from "../config/server/settings.ts";
import { didYouMean } from "../config/wording.ts";

/** The flags of some groups of settings; where clusters come from one may also say `--demo`. */
export function flagsOf(...groups: Setting["group"][]): ArgsDef {
  return {
    ...(groups.includes("source") && {
      demo: { type: "boolean", description: "use two embedded demo clusters instead of a configuration" } as const,
    }),
    ...flagsWhere(({ group }) => groups.includes(group)),
  };
}

/** The flags of single settings. */
export function flagsFor(...variables: SettingName[]): ArgsDef {
  return flagsWhere(({ variable }) => variables.some((wanted) => wanted === variable));
}

function flagsWhere(wanted: (setting: Setting) => boolean): ArgsDef {
  const args: ArgsDef = {};
  for (const setting of settings) {
    const { flag, kind, hint, meaning, variable } = setting;
    if (flag === undefined || !wanted(setting)) continue;
    const description = `${meaning} (${variable})`;
    args[flag] =
      kind === "switch" ? { type: "boolean", description } : { type: "string", valueHint: hint, description };
  }
  return args;
}

/** What stands on a command line. */
export interface CommandLine {
  readonly flags: Flags;
  /** What is no flag, in order. */
  readonly words: readonly string[];
}

/** The end of the name of a command's last word that may come any number of times. */
const repeated = "...";

/**
 * Reads what a command was given.
 * @throws {ConfigError} for a flag that it does not have and for more words than it takes: what is misspelt must not be
 * taken for what was meant.
 */
export function readCommandLine({ args, cmd, rawArgs }: CommandContext): CommandLine {
  const defined = Object.entries((cmd.args ?? {}) as ArgsDef);
  const places = defined.filter(([, { type }]) => type === "positional").map(([name]) => name);
  const known = new Map(defined.filter(([name]) => !places.includes(name)).map(([name, { type }]) => [name, type]));
  const flags: Record<string, string | boolean> = {};
  const wrong: string[] = [];
  for (const [name, value] of Object.entries(args)) {
    const kebab = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`).replace(/^-+/, "");
    if (name === "_" || kebab in flags || places.includes(name)) continue;
    if (known.has(kebab))
      flags[kebab] = known.get(kebab) === "boolean" ? readSwitch(kebab, rawArgs, wrong) : String(value);
    else wrong.push(unknownFlag(kebab, [...known.keys()], places));
  }
  for (const flag of known.keys()) {
    const times = rawArgs.filter((arg) => arg === `--${flag}` || arg.startsWith(`--${flag}=`)).length;
    if (times > 1) wrong.push(`--${flag}: is given ${times} times; once is enough.`);
  }
  // A word behind an unknown flag may be its value, and that a secret: it is not repeated.
  const surplus = wrong.length > 0 || places.at(-1)?.endsWith(repeated) ? [] : args._.slice(places.length);
  wrong.push(...surplus.map((word) => `${word}: not understood. ${wordsOf(places)}`));
  if (wrong.length > 0) throw new ConfigError("The command line was not understood:", wrong);
  return { flags, words: args._ };
}

/** citty takes `--switch=no` for yes: whatever stands behind the sign is read here. */
function readSwitch(flag: string, rawArgs: readonly string[], wrong: string[]): boolean {
  const [, value] = rawArgs.find((arg) => arg.startsWith(`--${flag}=`))?.split("=", 2) ?? [];
  if (value === undefined) return !rawArgs.includes(`--no-${flag}`);
  if (/^(1|true|yes)$/i.test(value)) return true;
  if (!/^(0|false|no)$/i.test(value)) wrong.push(`--${flag}: must be true or false, or stand alone for true.`);
  return false;
}

function unknownFlag(flag: string, known: readonly string[], places: readonly string[]): string {
  const guess = didYouMean(
    `--${flag}`,
    known.map((name) => `--${name}`),
  );
  return `--${flag}: there is no such flag.${guess} ${validFlags(known, places)}`;
}

function wordsOf(places: readonly string[]): string {
  return places.length === 0 ? "Flags begin with --." : `It takes ${places.join(" ")} and flags, which begin with --.`;
}

function validFlags(known: readonly string[], places: readonly string[]): string {
  const last = places.at(-1);
  const others = last?.endsWith(repeated) === true ? ` All else is written as ${last.replace(repeated, "")}.` : "";
  return known.length === 0 ? "It has none." : `Valid: --${known.join(", --")}.${others}`;
}
