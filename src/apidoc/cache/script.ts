/** So many arrays that never close are looked at; each is read to its end, and a hostile script could hold any number. */
const maxBroken = 8;

/** The deepest that brackets may stand in one another: Proxmox's own go to 23, and reading them again takes a stack. */
const deepest = 100;

/** The longest array, in characters: Proxmox's own has 1.2 million without and 4 million with its white space. */
const maxCharacters = 8_000_000;

/** The most objects and arrays: Proxmox's own has 13,500, and each takes some 100 bytes while the schema is read. */
const maxBrackets = 100_000;

/** The most strings: Proxmox's own has 74,000. */
const maxStrings = 500_000;

/**
 * Cuts the API's schema out of `apidoc.js`: the text of its JSON array, never evaluated. On a host it is
 * `const apiSchema = [...]` with the viewer's code after it; the code around it does not matter. `undefined` where there is none, as on a login page, and where it exceeds the limits of this file.
 */
export function cutSchema(script: string): string | undefined {
  // An array of objects that is assigned; the first that is whole and speaks of paths.
  const beginning = /\[\s{0,99}\{\s{0,99}"/g;
  let broken = 0;
  for (let found = beginning.exec(script); found !== null; found = beginning.exec(script)) {
    if (!isAssigned(script, found.index)) continue;
    const array = cutArray(script, found.index);
    if (array === undefined) {
      broken += 1;
      if (broken === maxBroken) return undefined;
    } else {
      if (/"path"\s{0,99}:\s{0,99}"\//.test(array)) return array;
      beginning.lastIndex = found.index + array.length;
    }
  }
  return undefined;
}

/** Whether `name =` precedes an index; reads only the 20 characters before it. */
function isAssigned(script: string, at: number): boolean {
  return /[\w$]\s{0,9}=\s{0,9}$/.test(script.slice(Math.max(0, at - 20), at));
}

/** From a bracket to the one that closes it. JSON's strings are skipped whole: descriptions hold brackets. */
function cutArray(text: string, start: number): string | undefined {
  // An unterminated string extends to the end of the text: rescanning from each of its quotes would be quadratic.
  const token = /"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?$)|[[\]{}]/gs;
  token.lastIndex = start;
  let [depth, brackets, strings] = [0, 0, 0];
  for (let found = token.exec(text); found !== null; found = token.exec(text)) {
    if (found[0] === "[" || found[0] === "{") {
      depth += 1;
      brackets += 1;
    } else if (found[0] === "]" || found[0] === "}") depth -= 1;
    else strings += 1;
    const excessive = brackets > maxBrackets || strings > maxStrings || token.lastIndex - start > maxCharacters;
    if (depth > deepest || excessive) return undefined;
    if (depth === 0) return text.slice(start, token.lastIndex);
  }
  return undefined;
}
