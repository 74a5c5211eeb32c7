/** What is looked at, in the order in which one needs the one before. */
export type CheckSubject =
  | "reach"
  | "certificate"
  | "token"
  | "version"
  | "clock"
  | "quorum"
  | "nodes"
  | "privileges"
  | "schema";

/** `fail` keeps the cluster from being used as configured; `warn` an operator should know of. */
export type CheckVerdict = "ok" | "warn" | "fail";

/** One thing that was looked at. */
export interface CheckResult {
  readonly check: CheckSubject;
  readonly verdict: CheckVerdict;
  readonly text: string;
  /** What to do next, where something is wrong. */
  readonly next?: string;
  /** The same for programs. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

/** All that was found at one endpoint; what could not be looked at because of a failure is left out. */
export interface EndpointReport {
  readonly endpoint: string;
  readonly ok: boolean;
  readonly checks: readonly CheckResult[];
}

/** Whether nothing failed; warnings count for nothing. */
export function passes(findings: readonly CheckResult[]): boolean {
  return findings.every(({ verdict }) => verdict !== "fail");
}
