import type { Complaint } from "./validate.ts";

/** The most complaints that are told one by one. */
const most = 20;

/**
 * The complaints for people, one line each, then the endpoint's signature if the caller has one:
 *
 *     2 parameters are wrong:
 *     - cores is "0", less than 1; valid: an integer of at least 1
 *     - memroy is unknown; did you mean memory?
 */
export function wordComplaints(complaints: readonly Complaint[], signature?: string): string {
  const count = new Set(complaints.map(({ name }) => name)).size;
  const lines = complaints.slice(0, most).map((complaint) => `- ${word(complaint)}`);
  if (complaints.length > most) lines.push(`- and ${complaints.length - most} more`);
  const head = count === 1 ? "1 parameter is wrong:" : `${count} parameters are wrong:`;
  return [head, ...lines, ...(signature === undefined ? [] : [signature])].join("\n");
}

function word({ name, part, problem, valid, nearest }: Complaint): string {
  const subject = part === undefined ? name : `${part} in ${name}`;
  const meant = nearest === undefined ? "" : `; did you mean ${nearest}?`;
  return `${subject} ${problem}${meant}${valid === undefined ? "" : `; valid: ${valid}`}`;
}
