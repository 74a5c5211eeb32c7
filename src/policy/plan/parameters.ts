import { createHash } from "node:crypto";
import type { ParamValue } from "../../proxmox/params.ts";
import { formatPath } from "../../proxmox/path.ts";
import { showValue } from "../redaction/redact-parameters.ts";
import { PolicyRefusal } from "../refusal.ts";
import { endpointOf, type Planned } from "./plan.ts";
import { decoded, formLine, quote } from "./wording.ts";

/**
 * Text that nothing runs or reads as a setting: a human judges it by head, tail, length and hash. `content` is a file
 * that is written into a guest; everywhere else it is a storage's list of kinds, and short.
 */
const bulkNames: ReadonlySet<string> = new Set([
  "description",
  "comment",
  "comments",
  "notes",
  "notes-template",
  "content",
  "certificates",
  "body",
]);

/** Bulk text up to this length is shown whole, in characters. */
const shortBulk = 500;

/** Characters of bulk text that are shown of each end. */
const bulkEnd = 200;

/** The longest value of one parameter that is shown to a human, in characters. */
const maxValueLength = 8_000;

/** The longest parameters of one request together, bulk text apart, in characters. */
const maxRequestLength = 20_000;

/** Parameters whose values are lists or programs that must be read whole. */
const programNames: ReadonlySet<string> = new Set(["args", "command", "content", "hookscript", "input-data", "script"]);

/** The longest value that line 2 may hold beside others, in characters. */
const maxOnLineLength = 100;

/** A parameter as the plan shows it. */
export interface ShownParameter {
  readonly name: string;
  /** `memory: "4096"`, whole but for bulk text, secrets masked. */
  readonly line: string;
  /** `memory=4096` for line 2; `undefined` where it does not fit there whole. */
  readonly short: string | undefined;
  /** `args of 412 characters`, where it does not fit. */
  readonly length: string;
}

/**
 * The parameters of a request as a human judges them: whole, or the request is refused.
 * @throws {PolicyRefusal} that names the parameter and the limit.
 */
export function showParameters({
  request,
  cluster,
  classified,
}: Pick<Planned, "request" | "cluster" | "classified">): readonly ShownParameter[] {
  const { method, path, params = {} } = request;
  const refuse = (why: string) =>
    new PolicyRefusal(
      "consent",
      `${method} ${formatPath(path)} on ${cluster.name} was not sent: a human must read it whole before agreeing to it, and ${why}.`,
    );
  let total = 0;
  return Object.entries(params)
    .filter(([name]) => name !== "digest")
    .map(([name, value]) => {
      const isBulk = bulkNames.has(name);
      const seen = readable(name, showValue(endpointOf(method, classified), name, value));
      const text = quote(seen);
      if (name.length > maxOnLineLength) throw refuse("the name of a parameter has more than 100 characters");
      if (!isBulk) {
        if (text.length > maxValueLength) {
          throw refuse(`the parameter "${name}" has ${text.length} characters; at most ${maxValueLength} are shown`);
        }
        total += text.length;
        if (total > maxRequestLength) {
          throw refuse(
            `its parameters have more than ${maxRequestLength} characters together, counted up to "${name}"`,
          );
        }
      }
      return {
        name,
        line: `${quoteName(name)}: ${isBulk ? bulkText(text, seen, value) : text}`,
        short: shortForm(name, text, isBulk),
        length: `${quoteName(name)} of ${lengthOf(value)} characters`,
      };
    });
}

/** SSH keys reach Proxmox percent-encoded; people know them decoded. */
function readable(name: string, value: ParamValue): ParamValue {
  return name === "sshkeys" && typeof value === "string" ? decoded(value) : value;
}

/** Head and tail of what may be shown; length and hash of what is sent. */
function bulkText(text: string, seen: ParamValue, value: ParamValue): string {
  if (text.length <= shortBulk) return text;
  const [shown, raw] = [seen, value].map((one) => (typeof one === "object" ? JSON.stringify(one) : String(one)));
  const hash = createHash("sha256")
    .update(raw ?? "")
    .digest("hex");
  const head = quote(shown?.slice(0, bulkEnd).toWellFormed());
  const tail = quote(shown?.slice(-bulkEnd).toWellFormed());
  return `${head} ... ${tail} (${raw?.length} characters, SHA-256 ${hash})`;
}

function shortForm(name: string, text: string, isBulk: boolean): string | undefined {
  const isPlain = /^"[\w.:@/!+=,;%*-]*"$/.test(text);
  const value = isPlain && text !== '""' ? text.slice(1, -1) : text;
  const short = `${quoteName(name)}=${value}`;
  // A gap of spaces pushes what follows out of view.
  if (short.length <= maxOnLineLength && !text.includes("   ")) return short;
  return isBulk && !programNames.has(name) ? `${name} of ${text.length} characters` : undefined;
}

function quoteName(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : quote(name);
}

/** Characters of a value; of a list those of its items. */
export function lengthOf(value: ParamValue): number {
  return [value].flat().reduce<number>((sum, item) => sum + String(item).length, 0);
}

/** Whether a text may be judged on line 2: short, one line, nothing invisible, no gap that pushes its end out of view. */
export function fitsLine(text: string): boolean {
  return text.length <= formLine && !text.includes("   ") && !/\\(?:u[0-9a-f]{4}|[nrtbf])/.test(text);
}
