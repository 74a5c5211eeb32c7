import type { Method } from "./question.ts";

/** A question that waits for a human, as the operator of this server sees it (`proxmox-mcp consents`). */
export interface OpenQuestion {
  /** Short name shared by question and code, `K7Q2`. */
  readonly id: string;
  /** How it is answered: in the client's form, by the code, or by repeating the call with the value of its answer. */
  readonly method: Method;
  /** What answers it, `K7Q2-9FGH-3MNP-4RST`; `undefined` where no code does, or three wrong ones closed it. */
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
