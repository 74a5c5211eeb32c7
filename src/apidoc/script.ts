/**
 * Cuts the API's schema out of `apidoc.js`: the text of its JSON array, never evaluated. On a host it is
 * `const apiSchema = [...]` with the viewer's code after it; whatever stands around it, in whatever order, does not
 * matter. `undefined` where there is none, as on a login page.
 */
export function cutSchema(script: string): string | undefined {
  // An assignment of an array of objects; the first that is whole and speaks of paths.
  for (const { index } of script.matchAll(/(?<=[\w$]\s{0,9}=\s{0,9})\[\s*\{\s*"/g)) {
    const array = cutArray(script, index);
    if (array !== undefined && /"path"\s*:\s*"\//.test(array)) return array;
  }
  return undefined;
}

/** From a bracket to the one that closes it. JSON's strings are skipped whole: descriptions hold brackets. */
function cutArray(text: string, start: number): string | undefined {
  const token = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}]/gs;
  token.lastIndex = start;
  let depth = 0;
  for (let found = token.exec(text); found !== null; found = token.exec(text)) {
    if (found[0] === "[" || found[0] === "{") depth += 1;
    else if (found[0] === "]" || found[0] === "}") depth -= 1;
    if (depth === 0) return text.slice(start, token.lastIndex);
  }
  return undefined;
}
