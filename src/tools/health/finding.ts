/** How soon an operator must act: `now` data is at risk or something is out, `soon` it will be, `later` it could be. */
export type Urgency = "now" | "soon" | "later";

/** The most urgent first. */
export const urgencies: readonly Urgency[] = ["now", "soon", "later"];

/** Something that needs a human. */
export interface Finding {
  readonly urgency: Urgency;
  /** What it is about, without the cluster: `node pve3`, `storage tank on pve1`. */
  readonly object: string;
  /** What is wrong with it. */
  readonly what: string;
  /** In seconds since 1970, by the cluster's clock; `undefined` where Proxmox does not tell. */
  readonly since?: number | undefined;
  /** What to do next. */
  readonly next: string;
}
