/**
 * Whether a pattern of `allow` or `deny` (`DELETE /nodes/**`) covers a request. `*` stands for one segment or for
 * any method, `**` for any number of segments; a segment written as a template (`{vmid}`) stands for any value, so a
 * pattern may be written over the real path or over its template.
 */
export function covers(pattern: string, method: string, path: readonly string[]): boolean {
  const space = pattern.indexOf(" ");
  const wanted = pattern.slice(0, space);
  if (wanted !== "*" && wanted !== method) return false;
  const parts = segmentsOf(pattern.slice(space + 1));
  // A volume id or CIDR with a slash is one segment of the path; an operator may write it either way.
  return matches(parts, path) || matches(parts, path.flatMap(segmentsOf));
}

function segmentsOf(text: string): string[] {
  return text.split("/").filter((segment) => segment !== "");
}

/**
 * Goes through the pattern once and keeps every place of the path that it may have come to, in order: the work is at
 * most the pattern's length times the path's, however many `**` there are.
 */
function matches(pattern: readonly string[], path: readonly string[]): boolean {
  let places = [0];
  for (const part of pattern) {
    const [first] = places;
    if (first === undefined) return false;
    if (part === "**") places = Array.from({ length: path.length - first + 1 }, (_, further) => first + further);
    else places = places.filter((place) => fits(part, path[place])).map((place) => place + 1);
  }
  return places.includes(path.length);
}

function fits(part: string, segment: string | undefined): boolean {
  return segment !== undefined && (part === "*" || /^\{.*\}$/.test(part) || part === segment);
}
