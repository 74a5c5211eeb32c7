/** So many arrays that never close are looked at; each is read to its end, and a hostile script could hold any number. */
const mostBroken = 8;

/** The deepest that brackets may stand in one another: Proxmox's own go to 23, and reading them again takes a stack. */
const deepest = 100;

/**
 * Cuts the API's schema out of `apidoc.js`: the text of its JSON array, never evaluated. On a host it is
 * `const apiSchema = [...]` with the viewer's code after it; whatever stands around it, in whatever order, does not
 * matter. `undefined` where there is none, as on a login page.
 */
export function cutSchema(script: string): string | undefined {
  // An assignment of an array of objects; the first that is whole and speaks of paths.
  const beginning = /(?<=[\w$]\s{0,9}=\s{0,9})\[\s*\{\s*"/g;
  let broken = 0;
  for (let found = beginning.exec(script); found !== null; found = beginning.exec(script)) {
    const array = cutArray(script, found.index);
    if (array === undefined) {
      broken += 1;
      if (broken === mostBroken) return undefined;
    } else {
      if (/"path"\s*:\s*"\//.test(array)) return array;
      beginning.lastIndex = found.index + array.length;
    }
  }
  return undefined;
}

/** From a bracket to the one that closes it. JSON's strings are skipped whole: descriptions hold brackets. */
function cutArray(text: string, start: number): string | undefined {
  // A string that never closes goes to the end: looking for one from each of its quotes anew would take forever.
  const token = /"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|[[\]{}]/gs;
  token.lastIndex = start;
  let depth = 0;
  for (let found = token.exec(text); found !== null; found = token.exec(text)) {
    if (found[0] === "[" || found[0] === "{") depth += 1;
    else if (found[0] === "]" || found[0] === "}") depth -= 1;
    if (depth === 0) return text.slice(start, token.lastIndex);
    if (depth > deepest) return undefined;
  }
  return undefined;
}
