/**
 * What a request is, the most harmless first: `read` only reads; `sensitive` exposes guest data, credentials or a console,
 * or makes a node contact another host; `change` can be undone; `destructive` loses data, interrupts a service or weakens
 * protection; `refused` is never sent.
 */
export const classes = ["read", "sensitive", "change", "destructive", "refused"] as const;

/** One of {@link classes}. */
export type CallClass = (typeof classes)[number];

/**
 * A class with its mark. `!`: irreversible, no later API call restores what is lost (data, a secret, an identity). `*`: it
 * can be undone, but a model must not take it alone ({@link Row.codeRequired}).
 */
export type MarkedClass = CallClass | "sensitive*" | "destructive*" | "destructive!";

/** A row of the table as it is written: `METHOD /template`, class and mark, and the reason; a plain read needs none. */
export type RowText = readonly [endpoint: string, markedClass: MarkedClass, reason?: string];

/** A row of the table, parsed. */
export interface Row {
  /** `DELETE /nodes/{node}/qemu/{vmid}`. */
  readonly endpoint: string;
  readonly class: CallClass;
  /** Whether no later API call can undo it. What Proxmox shows under a plain GET can be created again, so it is not lost. */
  readonly irreversible: boolean;
  /**
   * Whether a model must not be able to take it alone, so that a client without elicitation needs a code: all that is
   * irreversible, changes who may do what, opens a way from a guest or the network to a host, or runs programs.
   */
  readonly codeRequired: boolean;
  /** A sentence without capital and full stop, in the present tense, true in every state of the cluster. */
  readonly reason: string;
}

/** Why a plain read is one. */
export const readReason = "it only reads";

/** Parses a row. */
export function toRow([endpoint, marked, reason = readReason]: RowText): Row {
  return {
    endpoint,
    class: marked.replace(/[!*]$/, "") as CallClass,
    irreversible: marked.endsWith("!"),
    codeRequired: /[!*]$/.test(marked),
    reason,
  };
}
