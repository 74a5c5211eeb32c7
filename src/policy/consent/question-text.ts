import type { Plan } from "../plan/plan.ts";

/** The whole plan, a line each: what is done, what it means, then everything else. */
export function planLines({ action, effect, details }: Plan): readonly string[] {
  return [action, effect, ...details].filter((line) => line !== "");
}

/** What to type to agree, as a line: `Type web-01 (or 104) to agree.`; a click where nothing is to be typed. */
export function howToAgree({ words: [first, ...others] }: Pick<Plan, "words">): string {
  if (first === undefined) return "One click agrees; nothing is to be typed.";
  const also = others.length === 0 ? "" : ` (or ${others.join(" or ")})`;
  return `Type ${first}${also} to agree.`;
}

/** What a client's form shows. Claude Code 2.1 shows three lines of it, so these say what is decided. */
export function formText(plan: Plan): string {
  const [action = "", effect = "", ...details] = planLines(plan);
  return [action, effect, howToAgree(plan), ...details].join("\n");
}

/** A time in whole minutes, at least one: `7 min`. */
export function minutes(milliseconds: number): string {
  return `${Math.max(1, Math.ceil(milliseconds / 60_000))} min`;
}
