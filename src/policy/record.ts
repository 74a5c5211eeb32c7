import type { Cluster } from "../clusters.ts";
import type { ProxmoxRequest } from "../proxmox/client.ts";
import { formatPath } from "../proxmox/path.ts";
import { type Audit, type AuditEntry, AuditError } from "./audit.ts";
import { type Call, ConsentNeeded } from "./call.ts";
import { CheckRefusal } from "./check.ts";
import type { Consent } from "./consent/consents.ts";
import type { Classified } from "./classes/classify.ts";
import { maskParams } from "./mask.ts";
import { NoEffect } from "./plan/no-effect.ts";
import { NotExecuted, PolicyRefusal } from "./refusal.ts";

/** What is written down of one request: nothing of a plain read, unless it is refused. */
export class Record {
  readonly #audit: Audit;
  readonly #entry: Omit<AuditEntry, "event">;
  readonly #client: string;
  readonly #isRead: boolean;
  #left = false;

  constructor(
    audit: Audit,
    { caller, client }: Call,
    matter: { readonly cluster: Cluster; readonly request: ProxmoxRequest; readonly classified: Classified },
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
   * The request is about to leave.
   * @throws {AuditError} when that cannot be written down: then it must not leave.
   */
  sent(consent: Consent | undefined): void {
    if (!this.#isRead) {
      const given = consent && { consent: { how: consent.how, by: this.#client }, question: consent.question };
      this.#write({ event: "sent", ...given });
    }
    this.#left = true;
  }

  /** What became of it. It happened whether or not that can be written down, so a failure here stops nothing. */
  ended(outcome: "done" | "failed" | "unknown", more: { readonly upid?: string; readonly reason?: string }): void {
    if (!this.#isRead) this.#tryWrite({ event: "ended", outcome, ...more });
  }

  /** It was not sent, if it was not; whoever asks for consent is told of in the same place. */
  refused(error: unknown): void {
    if (this.#left || error instanceof AuditError) return;
    if (error instanceof ConsentNeeded) {
      this.#tryWrite({ event: "asked", reason: "consent is needed (form)", question: error.question.id });
    } else if (error instanceof NotExecuted) {
      this.#tryWrite({ event: "asked", reason: error.reason, ...withQuestion(error) });
    } else if (error instanceof PolicyRefusal) {
      this.#tryWrite({ event: "refused", rule: error.rule, reason: error.message, ...withQuestion(error) });
    } else if (error instanceof NoEffect) {
      this.#tryWrite({ event: "refused", rule: "no-effect", reason: error.message });
    } else if (error instanceof CheckRefusal && !this.#isRead) {
      this.#tryWrite({ event: "refused", rule: "schema", reason: error.message });
    }
  }

  #write(more: Pick<AuditEntry, "event"> & Partial<AuditEntry>): void {
    this.#audit.write({ ...this.#entry, ...more });
  }

  #tryWrite(more: Pick<AuditEntry, "event"> & Partial<AuditEntry>): void {
    try {
      this.#write(more);
    } catch (error) {
      if (!(error instanceof AuditError)) throw error;
    }
  }
}

function withQuestion({ question }: NotExecuted | PolicyRefusal): Pick<AuditEntry, "question"> {
  return question === undefined ? {} : { question };
}
