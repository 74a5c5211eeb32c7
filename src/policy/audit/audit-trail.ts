import { formatPath } from "../../proxmox/path.ts";
import type { ProxmoxRequest } from "../../proxmox/request.ts";
import { abortable } from "../../proxmox/transport/abortable.ts";
import { type Call, ConsentNeeded } from "../call.ts";
import type { CallerCluster } from "../callers/caller-cluster.ts";
import { CheckRefusal } from "../check.ts";
import type { Consent } from "../consent/consents.ts";
import type { Classified } from "../endpoint-classes/classify.ts";
import { NoEffect } from "../plan/no-effect.ts";
import { maskParams } from "../redaction/redact-parameters.ts";
import { NotExecuted, PolicyRefusal } from "../refusal.ts";
import { type Audit, type AuditEntry, AuditError } from "./audit.ts";

/** How long a request waits for its audit line before it is sent, in milliseconds. */
const sentMs = 10_000;

/** How long an answer waits for the audit line of its outcome, in milliseconds. */
const endedMs = 2_000;

/** The fields that differ between the lines of one request. */
type Line = Pick<AuditEntry, "event"> & Partial<AuditEntry>;

/** The audit lines of one request; of a plain read only a refusal is written. */
export class AuditTrail {
  readonly #audit: Audit;
  readonly #entry: Omit<AuditEntry, "event">;
  readonly #client: string;
  readonly #isRead: boolean;
  #left = false;

  constructor(
    audit: Audit,
    { caller, client }: Call,
    matter: { readonly cluster: CallerCluster; readonly request: ProxmoxRequest; readonly classified: Classified },
  ) {
    const { request, classified, cluster } = matter;
    const params = maskParams(request.params ?? {}, `${request.method} ${classified.template ?? ""}`);
    this.#audit = audit;
    this.#client = client;
    this.#isRead = classified.class === "read";
    this.#entry = {
      id: crypto.randomUUID().slice(0, 8),
      caller: caller.name,
      client,
      cluster: cluster.name,
      class: classified.class,
      ...(classified.irreversible && { irreversible: true as const }),
      rule: classified.rule,
      method: request.method,
      path: formatPath(request.path),
      ...(Object.keys(params).length > 0 && { params }),
    };
  }

  /**
   * Writes that the request is sent; it may be sent once this resolves.
   * @param signal the request's signal, which also ends the wait for the file.
   * @throws {AuditError} when the line cannot be written within ten seconds; the signal's reason when it is aborted. The
   * request must not be sent then.
   */
  async sent(consent: Consent | undefined, signal: AbortSignal | undefined): Promise<void> {
    if (!this.#isRead) {
      const given = consent && { consent: { how: consent.how, by: this.#client }, question: consent.question };
      await this.#writeInTime({ event: "sent", ...given }, signal);
    }
    this.#left = true;
  }

  /**
   * Writes the outcome. A failure is ignored, since the request has been sent, and a file that takes no lines delays the
   * answer by at most two seconds.
   */
  async ended(
    outcome: "done" | "failed" | "unknown",
    more: { readonly upid?: string; readonly reason?: string },
  ): Promise<void> {
    if (!this.#isRead) await this.#tryWrite({ event: "ended", outcome, ...more });
  }

  /** Writes why a request was not sent, or that it waits for consent; nothing for one that was sent. */
  async refused(error: unknown): Promise<void> {
    if (this.#left || error instanceof AuditError) return;
    if (error instanceof ConsentNeeded) {
      await this.#tryWrite({ event: "asked", reason: "consent is needed (form)", question: error.question.id });
    } else if (error instanceof NotExecuted) {
      await this.#tryWrite({ event: "asked", reason: error.reason, ...withQuestion(error) });
    } else if (error instanceof PolicyRefusal) {
      await this.#tryWrite({ event: "refused", rule: error.rule, reason: error.message, ...withQuestion(error) });
    } else if (error instanceof NoEffect) {
      await this.#tryWrite({ event: "refused", rule: "no-effect", reason: error.message });
    } else if (error instanceof CheckRefusal && !this.#isRead) {
      await this.#tryWrite({ event: "refused", rule: "schema", reason: error.message });
    }
  }

  async #writeInTime(more: Line, signal: AbortSignal | undefined): Promise<void> {
    const written = this.#write(more);
    let isFailed = false;
    written.catch(() => {
      isFailed = true;
    });
    try {
      await inTime(sentMs, signal, written);
    } catch (error) {
      // The file may still take the line later, and then this end of it, too.
      if (!isFailed) void this.#tryWrite({ event: "ended", outcome: "failed", reason: "given up before it was sent" });
      throw error;
    }
  }

  async #tryWrite(more: Line): Promise<void> {
    try {
      await inTime(endedMs, undefined, this.#write(more));
    } catch (error) {
      if (!(error instanceof AuditError)) throw error;
    }
  }

  async #write(more: Line): Promise<void> {
    await this.#audit.write({ ...this.#entry, ...more });
  }
}

/** Rejects with the signal's reason when it is aborted, and with AuditError after `ms`. */
async function inTime(ms: number, signal: AbortSignal | undefined, written: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new AuditError(`audit_log: the file took no line within ${ms / 1000} s, so nothing was sent.`));
  }, ms);
  try {
    const first = Promise.race([written, late.promise]);
    await (signal === undefined ? first : abortable(signal, first));
  } finally {
    clearTimeout(timer);
  }
}

function withQuestion({ question }: NotExecuted | PolicyRefusal): Pick<AuditEntry, "question"> {
  return question === undefined ? {} : { question };
}
