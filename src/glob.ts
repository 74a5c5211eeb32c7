/**
 * Makes the test of a pattern in which `*` stands for any characters, without regard to letter case. It goes through a
 * text once, so that many `*` cost no more than one.
 */
export function glob(pattern: string): (text: string) => boolean {
  const [first = "", ...others] = pattern.toLowerCase().split("*");
  const last = others.pop();
  if (last === undefined) return (text) => text.toLowerCase() === first;
  return (text) => {
    const lower = text.toLowerCase();
    if (lower.length < first.length + last.length || !lower.startsWith(first) || !lower.endsWith(last)) return false;
    let at = first.length;
    for (const part of others) {
      const found = lower.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return at <= lower.length - last.length;
  };
}
