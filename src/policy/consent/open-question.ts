/** A question that waits for a human, as the operator of this server sees it (`proxmox-mcp consents`). */
export interface OpenQuestion {
  /** Short name shared by question and code, `K7Q2`. */
  readonly id: string;
  /** What answers it, `K7Q2-9FGH-3MNP`; `undefined` where the client asks its human, or the call is repeated (two-step). */
  readonly code: string | undefined;
  /** Name of the caller, as in the audit. */
  readonly caller: string;
  /** The client program, as it names itself. */
  readonly client: string;
  readonly cluster: string;
  /** `DELETE /nodes/pve1/qemu/104`. */
  readonly request: string;
  /** The whole plan, a line each. */
  readonly plan: readonly string[];
  /** How long ago it was first asked, in milliseconds. */
  readonly ageMs: number;
  /** How long it can still be answered, in milliseconds. */
  readonly remainingMs: number;
  /** Wrong codes that are still taken. */
  readonly triesLeft: number;
}
