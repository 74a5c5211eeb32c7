import { Cancellation } from "../cancellation.ts";
import { TransportError } from "./proxmox-error.ts";

/** How far a message has come; where its failure does not say it, this tells whether it may have been carried out. */
export interface Progress {
  /** A pooled read counts as sent from the start: the runtime does not tell when it has connected. */
  stage: "waiting" | "connecting" | "sent";
  /** When a write left, by `performance.now()`. */
  sentAt?: number;
  /** What this server makes it wait for at the moment; gives `undefined` where that is not what delays it. */
  waitsFor?: (() => Wait | undefined) | undefined;
}

/** What a request waits for, as the end of `it waited for`, and what to do about it. */
export interface Wait {
  readonly what: string;
  readonly hint: string;
}

/** The request's time is over. */
export function timedOut(ms: number, progress: Progress): TransportError {
  const common = { kind: "timeout", sent: sentBy(progress) } as const;
  const waited = progress.waitsFor?.();
  if (waited !== undefined) {
    return new TransportError({
      ...common,
      kind: "busy",
      what: `it waited ${seconds(ms)} for ${waited.what}`,
      hint: waited.hint,
    });
  }
  switch (progress.stage) {
    case "waiting":
      return new TransportError({
        ...common,
        what: `it was not sent within ${ms} ms`,
      });
    case "connecting":
      return new TransportError({
        ...common,
        what: `no connection within ${ms} ms; it was not sent`,
        hint: "Check that the node is up and can be reached from this machine.",
      });
    case "sent":
      return new TransportError({
        ...common,
        what: `no answer within ${ms} ms; it was sent`,
        hint: "The node takes connections, but is slow or hangs; a larger timeout_ms in the cluster's entry gives it more time.",
      });
  }
}

/** The caller gave up, or this server ended the call: `reason` is the abort signal's. */
export function aborted(progress: Progress, reason: unknown): TransportError {
  const sent = sentBy(progress);
  const when = sent === "no" ? "before it was sent" : "before the answer came";
  const why = reason instanceof Cancellation ? reason.message : "given up by the caller";
  const waited = progress.waitsFor?.();
  const waiting = waited === undefined ? "" : `, while it waited for ${waited.what}`;
  return new TransportError({ kind: "aborted", sent, what: `${why} ${when}${waiting}` });
}

/** `30 s`, or milliseconds where those are few. */
function seconds(ms: number): string {
  return ms < 1000 ? `${ms} ms` : `${Math.round(ms / 100) / 10} s`;
}

/**
 * A request that left and whose answer did not come, or not whole. `code` is the runtime's: Bun's fetch says
 * `Malformed_HTTP_Response` and `ZlibError`, node:http `HPE_...`, node:zlib `Z_...`.
 */
export function lostAnswer(endpoint: string, code: string | undefined, status: number | undefined): TransportError {
  const common = { sent: "maybe", endpoint, status, details: { ...(code !== undefined && { code }) } } as const;
  if (status !== undefined) {
    const packed = code !== undefined && /^(?:Zlib|Z_)/.test(code);
    return new TransportError({
      ...common,
      kind: "broken-answer",
      what: `${endpoint} began to answer (${status}), but ${packed ? "what it sent is no whole gzip" : "closed the connection before the end"}`,
      hint: "If it happens again, look for a proxy in between, and at `journalctl -u pveproxy` on the node.",
    });
  }
  if (code !== undefined && /^(?:Malformed_HTTP|HPE_)/.test(code)) {
    return new TransportError({
      ...common,
      kind: "not-proxmox",
      what: `${endpoint} answers with something that is no HTTP`,
      hint: `Check that ${new URL(endpoint).host} is Proxmox's API (port 8006 unless changed).`,
    });
  }
  return new TransportError({
    ...common,
    kind: "unreachable",
    what: `${endpoint} closed the connection without an answer`,
    hint: "Look at `systemctl status pveproxy pvedaemon` on the node; a restart of these ends connections this way.",
  });
}

/** An error that nothing here foresaw. Its message stays out: the runtime's quote URLs and headers. */
export function unexpected(error: unknown, progress: Progress, endpoint?: string): TransportError {
  const name = error instanceof Error && /^\w{1,40}$/.test(error.name) ? error.name : typeof error;
  return new TransportError({
    kind: progress.stage === "waiting" ? "invalid-request" : "unreachable",
    sent: sentBy(progress),
    what: `an unexpected ${name} stopped it${endpoint === undefined ? "" : ` at ${endpoint}`}`,
    hint: "If it happens again, it is a fault of proxmox-mcp: report it with these words.",
    endpoint,
  });
}

function sentBy({ stage }: Progress): "maybe" | "no" {
  return stage === "sent" ? "maybe" : "no";
}
