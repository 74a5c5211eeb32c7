import type { OpenQuestion } from "./open-question.ts";

/** Where a human of this server's operator reads consent codes: a place that no model and no API of Proxmox reaches. */
export interface CodeDisplay {
  /** How to read them, as the end of "run ...": `proxmox-mcp consents` on this machine; `undefined` where there is no way. */
  readonly how: string | undefined;
  /** Tells that a question was asked; called once for each. Shows plan and code where stderr is a terminal. */
  announce(question: OpenQuestion): void;
}

/** For commands that ask in their own terminal: no code is ever needed there. */
export const noCodeDisplay: CodeDisplay = { how: undefined, announce: () => undefined };
