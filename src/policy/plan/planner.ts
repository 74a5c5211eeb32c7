import type { ParamValue } from "../../proxmox/params.ts";
import { plainLine } from "../../sanitize.ts";
import { howToAgree } from "../consent/question-text.ts";
import { unknownRule } from "../endpoint-classes/classify.ts";
import { covers } from "../pattern.ts";
import { isHidden } from "../redaction/redact-parameters.ts";
import type { Context, Description } from "./describer.ts";
import { FactList } from "./facts.ts";
import { lookAt } from "./look.ts";
import { NoEffect } from "./no-effect.ts";
import { type ShownParameter, showParameters } from "./parameters.ts";
import { endpointOf, type Plan, type Planned } from "./plan.ts";
import { type OtherGuests, otherGuests } from "./targets/bulk.ts";
import { describers } from "./targets/index.ts";
import { describeObject } from "./targets/object.ts";
import { undoText } from "./undo.ts";
import { fileOf, formLine, pathText, quote } from "./wording.ts";

/** The longest of the two lines that sum a plan up, in characters; a form shows less. */
const maxLineLength = 160;

/** So many guests can be judged from one line. */
const fewGuests = 4;

/**
 * Reads what a request is about and says what it would do.
 * @param now the present time in milliseconds, for ages.
 * @throws {PolicyRefusal} when it cannot be undone and cannot be looked at, or is too long to be shown whole;
 * {NoEffect} when it can do nothing.
 */
export async function makePlan(planned: Planned, now: number = Date.now()): Promise<Plan> {
  const { request, classified } = planned;
  const parameters = showParameters(planned);
  const facts = new FactList();
  const context: Context = {
    planned,
    method: request.method,
    path: request.path,
    params: request.params ?? {},
    values: classified.values,
    look: lookAt(planned, facts),
    facts,
    now,
    noEffect: (why) => new NoEffect(planned, why),
  };
  const [description, others] = await Promise.all([describe(context), otherGuests(context)]);
  const endpoint = endpointOf(request.method, classified);
  const action = actionLine(description, planned);
  const effect = effectLine(description, others, parameters, planned);
  const lines = `${action.text}\n${effect.text}`;
  const words = classified.class === "destructive" ? (description.words ?? wordsOf(planned)) : [];
  return {
    action: action.text,
    effect: effect.text,
    details: [
      `${request.method} ${pathText(request.path)}`,
      ...parameters.map(({ line }) => `  ${line}`),
      ...(description.details ?? []),
      ...others.details,
      ...warningOf(description, planned),
    ].map(plainLine),
    words: shownWords(words),
    fitsForm:
      action.whole &&
      effect.whole &&
      [action.text, effect.text, howToAgree({ words: words.slice(0, 1) })].every((line) => line.length <= formLine) &&
      description.long !== true &&
      others.number <= fewGuests &&
      (description.told ?? []).every(
        (name) => isHidden(endpoint, name, context.params[name]) || isTold(context.params[name], lines),
      ),
    facts: facts.facts,
    digest: description.digest,
  };
}

async function describe(context: Context): Promise<Description> {
  const { template } = context.planned.classified;
  const shape = (template ?? context.path.join("/")).split("/").filter((segment) => segment !== "");
  const row = describers.find(([patterns]) => patterns.some((pattern) => covers(pattern, context.method, shape)));
  return await (row?.[1] ?? describeObject)(context);
}

/** The danger of a parameter, which no describer knows; that of the endpoint is what the description says. */
function warningOf({ explains = [] }: Description, { classified: { rule, reason } }: Planned): string[] {
  return rule.includes("/") || rule === unknownRule || explains.includes(rule) ? [] : [`${upper(reason)}.`];
}

/** Verb, object, cluster, and whether it can be undone, which is never cut. */
function actionLine({ action, undo }: Description, { cluster, classified, request }: Planned) {
  const tail = plainLine(` on ${cluster.name}: ${undoText(request.method, classified, undo)}`);
  const { text, whole } = cutLine(action, Math.max(maxLineLength - tail.length, 0));
  return { text: `${text}${tail}`, whole };
}

/** As many parts as the line holds, the number of those that it does not; parameters that no part tells follow. */
function effectLine(
  { effect, told = [], paraphrased = [] }: Description,
  others: OtherGuests,
  parameters: readonly ShownParameter[],
  { classified }: Planned,
) {
  const untold = parameters.filter(({ name }) => !told.includes(name) && !paraphrased.includes(name));
  const must = [
    ...effect,
    ...(others.isBulk ? others.effect : []),
    ...untold.map(({ short, length }) => short ?? length),
  ].map(plainLine);
  // The details name the guests of a call that is not about guests alone.
  const all = withinForm(must, others.isBulk ? [] : others.effect.map(plainLine));
  if (all.length === 0) return cutLine(classified.reason.replace(/^it /, ""));
  const kept: string[] = [];
  for (const part of all) {
    if ([...kept, part].join("; ").length > maxLineLength - (kept.length + 1 < all.length ? 20 : 0)) break;
    kept.push(part);
  }
  const more = all.length - kept.length;
  if (kept.length === 0) return { text: cutLine(all[0] ?? "").text, whole: false };
  return {
    text: more === 0 ? kept.join("; ") : `${kept.join("; ")}; and ${more} more`,
    whole: more === 0 && untold.every(({ short }) => short !== undefined),
  };
}

/** The parts, with the further ones where a form still shows them all. */
function withinForm(parts: readonly string[], further: readonly string[]): readonly string[] {
  const all = [...parts, ...further];
  return all.join("; ").length <= formLine ? all : parts;
}

/** Whether the two lines hold every word of a parameter that they are said to hold: names in them may have been cut. */
function isTold(value: ParamValue | undefined, lines: string): boolean {
  if (value === undefined) return true;
  const words = [value].flat().flatMap((item) => String(item).split(/[,;\s]/));
  return words
    .filter((word) => !/^(?:|[01]|on|off|yes|no|true|false)$/i.test(word))
    .every((word) => [word, quote(word).slice(1, -1)].some((form) => holdsWord(lines, form)));
}

/** Whether a text holds a word that no letter, digit or dash continues: `100` is not told by `VM 1000`. */
function holdsWord(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    // Values are split at line breaks and tabs, which the lines show escaped.
    const isStart = /(?:^|[^\w-]|\\[nrt])$/.test(text.slice(Math.max(at - 2, 0), at));
    if (isStart && !/^[\w-]/.test(text.slice(at + word.length, at + word.length + 1))) return true;
  }
  return false;
}

function cutLine(text: string, longest = maxLineLength) {
  const line = plainLine(text);
  const whole = line.length <= longest;
  return { text: whole ? line : `${line.slice(0, Math.max(longest - 3, 0)).toWellFormed()}...`, whole };
}

/** The word to ask for first, and as many others as a form's third line holds. */
function shownWords(words: readonly string[]): readonly string[] {
  const shown: string[] = [];
  for (const word of new Set(words)) {
    if (shown.length === 0 || howToAgree({ words: [...shown, word] }).length <= formLine) shown.push(word);
  }
  return shown;
}

/** What is typed where no guest is meant: the user, the storage, the file that the path ends in, else the cluster. */
function wordsOf({ cluster, classified: { template = "", values } }: Planned): readonly string[] {
  const variables = [...template.matchAll(/\{([^{}]+)\}/g)];
  const last = values[variables.at(-1)?.[1] ?? ""];
  if (last === undefined) return [cluster.name];
  // A volume goes by the name of its file, too: `local:backup/vzdump-...` is long enough without its storage.
  return [...new Set([fileOf(last), last])];
}

function upper(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
