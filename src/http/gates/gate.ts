/** Looks at a request before anything else does: a response refuses it, nothing lets it pass. */
export type Gate = (request: Request) => Response | undefined;

/** The first refusal of several gates, in their order. */
export function firstRefusal(gates: readonly Gate[]): Gate {
  return (request) => {
    for (const gate of gates) {
      const refusal = gate(request);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  };
}
