/** A Perl pattern in RE2's syntax. */
export interface Translated {
  readonly source: string;
  /** About how many instructions its automaton has. */
  readonly size: number;
}

/** The longest pattern that is translated, in characters: Proxmox's longest has 280. */
const longest = 2000;

/** The largest automaton, in instructions: of Proxmox's patterns the largest that RE2 takes has 516. */
const largest = 3000;

/** An escape; which ones mean the same in both languages {@link isShared} tells. */
const escaped = /\\(?:x[0-9a-fA-F]{2}|0\d?|.)/sy;
/** A group; Perl prints a compiled expression as `(?^i:...)`, where `^` stands for "no flag but these". */
const group = /\((?:\?(?::|\^i?:))?/y;
/** A class that does not start with `]`, which the two read differently. */
const characters = /\[\^?(?:\\.|[^\]\\])+\]/sy;
const repetition = /[*+?]|\{(\d{0,4})(,?)(\d{0,4})\}/y;
/** A literal character, or one with the same meaning in both languages: `|`, `)`, `.`, `^`, `$`. */
const plain = /[^\\([{]/y;

/** What a group holds: its size so far, and that of the part which a repetition repeats. */
interface Group {
  size: number;
  last: number;
}

/**
 * Translates a pattern of Proxmox's schema, `undefined` where RE2 could read it in another way than Perl does, or where
 * its automaton would be too large. Takes time linear in its length.
 */
export function translate(pattern: string): Translated | undefined {
  if (pattern.length > longest) return undefined;
  const groups: Group[] = [{ size: 0, last: 0 }];
  let source = "";
  for (let at = 0; at < pattern.length; ) {
    const open = groups.at(-1);
    if (open === undefined) return undefined;
    const repeated = match(repetition, pattern, at);
    const token = repeated ?? [escaped, group, characters, plain].map((it) => match(it, pattern, at)).find((it) => it);
    if (token === undefined) return undefined;
    const [text] = token;
    at += text.length;
    if (!isShared(text) || (text === "(" && pattern.charAt(at) === "?")) return undefined;
    if (repeated !== undefined) {
      const [, least, comma, most] = repeated;
      if (text.startsWith("{") && ((least === "" && most === "") || (comma === "" && most !== ""))) return undefined;
      const times = text.startsWith("{") ? Math.max(Number(most), Number(least), 1) : 1;
      // RE2 unfolds x{1,3} to x(x(x)?)?.
      open.size += (open.last + 1) * times - open.last;
      open.last *= times;
      source += least === "" && comma === "," ? `{0,${most}}` : text;
    } else if (text.startsWith("(")) {
      groups.push({ size: 2, last: 0 });
      source += text.replace("?^i:", "?i-ms:").replace("?^:", "?-ims:");
    } else if (text === ")") {
      groups.pop();
      const outer = groups.at(-1);
      if (outer === undefined) return undefined;
      outer.size += open.size;
      outer.last = open.size;
      source += text;
    } else {
      open.size += 1;
      open.last = 1;
      source += text;
    }
    if (open.size > largest) return undefined;
  }
  const [whole, ...unclosed] = groups;
  return whole === undefined || unclosed.length > 0 || whole.size > largest
    ? undefined
    : { source, size: whole.size + 3 };
}

/** Whether an escape, or all that a class holds, means the same in both languages. */
function isShared(token: string): boolean {
  if (token.startsWith("\\")) return /^\\(?:[dDwWsSbBnrtf]|x..|0|[^a-zA-Z0-9])$/s.test(token);
  if (!token.startsWith("[")) return true;
  const escapes = token.match(/\\(?:x[0-9a-fA-F]{2}|0\d?|.)/gs) ?? [];
  // A named class (`[[:alpha:]]`) depends on Perl's locale, and `\b` is a backspace there.
  return !/\[[:.=]/.test(token.slice(1)) && escapes.every((it) => it !== "\\b" && it !== "\\B" && isShared(it));
}

function match(expression: RegExp, pattern: string, at: number): RegExpExecArray | undefined {
  expression.lastIndex = at;
  return expression.exec(pattern) ?? undefined;
}
