import type { RE2JS } from "re2js";
import type { Budget } from "./budget.ts";
import { translate } from "./perl.ts";

/** A pattern's automaton. */
interface Compiled {
  readonly expression: RE2JS;
  readonly size: number;
  /** Characters it may still read before it is recompiled: its cached states grow with the input. */
  left: number;
}

/** So many automata are kept, the last used ones. With the next two limits they take at most 32 MB, usually 100 kB. */
const maxKept = 16;

/** The largest automaton that is kept, in instructions. */
const maxKeptSize = 600;

/** Characters an automaton reads before it is recompiled. */
const keptCharacters = 1000;

/** What compiling costs, in units of the {@link Budget} for each instruction. */
const compileUnits = 16;

const kept = new Map<string, Compiled>();

/**
 * Whether Proxmox, which tests `/^$pattern$/` in Perl, may take `value`. The pattern runs on RE2JS, an automaton whose
 * time is linear in the value's length whatever the pattern is. Left to Proxmox, and `true` here, are: patterns that RE2
 * cannot express in the same way (look-around, back references, atomic groups, counts above 1000), large ones, what
 * exceeds the budget, and text beyond printable ASCII, for Perl's `\w` and `\d` know all scripts.
 */
export function mayMatch(pattern: string, value: string, budget: Budget): boolean {
  if (!isPlain(value)) return true;
  const compiled = kept.get(pattern) ?? compile(pattern, budget);
  if (compiled === undefined || !budget.spend(compiled.size * (value.length + 1))) return true;
  const { expression } = compiled;
  keep(pattern, compiled, value.length);
  // Perl's `$` also matches before a trailing newline.
  return expression.test(value) || (value.endsWith("\n") && expression.test(value.slice(0, -1)));
}

/** Whether Perl and JavaScript agree on the classes of all characters: printable ASCII, tab and newline. */
export function isPlain(value: string): boolean {
  return /^[\x20-\x7e\t\n]*$/.test(value);
}

function compile(pattern: string, budget: Budget): Compiled | undefined {
  const translated = budget.spend(pattern.length) ? translate(pattern) : undefined;
  if (translated === undefined || !budget.spend(translated.size * compileUnits)) return undefined;
  try {
    // Loaded with the first pattern: 150 kB of code that most processes never need.
    const { RE2JS: engine } = require("re2js") as typeof import("re2js");
    const expression = engine.compile(`^${translated.source}$`);
    return { expression, size: expression.programSize(), left: keptCharacters };
  } catch {
    return undefined;
  }
}

function keep(pattern: string, compiled: Compiled, characters: number): void {
  kept.delete(pattern);
  compiled.left -= characters + 1;
  if (compiled.left <= 0 || compiled.size > maxKeptSize) return;
  kept.set(pattern, compiled);
  const [oldest] = kept.keys();
  if (kept.size > maxKept && oldest !== undefined) kept.delete(oldest);
}
