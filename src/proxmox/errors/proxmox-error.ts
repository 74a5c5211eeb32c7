import type { Certificate } from "../tls/certificate.ts";

/** What went wrong, one name per thing that an operator would do next. */
export type ProxmoxErrorKind =
  /** Refused here, before anything was sent. */
  | "invalid-request"
  /** No endpoint could be connected to, or the connection broke. */
  | "unreachable"
  /** The certificate is not trusted, or the endpoint speaks no TLS. */
  | "tls"
  | "timeout"
  /** Its time was over while this server kept it waiting, for a slot at the endpoint or for memory. */
  | "busy"
  /** The caller gave up. */
  | "aborted"
  /** The caller has used up its requests; nothing was sent. */
  | "rate-limited"
  /** Something answered that is not Proxmox: a login page, a proxy. */
  | "not-proxmox"
  /** An answer that was cut off or is no whole JSON. */
  | "broken-answer"
  /** Proxmox answered with a file, a download, and not with JSON. */
  | "file"
  | "too-large"
  | "token-refused"
  | "privilege"
  /** An endpoint that Proxmox offers to no API token. */
  | "ticket-only"
  | "parameters"
  | "not-found"
  /** No such path, or not with this method. */
  | "unknown-endpoint"
  | "locked"
  | "protected"
  /** The configuration changed since its digest was read. */
  | "conflict"
  | "not-running"
  | "node-offline"
  /** A node did not answer the one that was asked; a write may still have been carried out. */
  | "node-timeout"
  | "no-quorum"
  /** Anything else that Proxmox says. */
  | "failed";

/**
 * Whether the request left: `no` surely not, so it is safe to send it again; `answered` Proxmox answered and nothing
 * is in doubt; `maybe` it may have been carried out, so a write must be looked up before it is sent again.
 */
export type Sent = "no" | "maybe" | "answered";

/** Facts of an error by its kind, for programs. */
export interface ProxmoxErrorDetails {
  /** The runtime's code, `ECONNREFUSED`. (unreachable, tls, broken-answer) */
  readonly code?: string;
  /** The certificate that the endpoint showed. (tls) */
  readonly certificate?: Certificate;
  /** Any one of these is enough. (privilege) */
  readonly privileges?: readonly string[];
  /** Where the privilege is missing, `/vms/100`. (privilege) */
  readonly aclPath?: string;
  /** Proxmox's complaint by parameter. (parameters) */
  readonly parameters?: Readonly<Record<string, string>>;
  /** What does not exist, is protected or does not run: `{type: "guest", id: "100"}`. */
  readonly subject?: { readonly type: string; readonly id: string };
  /** `backup`, `migrate`, ... (locked) */
  readonly lock?: string;
}

/** What is known about a failure, before it is known which request it belongs to. */
export interface Problem {
  readonly kind: ProxmoxErrorKind;
  readonly sent: Sent;
  /** One line: what happened, what Proxmox said. */
  readonly what: string;
  /** What to do next. */
  readonly hint?: string | undefined;
  /** How to find out whether a write was carried out; a general advice when missing. */
  readonly doubt?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly status?: number | undefined;
  /** Proxmox's own words, as it wrote them. */
  readonly reason?: string | undefined;
  readonly details?: ProxmoxErrorDetails | undefined;
}

/** A failure on its way up to where the request is known; never leaves this folder. */
export class TransportError extends Error {
  override readonly name = "TransportError";
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.what);
    this.problem = problem;
  }
}

/** Which request an error belongs to. */
export interface Attempted {
  readonly method: string;
  /** For people, `/nodes/pve1/status`. */
  readonly path: string;
  readonly cluster: string;
}

/**
 * Why a request to Proxmox came to nothing. `message` is one line: what was tried, what happened; `hint` says what to
 * do next. It holds no secret and no `cause`: the runtime's own errors quote URLs and headers.
 */
export class ProxmoxError extends Error {
  override readonly name = "ProxmoxError";
  readonly kind: ProxmoxErrorKind;
  readonly sent: Sent;
  readonly method: string;
  readonly path: string;
  readonly cluster: string;
  /** `message` without the request. */
  readonly what: string;
  readonly hint: string | undefined;
  /** The base URL that was asked last. */
  readonly endpoint: string | undefined;
  readonly status: number | undefined;
  /** Proxmox's own words. */
  readonly reason: string | undefined;
  readonly details: ProxmoxErrorDetails;
  readonly #problem: Problem;

  constructor(attempted: Attempted, problem: Problem) {
    super(`${attempted.method} ${attempted.path} on ${attempted.cluster}: ${problem.what}`);
    this.#problem = problem;
    this.kind = problem.kind;
    this.what = problem.what;
    this.sent = problem.sent;
    this.method = attempted.method;
    this.path = attempted.path;
    this.cluster = attempted.cluster;
    this.hint = hintFor(attempted, problem);
    this.endpoint = problem.endpoint;
    this.status = problem.status;
    this.reason = problem.reason;
    this.details = problem.details ?? {};
  }

  /** The same error with another hint, from somebody who knows more. */
  withHint(hint: string): ProxmoxError {
    return new ProxmoxError(this, { ...this.#problem, hint });
  }

  /** The same error of a write that may have been carried out: what was found out, and which read tells. */
  withLookUp(found: string): ProxmoxError {
    const { hint } = this.#problem;
    const doubt = `${mayHaveBeenDone} ${found}`;
    return new ProxmoxError(this, { ...this.#problem, doubt, hint });
  }

  /** Message and hint as one text. */
  describe(): string {
    return this.hint === undefined ? this.message : `${this.message}\n${this.hint}`;
  }

  override toString(): string {
    return this.describe();
  }
}

/** Whether a read was given up, held up or refused on this side, so that nothing was found out about the cluster. */
export function isUnread({ kind }: ProxmoxError): boolean {
  return kind === "aborted" || kind === "busy" || kind === "rate-limited";
}

const mayHaveBeenDone = "Unknown: it may have been carried out.";
const generalCheck = "Check before you send it again: the object's own state, and GET /cluster/tasks for a task of it.";

/** A write that may have been carried out says so, in the same words everywhere; a read changed nothing. */
function hintFor({ method }: Attempted, { sent, hint, doubt }: Problem): string | undefined {
  if (method === "GET" || sent !== "maybe") return hint;
  const check = doubt ?? `${mayHaveBeenDone} ${generalCheck}`;
  return hint === undefined ? check : `${check} ${hint}`;
}
