import type { FailoverNote } from "../../policy/guarded-request.ts";
import { plainLine } from "../../sanitize.ts";
import { maxNotes } from "./output-budget.ts";

/** Maximum number shown; where many requests take detours, they take the same ones. */
const maxTold = 3;

/** An answer with how it came, where that was by a detour that its text does not tell of yet. */
export function withDetours(text: string, detours: readonly FailoverNote[]): string {
  const untold = detours.filter(({ detour }) => !text.includes(detour));
  const lines = untold.slice(0, maxTold).map(({ cluster, detour }) => {
    return `\n[${plainLine(`${cluster} by a detour: ${detour}`)
      .slice(0, maxNotes / (maxTold + 1))
      .toWellFormed()}]`;
  });
  const rest = untold.length > maxTold ? `\n[${untold.length - maxTold} more detours]` : "";
  return `${text}${lines.join("")}${rest}`;
}
