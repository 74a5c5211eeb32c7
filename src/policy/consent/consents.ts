import type { ConsentMethod } from "../audit/audit.ts";
import { type Call, ConsentNeeded, type HumanReply } from "../call.ts";
import type { Caller } from "../callers/caller.ts";
import { changesBetween } from "../plan/facts.ts";
import { NotExecuted, PolicyRefusal } from "../refusal.ts";
import { steadyClock } from "./clock.ts";
import { ClosedRequests } from "./closed-requests.ts";
import type { CodeDisplay } from "./code-display.ts";
import type { OpenQuestion } from "./open-question.ts";
import {
  type Asked,
  codeOf,
  consentMs,
  fastestHumanMs,
  type Method,
  maxTries,
  type Question,
  randomCharacters,
  readCode,
  sameFacts,
  sameSecret,
  secretLength,
} from "./question.ts";
import { minutes, planLines } from "./question-text.ts";
import { maxOpen, QuestionStore } from "./store.ts";

/** A consent that counts. */
export interface Consent {
  readonly how: ConsentMethod;
  /** The question it answered. */
  readonly question: string;
}

/** A consent that does not count. */
interface Rejection {
  /** Why, as a sentence. */
  readonly problem: string;
  /** Whether it answered a question that was asked by code. */
  readonly wasCode: boolean;
}

/**
 * Human consent, for every transport and protocol era: questions in the client's form, codes that only a human can read,
 * and calls that are repeated. A consent counts for one caller, one request, one state of its target, ten minutes, once,
 * and only in the process that asked.
 */
export class Consents {
  readonly #display: CodeDisplay;
  readonly #now: () => number;
  readonly #store: QuestionStore;
  readonly #closed: ClosedRequests;

  /** @param now a clock in milliseconds that never goes back: setting the system's clock must not revive a consent. */
  constructor(display: CodeDisplay, now: () => number = steadyClock()) {
    this.#display = display;
    this.#now = now;
    this.#store = new QuestionStore(now, consentMs);
    this.#closed = new ClosedRequests(now, consentMs);
  }

  /** All questions that wait for an answer, the oldest first. */
  open(): readonly OpenQuestion[] {
    const now = this.#now();
    return this.#store.open().map((question) => toOpen(question, now));
  }

  /** The codes that answer open questions now. */
  codes(): readonly string[] {
    return this.#store.open().flatMap((question) => (isCode(question) ? [codeOf(question)] : []));
  }

  /** Whether a call brings the answer to an open question of its caller, whatever the answer says. */
  isAnswer({ reply, caller }: Pick<Call, "reply" | "caller">): boolean {
    const question = reply === undefined ? undefined : this.#byState(reply.state, caller);
    return question !== undefined && this.#store.isOpen(question);
  }

  /** Ends the open questions of a cluster whose token secret was replaced: what was agreed to with the old one no longer counts. */
  endAfterRotation(cluster: string): void {
    this.#store.endWhere((question) => question.cluster === cluster, "rotated");
  }

  /** Ends the open questions of callers and clusters that a new configuration does not have any more. */
  revoke(isRevoked: (question: Pick<Question, "caller" | "cluster">) => boolean): void {
    this.#store.endWhere(isRevoked, "revoked");
  }

  /**
   * Returns the consent of this call, or throws what has to be done to get one.
   * @throws {ConsentNeeded} to ask by form, {NotExecuted} with the plan and another way, {PolicyRefusal} when a human
   * declined, an answer does not count, or nothing can be asked.
   */
  settle(asked: Asked, call: Call): Consent {
    this.#store.prune();
    this.#closed.prune();
    if (call.reply !== undefined) return this.#readReply(call.reply, asked, call);
    this.#refuseDeclined(asked, call);
    const given = call.consent === undefined ? undefined : this.#readConsent(call.consent, asked, call);
    if (given === undefined) throw this.#ask(asked, call, undefined);
    if ("how" in given) return given;
    // The human has fetched a code: the answer says why it does not count, and does not switch to a form.
    if (given.wasCode && asked.fallback !== "deny") throw this.#askByCode(asked, call, given.problem);
    throw this.#ask(asked, call, given.problem);
  }

  #readReply({ state, action, confirm }: HumanReply, asked: Asked, call: Call): Consent {
    const question = this.#byState(state, call.caller);
    if (question !== undefined && this.#isByItself(question, action, asked)) {
      throw this.#unanswered(asked, call, question);
    }
    // The action comes first: a "no" is a no, whatever became of the question.
    if (action === "decline") {
      if (question !== undefined) {
        this.#store.end(question, "declined");
        this.#closed.decline(asked.meaning, asked.target);
      }
      throw declined(asked, call, this.#closed.declinedFor(asked.meaning), question?.id);
    }
    this.#refuseDeclined(asked, call);
    if (action !== "accept") throw this.#unanswered(asked, call, question);
    if (question === undefined) {
      throw notCounted(
        asked,
        call,
        "this server does not know its question: it was asked before a restart, by another server, or too long ago",
      );
    }
    const problem = this.#problem(question, asked);
    if (problem !== undefined) throw notCounted(asked, call, problem, question.id);
    const { words } = asked.plan;
    const agrees = words.length === 0 || (confirm !== undefined && words.includes(confirm.trim()));
    this.#store.end(question, agrees ? "used" : "answered");
    if (agrees) return { how: "human", question: question.id };
    const expected = words.map((word) => JSON.stringify(word)).join(" or ");
    throw notCounted(asked, call, `what was typed is not ${expected}`, question.id);
  }

  /** A client that closed its form, as `claude -p` does by itself: only a code shows then that there is a human. */
  #unanswered(asked: Asked, call: Call, question: Question | undefined): NotExecuted | PolicyRefusal {
    if (question?.ending === undefined && question !== undefined) this.#store.end(question, "unanswered");
    if (call.prompt === "terminal") {
      return new PolicyRefusal("consent", `No answer. ${sentence(asked)} was not sent.`, question?.id);
    }
    if (question !== undefined) this.#closed.leaveUnanswered(asked.target);
    if (asked.fallback === "deny") return denied(asked, call);
    return this.#askByCode(asked, call, "No human answered the question in the client.");
  }

  /** Whether a client answered in its human's place: where something was typed only a human knew what. */
  #isByItself({ askedAt, ending }: Question, action: string, { plan }: Asked): boolean {
    const isTyped = action === "accept" && plan.words.length > 0;
    return ending === undefined && !isTyped && this.#now() - askedAt < fastestHumanMs;
  }

  #byState(state: string, caller: Caller): Question | undefined {
    const [id = "", secret = ""] = state.split(".", 2);
    const question = this.#store.find(id, caller);
    return question?.method === "form" && sameSecret(question.secret, secret) ? question : undefined;
  }

  /** The consent of the `consent` argument, or why it does not count. */
  #readConsent(given: string, asked: Asked, call: Call): Consent | Rejection {
    const typed = readCode(given);
    const question = typed && this.#byCode(typed.id, asked, call);
    if (typed === undefined || question === undefined) {
      const problem = "The consent that was sent does not count: it belongs to no question that this server asked.";
      return { problem, wasCode: false };
    }
    const { id, method } = question;
    const wasCode = method === "code";
    if (question.triesLeft === 0 && this.#store.isOpen(question)) throw this.#noTriesLeft(question, asked);
    const problem = this.#problem(question, asked);
    if (problem !== undefined) return { problem: `Consent ${id} does not count: ${problem}.`, wasCode };
    if (sameSecret(typed.secret, question.secret)) {
      if (!wasCode && this.#closed.isCodeOnly(asked.target)) {
        const late = `Consent ${id} does not count: a question about the same target was closed in the client meanwhile.`;
        return { problem: late, wasCode };
      }
      this.#store.end(question, "used");
      return { how: wasCode ? "code" : "two-step", question: id };
    }
    question.triesLeft--;
    if (question.triesLeft === 0) throw this.#noTriesLeft(question, asked);
    return { problem: `Wrong code for question ${id}; ${tries(question.triesLeft)}.`, wasCode };
  }

  #byCode(id: string | undefined, { key }: Asked, { caller }: Call): Question | undefined {
    if (id === undefined) {
      const open = [...this.#store.openOf("code", caller), ...this.#store.openOf("two-step", caller)];
      return open.find((question) => question.key === key);
    }
    const found = this.#store.find(id, caller);
    return found?.method === "form" ? undefined : found;
  }

  /** Why an answer to a question does not count for a request, as the end of a sentence; `undefined` when it does. */
  #problem(question: Question, asked: Asked): string | undefined {
    if (question.key !== asked.key) {
      return `it was asked for ${question.request} on ${question.cluster} with other parameters or for another target`;
    }
    const { ending, plan } = question;
    if (ending === "used" || ending === "answered") return "it was used already; a consent counts once";
    if (ending === "declined") return "a human declined it";
    if (ending === "unanswered") return "no human answered it in the client";
    if (ending === "rotated") return "the token secret of its cluster was replaced since";
    if (ending === "revoked") return "its caller or its cluster was removed from the configuration meanwhile";
    if (ending === "replaced") return "the target or the configuration changed since";
    if (plan === undefined || !this.#store.isOpen(question)) return "it came more than ten minutes after the question";
    if (sameFacts(plan.facts, asked.plan.facts)) return undefined;
    const changed = changesBetween(plan.facts, asked.plan.facts).join(", ");
    this.#store.end(question, "replaced");
    return `${changed} since the plan`;
  }

  #ask(asked: Asked, call: Call, problem: string | undefined): ConsentNeeded | NotExecuted | PolicyRefusal {
    const { plan, fallback, target, codeRequired } = asked;
    const fits = call.prompt === "terminal" || (call.prompt === "form" && plan.fitsForm);
    if (fits) return this.#askByForm(asked, call);
    if (fallback === "deny") return denied(asked, call);
    const byCode = call.prompt !== "none" || this.#closed.isCodeOnly(target) || (fallback === "code" && codeRequired);
    return byCode ? this.#askByCode(asked, call, problem) : this.#askTwice(asked, call, problem);
  }

  #askByForm(asked: Asked, call: Call): ConsentNeeded {
    const question = this.#create("form", crypto.randomUUID(), asked, call);
    return new ConsentNeeded({ id: question.id, plan: asked.plan }, `${question.id}.${question.secret}`);
  }

  #askByCode(asked: Asked, call: Call, problem: string | undefined): NotExecuted | PolicyRefusal {
    const { how } = this.#display;
    if (how === undefined) {
      return new PolicyRefusal(
        "consent",
        `${sentence(asked)} was not sent: it needs a code that a human reads from this server, and this server has no place to show one: its control socket could not be opened and its stderr is no terminal. Its log says why; set MCP_RUNTIME_DIR to a folder that it may write to.`,
      );
    }
    const { question, news } = this.#openQuestion("code", asked, call);
    if (question === undefined) return this.#tooMany(asked, call);
    if (question.triesLeft === 0) return this.#noTriesLeft(question, asked);
    return notExecuted(problem ?? news, question, asked, [
      `A human must agree to question ${question.id}. Ask the human in charge to run ${how}, which shows this plan and a code; no tool and no log shows the code.`,
      `If they agree and give you the code, repeat exactly this call within ${this.#left(question)} with consent: CODE (${tries(question.triesLeft)}).`,
    ]);
  }

  #askTwice(asked: Asked, call: Call, problem: string | undefined): NotExecuted | PolicyRefusal {
    const { question, news } = this.#openQuestion("two-step", asked, call);
    if (question === undefined) return this.#tooMany(asked, call);
    return notExecuted(problem ?? news, question, asked, [
      "Show this plan to the human in charge.",
      `Only if they agree, repeat exactly this call within ${this.#left(question)} with consent: "${codeOf(question)}"`,
    ]);
  }

  /** The question that is open for this request in this state, or a new one; none when the caller has too many. */
  #openQuestion(
    method: "code" | "two-step",
    asked: Asked,
    call: Call,
  ): { readonly question: Question | undefined; readonly news: string | undefined } {
    const known = this.#store.openOf(method, call.caller).find(({ key }) => key === asked.key);
    // A closed question stays closed whatever its target does, else a change would buy three more tries.
    if (known?.triesLeft === 0) return { question: known, news: undefined };
    let news: string | undefined;
    if (known?.plan !== undefined) {
      if (sameFacts(known.plan.facts, asked.plan.facts)) return { question: known, news };
      const changed = changesBetween(known.plan.facts, asked.plan.facts).join(", ");
      news = `Question ${known.id} no longer counts: ${changed} since its plan.`;
      this.#store.end(known, "replaced");
    }
    if (method === "code" && this.#store.openOf(method, call.caller).length >= maxOpen.code) {
      return { question: undefined, news };
    }
    const question = this.#create(method, randomCharacters(secretLength), asked, call);
    if (method === "code") this.#display.announce(toOpen(question, this.#now()));
    return { question, news };
  }

  #create(method: Method, secret: string, asked: Asked, { caller, client }: Call): Question {
    const { key, request, cluster, plan } = asked;
    const triesLeft = this.#store.triesLeft(key, caller);
    return this.#store.add({ method, secret, key, request, cluster, plan, caller, client, triesLeft });
  }

  #tooMany(asked: Asked, { caller }: Call): PolicyRefusal {
    const ids = this.#store.openOf("code", caller).map(({ id }) => id);
    return new PolicyRefusal(
      "consent",
      `${sentence(asked)} was not sent: ${maxOpen.code} questions of this caller wait for codes already (${ids.join(", ")}). A human answers them or lets them expire, ten minutes after they were asked; call again then.`,
    );
  }

  #noTriesLeft(question: Question, asked: Asked): PolicyRefusal {
    return new PolicyRefusal(
      "consent",
      `Question ${question.id} is closed: ${maxTries} wrong codes were sent for it. ${sentence(asked)} was not sent. Ask the human in charge whether it is still wanted; it can be asked again in ${this.#left(question)}, with a new code.`,
      question.id,
    );
  }

  #refuseDeclined(asked: Asked, call: Call): void {
    const left = this.#closed.declinedFor(asked.meaning);
    if (left !== undefined) throw declined(asked, call, left, undefined);
  }

  /** How long a question can still be answered. */
  #left({ askedAt }: Question): string {
    return minutes(askedAt + consentMs - this.#now());
  }
}

function declined(
  asked: Asked,
  { prompt }: Call,
  leftMs: number | undefined,
  question: string | undefined,
): PolicyRefusal {
  if (prompt === "terminal")
    return new PolicyRefusal("declined", `Declined. ${sentence(asked)} was not sent.`, question);
  const closed = leftMs === undefined ? "" : ` and cannot be asked for again for ${minutes(leftMs)}`;
  // Claude Code 2.1 passes on the first 200 characters.
  return new PolicyRefusal(
    "declined",
    `The human declined. Do not try another way to the same end: ask the human what they want. ${sentence(asked)} was not sent${closed}.`,
    question,
  );
}

/** An answer that does not count; a terminal shows neither questions' names nor can it call again. */
function notCounted(asked: Asked, { prompt }: Call, problem: string, question?: string): PolicyRefusal {
  const text =
    prompt === "terminal"
      ? `Not agreed: ${problem}. ${sentence(asked)} was not sent.`
      : `The answer${question === undefined ? "" : ` to question ${question}`} does not count: ${problem}. ${sentence(asked)} was not sent. Call again to ask again.`;
  return new PolicyRefusal("consent", text, question);
}

function denied(asked: Asked, { prompt }: Call): PolicyRefusal {
  const why =
    prompt === "form" && !asked.plan.fitsForm
      ? "it is too long to be judged in the client's form"
      : "this client did not bring a human's answer";
  const first = `${sentence(asked)} was not sent: it needs a human's consent, ${why}, and ${asked.setting} refuses it then.`;
  return new PolicyRefusal("consent", [first, ...planLines(asked.plan)].join("\n"));
}

function notExecuted(
  problem: string | undefined,
  { id, method }: Question,
  asked: Asked,
  next: readonly string[],
): NotExecuted {
  const text = [
    ...(problem === undefined ? [] : [problem]),
    `NOT EXECUTED: it waits for a human's consent (question ${id}).`,
    ...planLines(asked.plan),
    ...next,
  ].join("\n");
  return new NotExecuted(text, `${problem ?? "consent is needed"} (${method})`, id);
}

function sentence({ request, cluster }: Asked): string {
  return `${request} on ${cluster}`;
}

function tries(left: number): string {
  return left === 1 ? "1 try left" : `${left} tries left`;
}

/** Whether a code is shown and taken for a question. */
function isCode({ method, triesLeft }: Question): boolean {
  return method === "code" && triesLeft > 0;
}

function toOpen(question: Question, now: number): OpenQuestion {
  const { id, method, caller, client, cluster, request, plan, askedAt, triesLeft } = question;
  return {
    id,
    method,
    code: isCode(question) ? codeOf(question) : undefined,
    caller: caller.name,
    client,
    cluster,
    request,
    plan: plan === undefined ? [] : planLines(plan),
    ageMs: Math.round(now - askedAt),
    remainingMs: Math.round(askedAt + consentMs - now),
    triesLeft,
  };
}
