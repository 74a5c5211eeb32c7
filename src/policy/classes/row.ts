/**
 * What a request is, the most harmless first: `read` looks; `sensitive` shows guest data, passwords or a console, or makes
 * a node connect elsewhere; `change` can be taken back; `destructive` cannot always, or opens a door; `refused` is never sent.
 */
export const classes = ["read", "sensitive", "change", "destructive", "refused"] as const;

/** One of {@link classes}. */
export type CallClass = (typeof classes)[number];

/**
 * A row of the table as it is written: `METHOD /template`, the class (with `!` where nothing brings back what is lost:
 * deletion, overwriting, accounts and rights), and why, as the end of a sentence; a plain read needs no reason.
 */
export type RowText = readonly [endpoint: string, classAndMark: CallClass | "destructive!", reason?: string];

/** A row of the table, read. */
export interface Row {
  /** `DELETE /nodes/{node}/qemu/{vmid}`. */
  readonly endpoint: string;
  readonly class: CallClass;
  readonly irreversible: boolean;
  readonly reason: string;
}

/** Reads a row. */
export function toRow([endpoint, text, reason = "it only looks"]: RowText): Row {
  const name = text === "destructive!" ? "destructive" : text;
  return { endpoint, class: name, irreversible: text === "destructive!", reason };
}
