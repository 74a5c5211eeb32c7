interface Translated {
  readonly expression: RegExp;
  /** The longest value it is tried on; how long a test takes may grow with a power of the length, or faster. */
  readonly longest: number;
}

/** The lengths that values are tried up to, and in how many ways a pattern may be tried on one. */
const [lengths, mostWays] = [[300, 16, 8], 100_000_000] as const;

const translated = new Map<string, Translated | undefined>();

/**
 * Whether Proxmox, which tests `/^$pattern$/` in Perl, may take `value`. What JavaScript's expressions cannot say in the
 * same way is `true`: text beyond printable ASCII (Perl's `\w` and `\d` know all scripts), constructs of Perl's own, and
 * values so long that the test could hold the event loop.
 */
export function mayMatch(pattern: string, value: string): boolean {
  if (!translated.has(pattern)) translated.set(pattern, translate(pattern));
  const known = translated.get(pattern);
  if (known === undefined || value.length > known.longest || !isPlain(value)) return true;
  return isMatch(known.expression, value);
}

/** Whether `expression` matches the way Perl's would: its `$` also stands before a newline at the end. */
export function isMatch(expression: RegExp, value: string): boolean {
  return expression.test(value) || (value.endsWith("\n") && expression.test(value.slice(0, -1)));
}

/** Whether Perl and JavaScript agree on the classes of all characters: printable ASCII, tab and newline. */
export function isPlain(value: string): boolean {
  return /^[\x20-\x7e\t\n]*$/.test(value);
}

/** Escapes that mean the same in both languages; `\v`, `\A`, `\z`, `\h`, `\R` and back references do not. */
const shared = /^\\(?:[dDwWsSbBnrtf]|x[0-9a-fA-F]{2}|0(?!\d)|[^a-zA-Z0-9])/;
/** Groups; Perl prints a compiled expression as `(?^i:...)`, where `^` stands for "no flag but these". */
const group = /^\((?:\?(?:[:=!]|\^i?:)|(?!\?))/;
/** A class, unless it starts with `]` or holds a named class (`[[:alpha:]]`), which the two read differently. */
const characters = /^\[\^?(?!\])(?:\\[dDwWsSbnrtf]|\\x[0-9a-fA-F]{2}|\\0(?!\d)|\\[^a-zA-Z0-9]|\[(?![:.=])|[^\]\\[])+\]/;
const repetition = /^(?:[*+?]|\{\d+,?\d*\}|\{,\d+\})/;

function translate(pattern: string): Translated | undefined {
  let source = "";
  let rest = pattern;
  let nested = false;
  let [limited, unlimited] = [0, 0];
  // For every open group, whether something in it may match in more than one length.
  const repeats = [false];
  while (rest !== "") {
    const token = [shared, group, characters, repetition]
      .map((it) => it.exec(rest)?.[0])
      .find((it) => it !== undefined);
    const taken = token ?? rest.slice(0, 1);
    if (token === undefined && /[\\([]/.test(taken)) return undefined;
    rest = rest.slice(taken.length);
    if (taken.startsWith("(")) {
      repeats.push(false);
      source += taken.replace("?^i:", "?i:").replace("?^:", "?-i:");
    } else if (taken === ")") {
      const inner = repeats.pop() ?? false;
      nested ||= inner && /^[*+{]/.test(rest);
      repeats.push((repeats.pop() ?? false) || inner);
      source += taken;
    } else {
      if (repetition.test(taken) && !/^\{\d+\}$/.test(taken)) {
        repeats.splice(-1, 1, true);
        if (taken === "?") limited += 1;
        else unlimited += 1;
      }
      source += taken.replace(/^\{,/, "{0,");
    }
  }
  const longest = lengths.find((length) => !(nested && length > 16) && waysOf(length, limited, unlimited) <= mostWays);
  try {
    return longest === undefined ? undefined : { expression: new RegExp(`^${source}$`), longest };
  } catch {
    return undefined;
  }
}

/** In how many ways repetitions one after the other can share a value of this length, or leave it to each other. */
function waysOf(length: number, limited: number, unlimited: number): number {
  let ways = 2 ** limited;
  for (let one = 1; one <= unlimited; one++) ways *= (length + one) / one;
  return ways;
}
