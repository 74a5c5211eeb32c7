import { createHash, randomInt, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { ConsentFallback } from "../config/types.ts";
import type { Log } from "../log.ts";
import type { Seal, SealPurpose } from "../seal.ts";
import type { ConsentWay } from "./audit.ts";
import { type Call, ConsentNeeded, type Reply } from "./call.ts";
import type { OpenQuestion } from "./consent/open-question.ts";
import { NotExecuted, PolicyRefusal } from "./refusal.ts";

/** A request that needs consent. */
export interface Asked {
  /** Everything that consent is given to: caller, cluster, request, and what was seen of whom it is about. */
  readonly binding: string;
  /** The plan, for a human. */
  readonly text: string;
  /** Any of these, typed, agrees; none where a tick is enough. */
  readonly words: readonly string[];
  readonly irreversible: boolean;
  /** `DELETE /nodes/pve1/qemu/104 on prod`. */
  readonly what: string;
  /** `consent_fallback "code"` and where it stands. */
  readonly setting: string;
  readonly fallback: ConsentFallback;
}

/** How long a human may take, and how long a value that stands for consent is good, in milliseconds. */
export const consentMs = 10 * 60_000;

/** Wrong codes that are taken before the call is locked. */
const mostTries = 3;

/** Codes that are waited for at the same time; of more the oldest is forgotten, and so is that it was locked: its code is, too. */
const mostCodes = 1000;

const sealed = z.object({ t: z.number(), n: z.string() });

interface Code {
  readonly text: string;
  readonly until: number;
  tries: number;
}

/**
 * Human consent, over all transports and both protocol eras: a question that goes out with a sealed state and whose
 * answer counts only with it, and two fallbacks for clients that can ask nobody. What was agreed to is bound to exactly
 * one request in one state of things, good for ten minutes and one use, and for nothing from before this process began.
 */
export class Consents {
  readonly #seal: Seal;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #started: number;
  /** Until when each is remembered, by its nonce: longer than it would open anything. */
  readonly #used = new Map<string, number>();
  readonly #codes = new Map<string, Code>();

  constructor(seal: Seal, log: Log, now: () => number = Date.now) {
    this.#seal = seal;
    this.#log = log;
    this.#now = now;
    this.#started = now();
  }

  /**
   * Returns how consent was had, or throws what is to be done to have it.
   * @throws {ConsentNeeded} for a client that can ask, {NotExecuted} for one that cannot, {PolicyRefusal} when a human
   * said no, what came is no consent to this, or the configuration wants none.
   */
  settle(asked: Asked, call: Call): ConsentWay {
    if (call.reply !== undefined) return this.#read(call.reply, asked);
    // A client that can ask has no use for values that a model can hand in by itself.
    if (call.canAsk) {
      throw new ConsentNeeded({ message: asked.text, words: asked.words }, this.#mint("request-state", asked));
    }
    const needsCode = asked.fallback === "code" && asked.irreversible;
    if (needsCode && !this.#log.warns) {
      throw new PolicyRefusal(
        "consent",
        `${asked.what} was not sent: it needs a code out of this server's log (${asked.setting}), which shows none at this level. Set MCP_LOG_LEVEL to warn or more.`,
      );
    }
    if (asked.fallback === "deny") {
      throw new PolicyRefusal(
        "consent",
        `${asked.what} was not sent: it needs a human's consent, this client cannot ask its human, and ${asked.setting} says to refuse then.\n${asked.text}`,
      );
    }
    return needsCode ? this.#byCode(asked, call) : this.#byTwoSteps(asked, call);
  }

  #read({ state, action, confirm }: Reply, asked: Asked): ConsentWay {
    const refuse = (why: string) => new PolicyRefusal("consent", `${asked.what} was not sent: ${why}`);
    const fault = this.#use("request-state", state, asked);
    if (fault !== undefined) throw refuse(fault);
    if (action !== "accept") {
      throw refuse(action === "decline" ? "the human declined." : "the human closed the question without an answer.");
    }
    if (asked.words.length === 0) {
      if (confirm === true) return "human";
      throw refuse("the human did not tick the box.");
    }
    if (typeof confirm === "string" && asked.words.includes(confirm.trim())) return "human";
    throw refuse(`what the human typed is not ${asked.words.map((word) => JSON.stringify(word)).join(" or ")}.`);
  }

  #byTwoSteps(asked: Asked, { consent }: Call): ConsentWay {
    const fault = consent === undefined ? undefined : this.#use("consent", consent, asked);
    if (consent !== undefined && fault === undefined) return "two-step";
    throw new NotExecuted(
      [
        ...(fault === undefined ? [] : [`The consent value does not count: ${fault}`]),
        `NOT EXECUTED. ${asked.text}`,
        `Show this to the human in charge. If they agree, repeat exactly this call within ten minutes with consent: ${JSON.stringify(this.#mint("consent", asked))}`,
      ].join("\n"),
    );
  }

  #byCode(asked: Asked, { consent }: Call): ConsentWay {
    const key = digest(asked.binding);
    const known = this.#codes.get(key);
    const pending = known !== undefined && known.until > this.#now() ? known : undefined;
    if (pending !== undefined && pending.tries >= mostTries) {
      const minutes = Math.ceil((pending.until - this.#now()) / 60_000);
      throw new PolicyRefusal(
        "consent",
        `${asked.what} was not sent: ${mostTries} wrong codes came for it. It can be asked for again in ${minutes} min.`,
      );
    }
    if (pending !== undefined && consent !== undefined) {
      if (same(consent.trim().toUpperCase(), pending.text)) {
        this.#codes.delete(key);
        return "code";
      }
      pending.tries++;
    }
    const wrong = pending !== undefined && consent !== undefined;
    if (pending === undefined) this.#makeCode(key, asked);
    throw new NotExecuted(
      [
        ...(wrong ? [`That is not the code; ${mostTries - pending.tries} more tries.`] : []),
        `NOT EXECUTED. ${asked.text}`,
        "This client cannot ask its human, so a code was written to this server's log, where only people look. Ask the human in charge to read the plan and the code there; then repeat exactly this call within ten minutes with consent: CODE.",
      ].join("\n"),
    );
  }

  #makeCode(key: string, asked: Asked): void {
    // Without letters and digits that look alike.
    const alphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
    const letters = Array.from({ length: 8 }, () => alphabet[randomInt(alphabet.length)]);
    const text = `${letters.slice(0, 4).join("")}-${letters.slice(4).join("")}`;
    // Before it is open: the codes of open questions are redacted from the log, too.
    this.#log.warn(
      `consent code ${text} for ten minutes. Give it to nobody who should not do this: ${asked.text.replaceAll("\n", " | ")}`,
    );
    this.#codes.delete(key);
    this.#codes.set(key, { text, until: this.#now() + consentMs, tries: 0 });
    const [oldest] = this.#codes.keys();
    if (this.#codes.size > mostCodes && oldest !== undefined) this.#codes.delete(oldest);
  }

  /** The questions that wait for a code. */
  open(): readonly Pick<OpenQuestion, "code">[] {
    return [...this.#codes.values()].filter(({ until }) => until > this.#now()).map(({ text }) => ({ code: text }));
  }

  /** A map keeps its order, so the first are the oldest. */
  #forgetOld(): void {
    for (const [nonce, until] of this.#used) {
      if (until > this.#now()) return;
      this.#used.delete(nonce);
    }
  }

  #mint(purpose: SealPurpose, { binding }: Asked): string {
    return this.#seal.close(purpose, { t: this.#now(), n: crypto.randomUUID() }, binding);
  }

  /** Takes a sealed value out of use; why it does not count, if it does not. */
  #use(purpose: SealPurpose, value: string, { binding }: Asked): string | undefined {
    const { data } = sealed.safeParse(this.#seal.open(purpose, value, binding));
    if (data === undefined) {
      return "the consent that came with it was given to something else: another request, another cluster, or another state of things. Ask again: call without it.";
    }
    if (data.t < this.#started) return "it was asked for before this server was started. Ask again: call without it.";
    if (data.t + consentMs < this.#now())
      return "consent came too late, more than ten minutes after the question. Ask again: call without it.";
    if (this.#used.has(data.n))
      return "this consent was used already; one is good for one call. Ask again: call without it.";
    this.#used.set(data.n, this.#now() + consentMs);
    this.#forgetOld();
    return undefined;
  }
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

function same(given: string, wanted: string): boolean {
  const [a, b] = [digest(given), digest(wanted)];
  return timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
