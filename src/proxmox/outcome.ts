import type { Progress } from "./endpoint.ts";
import { type Attempted, Fault, type Problem } from "./errors.ts";

/** Refused here, before anything was sent. */
export function invalid(what: string, hint?: string): Fault {
  return new Fault({ kind: "invalid-request", sent: "no", what, hint });
}

/** The request's time is over; how far it came decides whether it may have been carried out. */
export function timedOut(ms: number, { stage }: Progress): Fault {
  const common = { kind: "timeout", sent: stage === "sent" ? "maybe" : "no" } as const;
  switch (stage) {
    case "waiting":
      return new Fault({
        ...common,
        what: `other requests to this cluster held it up for ${ms} ms; it was not sent`,
        hint: "Send fewer requests at a time.",
      });
    case "connecting":
      return new Fault({
        ...common,
        what: `no connection within ${ms} ms; it was not sent`,
        hint: "Check that the node is up and can be reached from this machine.",
      });
    case "sent":
      return new Fault({
        ...common,
        what: `no answer within ${ms} ms`,
        hint: "The node is slow, hangs, or cannot be reached; a larger timeout_ms in the cluster's entry gives it more time.",
      });
  }
}

/** The caller gave up. */
export function aborted({ stage }: Progress): Fault {
  const sent = stage === "sent" ? "maybe" : "no";
  return new Fault({
    kind: "aborted",
    sent,
    what: `given up by the caller ${sent === "no" ? "before it was sent" : "before the answer came"}`,
  });
}

/** What several endpoints' failures come to. */
export function allFailed(errors: readonly unknown[]): Error {
  const problems = errors
    .map((error) => (error instanceof Fault ? error.problem : undefined))
    .filter((problem) => problem !== undefined);
  const [first, ...others] = problems;
  const stranger = errors.find((error) => !(error instanceof Fault));
  if (first === undefined || stranger !== undefined)
    return stranger instanceof Error ? stranger : new Error("no endpoint was asked");
  if (others.length === 0) return new Fault(first);
  return new Fault({
    ...first,
    kind: others.every(({ kind }) => kind === first.kind) ? first.kind : "unreachable",
    sent: problems.some(({ sent }) => sent === "maybe") ? "maybe" : "no",
    what: `none of the cluster's ${problems.length} endpoints could be used: ${problems.map(({ what }) => what).join("; ")}`,
    hint: [...new Set(problems.map(({ hint }) => hint))].filter((hint) => hint !== undefined).join("\n"),
  });
}

/** Whatever may have been carried out says so, in the same words everywhere; a read that may have left changed nothing. */
export function forMethod(problem: Problem, { method }: Attempted): Problem {
  if (method === "GET" || problem.sent !== "maybe") return problem;
  const doubt =
    "It may have been carried out. Look before you send it again: the object's own state, and GET /cluster/tasks for a task of it.";
  return { ...problem, hint: problem.hint === undefined ? doubt : `${doubt} ${problem.hint}` };
}
