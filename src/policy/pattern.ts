/**
 * Whether a pattern of `allow` or `deny` (`DELETE /nodes/**`) covers a request. `*` stands for one segment or for
 * any method, `**` for any number of segments; a segment written as a template (`{vmid}`) stands for any value, so a
 * pattern may be written over the real path or over its template.
 */
export function covers(pattern: string, method: string, path: readonly string[]): boolean {
  const space = pattern.indexOf(" ");
  const wanted = pattern.slice(0, space);
  if (wanted !== "*" && wanted !== method) return false;
  return matches(
    pattern
      .slice(space + 1)
      .split("/")
      .filter((segment) => segment !== ""),
    path,
  );
}

function matches(pattern: readonly string[], path: readonly string[]): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return path.length === 0;
  if (first === "**") return path.some((_, at) => matches(rest, path.slice(at))) || matches(rest, []);
  const [segment, ...others] = path;
  if (segment === undefined) return false;
  return (first === "*" || /^\{.*\}$/.test(first) || first === segment) && matches(rest, others);
}
