import type { ConsentMethod } from "../audit.ts";
import { type Call, ConsentNeeded, type Reply } from "../call.ts";
import { changesBetween } from "../plan/facts.ts";
import { NotExecuted, PolicyRefusal } from "../refusal.ts";
import type { CodeDisplay } from "./code-display.ts";
import type { OpenQuestion } from "./open-question.ts";
import {
  type Asked,
  codeOf,
  consentMs,
  type Method,
  maxTries,
  type Question,
  randomCharacters,
  readCode,
  sameFacts,
  sameSecret,
} from "./question.ts";
import { minutes, planLines } from "./question-text.ts";

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
 * Questions of one caller that may be open at the same time. Codes are refused beyond it, so that no caller can bury a
 * human in questions; of the others the oldest is forgotten, and has to be asked again.
 */
const maxOpen: Readonly<Record<Method, number>> = { code: 8, form: 64, "two-step": 32 };

/** Questions of all callers that are kept, ended ones included. */
const maxKept = 5_000;

/**
 * Human consent, for every transport and protocol era: questions in the client's form, codes that only a human can read,
 * and calls that are repeated. A consent counts for one caller, one request, one state of its target, ten minutes, once,
 * and only in the process that asked.
 */
export class Consents {
  readonly #display: CodeDisplay;
  readonly #now: () => number;
  /** By id, the oldest first; ended ones stay a while, so that a late answer is told what is wrong with it. */
  readonly #questions = new Map<string, Question>();
  /** Requests that a human declined, with the end of that decision. */
  readonly #declined = new Map<string, number>();
  /** Targets whose question nobody answered: until then only a code counts. */
  readonly #codeOnly = new Map<string, number>();

  /** @param now a monotonic clock in milliseconds: setting the system's clock must not revive or end a consent. */
  constructor(display: CodeDisplay, now: () => number = () => performance.now()) {
    this.#display = display;
    this.#now = now;
  }

  /** All questions that wait for an answer, the oldest first. */
  open(): readonly OpenQuestion[] {
    const now = this.#now();
    return [...this.#questions.values()].filter((question) => this.#isOpen(question)).map((one) => toOpen(one, now));
  }

  /** Ends the open questions of callers and clusters that a new configuration does not have any more. */
  revoke(isRevoked: (question: Pick<Question, "caller" | "cluster">) => boolean): void {
    for (const question of this.#questions.values()) {
      if (this.#isOpen(question) && isRevoked(question)) question.ending = "revoked";
    }
  }

  /**
   * Returns the consent of this call, or throws what has to be done to get one.
   * @throws {ConsentNeeded} to ask by form, {NotExecuted} with the plan and another way, {PolicyRefusal} when a human
   * declined, an answer does not count, or nothing can be asked.
   */
  settle(asked: Asked, call: Call): Consent {
    this.#forget();
    if (call.reply !== undefined) return this.#readReply(call.reply, asked, call);
    this.#refuseDeclined(asked);
    const given = call.consent === undefined ? undefined : this.#readConsent(call.consent, asked, call);
    if (given === undefined) return this.#ask(asked, call, undefined);
    if ("how" in given) return given;
    // A human who went for a code is told why it does not count, and not asked by form meanwhile.
    if (given.wasCode && asked.fallback !== "deny") throw this.#askByCode(asked, call, given.problem);
    return this.#ask(asked, call, given.problem);
  }

  #readReply({ state, action, confirm }: Reply, asked: Asked, call: Call): Consent {
    const question = this.#byState(state, call);
    // The action comes first: a "no" is a no, whatever became of the question.
    if (action === "decline") {
      if (question !== undefined) question.ending = "declined";
      this.#declined.set(asked.key, this.#now() + consentMs);
    }
    this.#refuseDeclined(asked);
    if (action !== "accept") {
      if (question !== undefined && question.ending === undefined) question.ending = "unanswered";
      if (call.prompt === "terminal") {
        throw new PolicyRefusal("consent", `Nobody answered. ${sentence(asked)} was not sent.`, question?.id);
      }
      this.#codeOnly.set(asked.target, this.#now() + consentMs);
      return this.#ask(asked, { ...call, prompt: "none" }, "Nobody answered the question in the client.");
    }
    const refuse = (why: string) =>
      new PolicyRefusal("consent", `${why} ${sentence(asked)} was not sent. Call again to ask again.`, question?.id);
    if (question === undefined) {
      throw refuse(
        "The answer does not count: this server does not know its question. It was asked before a restart, by another server, or too long ago.",
      );
    }
    const problem = this.#problem(question, asked);
    if (problem !== undefined) throw refuse(`The answer to question ${question.id} does not count: ${problem}.`);
    question.ending = "used";
    const { words } = question.plan;
    if (words.length === 0 || (confirm !== undefined && words.includes(confirm.trim()))) {
      return { how: "human", question: question.id };
    }
    question.ending = "answered";
    const expected = words.map((word) => JSON.stringify(word)).join(" or ");
    throw refuse(`The answer to question ${question.id} does not count: what was typed is not ${expected}.`);
  }

  #byState(state: string, { caller }: Call): Question | undefined {
    const [id = "", secret = ""] = state.split(".", 2);
    const question = this.#questions.get(id);
    const isIt = question?.method === "form" && isSameCaller(question, caller) && sameSecret(question.secret, secret);
    return isIt ? question : undefined;
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
    if (question.triesLeft === 0) throw this.#noTriesLeft(question, asked);
    const problem = this.#problem(question, asked);
    if (problem !== undefined) return { problem: `Consent ${id} does not count: ${problem}.`, wasCode };
    if (sameSecret(typed.secret, question.secret)) {
      if (method === "two-step" && this.#isCodeOnly(asked)) {
        const late = `Consent ${id} does not count: nobody answered the question in the client meanwhile.`;
        return { problem: late, wasCode };
      }
      question.ending = "used";
      return { how: wasCode ? "code" : "two-step", question: id };
    }
    question.triesLeft--;
    if (question.triesLeft === 0) throw this.#noTriesLeft(question, asked);
    return { problem: `Wrong code for question ${id}; ${tries(question.triesLeft)}.`, wasCode };
  }

  #byCode(id: string | undefined, { key }: Asked, { caller }: Call): Question | undefined {
    const found =
      id === undefined
        ? [...this.#questions.values()].find((one) => one.key === key && one.method !== "form" && this.#isOpen(one))
        : this.#questions.get(id);
    return found !== undefined && found.method !== "form" && isSameCaller(found, caller) ? found : undefined;
  }

  /** Why an answer to a question does not count for a request, as the end of a sentence; `undefined` when it does. */
  #problem(question: Question, asked: Asked): string | undefined {
    const { ending, plan } = question;
    if (question.key !== asked.key) {
      return `it was asked for ${question.request} on ${question.cluster} with other parameters or for another target`;
    }
    if (ending === "used" || ending === "answered") return "it was used already; a consent counts once";
    if (ending === "declined") return "a human declined it";
    if (ending === "revoked") return "its caller or its cluster was removed from the configuration meanwhile";
    if (ending === "unanswered") return "the client answered before that nobody was there";
    if (question.askedAt + consentMs < this.#now()) return "it came more than ten minutes after the question";
    if (!sameFacts(plan.facts, asked.plan.facts)) {
      question.ending = "replaced";
      return `${changes(question, asked)} since the plan`;
    }
    return ending === "replaced" ? "the target changed since, and a new question was asked" : undefined;
  }

  #ask(asked: Asked, call: Call, problem: string | undefined): never {
    const { plan, fallback, setting, target } = asked;
    if (call.prompt === "terminal" || (call.prompt === "form" && plan.fitsForm)) throw this.#askByForm(asked, call);
    if (fallback === "deny") {
      const why =
        call.prompt === "form"
          ? "it is too long to be judged in the client's form"
          : "this client did not bring a human's answer";
      throw new PolicyRefusal(
        "consent",
        [
          `${sentence(asked)} was not sent: it needs a human's consent, ${why}, and ${setting} refuses it then.`,
          ...planLines(plan),
        ].join("\n"),
      );
    }
    const byCode =
      call.prompt === "form" || this.#isCodeOnly({ target }) || (fallback === "code" && asked.codeRequired);
    throw byCode ? this.#askByCode(asked, call, problem) : this.#askTwice(asked, call, problem);
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
    const left = minutes(question.askedAt + consentMs - this.#now());
    return this.#notExecuted(problem ?? news, question, asked, [
      `A human must agree to question ${question.id}. Ask the human in charge to run ${how}, which shows this plan and a code; no tool and no log shows the code.`,
      `If they agree and give you the code, repeat exactly this call within ${left} with consent: CODE (${tries(question.triesLeft)}).`,
    ]);
  }

  #askTwice(asked: Asked, call: Call, problem: string | undefined): NotExecuted | PolicyRefusal {
    const { question, news } = this.#openQuestion("two-step", asked, call);
    if (question === undefined) return this.#tooMany(asked, call);
    const left = minutes(question.askedAt + consentMs - this.#now());
    return this.#notExecuted(problem ?? news, question, asked, [
      "Show this plan to the human in charge.",
      `Only if they agree, repeat exactly this call within ${left} with consent: "${codeOf(question)}"`,
    ]);
  }

  #notExecuted(problem: string | undefined, { id, method }: Question, asked: Asked, next: readonly string[]) {
    const text = [
      ...(problem === undefined ? [] : [problem]),
      `NOT EXECUTED: it waits for a human's consent (question ${id}).`,
      ...planLines(asked.plan),
      ...next,
    ].join("\n");
    return new NotExecuted(text, `${problem ?? "consent is needed"} (${method})`, id);
  }

  /** The question that is open for this request in this state, or a new one; none when the caller has too many. */
  #openQuestion(
    method: "code" | "two-step",
    asked: Asked,
    call: Call,
  ): { readonly question: Question | undefined; readonly news: string | undefined } {
    const known = [...this.#questions.values()].find(
      (one) => one.key === asked.key && one.method === method && this.#isOpen(one),
    );
    // A closed question stays closed whatever its target does, else a change would buy three more tries.
    if (known?.triesLeft === 0) return { question: known, news: undefined };
    const isSame = known !== undefined && sameFacts(known.plan.facts, asked.plan.facts);
    if (isSame) return { question: known, news: undefined };
    let news: string | undefined;
    if (known !== undefined) {
      known.ending = "replaced";
      news = `Question ${known.id} no longer counts: ${changes(known, asked)} since its plan.`;
    }
    if (method === "code" && this.#openOf(method, call).length >= maxOpen.code) return { question: undefined, news };
    const question = this.#create(method, randomCharacters(8), asked, call);
    question.triesLeft = known?.triesLeft ?? maxTries;
    if (method === "code") this.#display.announce(toOpen(question, this.#now()));
    return { question, news };
  }

  #create(method: Method, secret: string, asked: Asked, call: Call): Question {
    const { caller, client } = call;
    let id = randomCharacters(4);
    while (this.#questions.has(id)) id = randomCharacters(4);
    const { key, request, cluster, plan } = asked;
    const bound = { key, request, cluster, plan, caller, client };
    const question: Question = {
      ...bound,
      id,
      method,
      secret,
      askedAt: this.#now(),
      triesLeft: maxTries,
      ending: undefined,
    };
    this.#questions.set(id, question);
    if (method !== "code") this.#evict(method, call);
    return question;
  }

  /** Forgets the oldest of a caller's questions that a client or a model holds the answer to, where there are too many. */
  #evict(method: Method, call: Call): void {
    const open = this.#openOf(method, call);
    for (const { id } of open.slice(0, Math.max(0, open.length - maxOpen[method]))) this.#questions.delete(id);
  }

  #openOf(method: Method, { caller }: Call): readonly Question[] {
    return [...this.#questions.values()].filter(
      (one) => one.method === method && isSameCaller(one, caller) && this.#isOpen(one),
    );
  }

  #tooMany(asked: Asked, call: Call): PolicyRefusal {
    const ids = this.#openOf("code", call).map(({ id }) => id);
    return new PolicyRefusal(
      "consent",
      `${sentence(asked)} was not sent: ${maxOpen.code} questions of this caller wait for codes already (${ids.join(", ")}). A human answers them or lets them expire, ten minutes after they were asked; call again then.`,
    );
  }

  #noTriesLeft({ id, askedAt }: Question, asked: Asked): PolicyRefusal {
    const left = minutes(askedAt + consentMs - this.#now());
    return new PolicyRefusal(
      "consent",
      `Question ${id} is closed: ${maxTries} wrong codes were sent for it. ${sentence(asked)} was not sent. Ask the human in charge whether it is still wanted; it can be asked again in ${left}, with a new code.`,
      id,
    );
  }

  #refuseDeclined(asked: Asked): void {
    const until = this.#declined.get(asked.key);
    if (until === undefined || until <= this.#now()) return;
    const left = minutes(until - this.#now());
    throw new PolicyRefusal(
      "declined",
      `The human declined. ${sentence(asked)} was not sent and cannot be asked for again for ${left}. Do not try another way to the same end; ask the human what they want.`,
    );
  }

  #isCodeOnly({ target }: Pick<Asked, "target">): boolean {
    return (this.#codeOnly.get(target) ?? Number.NEGATIVE_INFINITY) > this.#now();
  }

  #isOpen({ ending, askedAt }: Question): boolean {
    return ending === undefined && askedAt + consentMs >= this.#now();
  }

  /** Forgets what no answer can be told about any more. */
  #forget(): void {
    const now = this.#now();
    for (const [key, until] of this.#declined) if (until <= now) this.#declined.delete(key);
    for (const [key, until] of this.#codeOnly) if (until <= now) this.#codeOnly.delete(key);
    for (const [id, { askedAt }] of this.#questions) {
      if (askedAt + 2 * consentMs >= now && this.#questions.size <= maxKept) break;
      this.#questions.delete(id);
    }
  }
}

function isSameCaller({ caller }: Question, { name, id }: Call["caller"]): boolean {
  return caller.name === name && caller.id === id;
}

/** `memory 512 -> 1024, snapshot before added`. */
function changes(question: Question, asked: Asked): string {
  return changesBetween(question.plan.facts, asked.plan.facts).join(", ");
}

function sentence({ request, cluster }: Asked): string {
  return `${request} on ${cluster}`;
}

function tries(left: number): string {
  return left === 1 ? "1 try left" : `${left} tries left`;
}

function toOpen(question: Question, now: number): OpenQuestion {
  const { id, method, caller, client, cluster, request, plan, askedAt, triesLeft } = question;
  return {
    id,
    code: method === "code" && triesLeft > 0 ? codeOf(question) : undefined,
    caller: caller.name,
    client,
    cluster,
    request,
    plan: planLines(plan),
    ageMs: now - askedAt,
    remainingMs: askedAt + consentMs - now,
    triesLeft,
  };
}
