import type { Detour } from "../../policy/guarded-request.ts";
import { plainLine } from "../../sanitize.ts";
import { mostNotes } from "./output-budget.ts";

/** Maximum number shown; where many requests take detours, they take the same ones. */
const mostTold = 3;

/** An answer with how it came, where that was by a detour that its text does not tell of yet. */
export function withDetours(text: string, detours: readonly Detour[]): string {
  const untold = detours.filter(({ detour }) => !text.includes(detour));
  const lines = untold.slice(0, mostTold).map(({ cluster, detour }) => {
    return `\n[${plainLine(`${cluster} by a detour: ${detour}`)
      .slice(0, mostNotes / (mostTold + 1))
      .toWellFormed()}]`;
  });
  const rest = untold.length > mostTold ? `\n[${untold.length - mostTold} more detours]` : "";
  return `${text}${lines.join("")}${rest}`;
}
