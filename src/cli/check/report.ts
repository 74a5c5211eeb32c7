import { plainLine } from "../../sanitize.ts";
import type { CheckResult, CheckVerdict, EndpointReport } from "./finding.ts";

/** What `check` found, in the form of its `--json`. */
export interface Report {
  readonly ok: boolean;
  /** Where the clusters are configured. */
  readonly source: string;
  /** What the configuration itself is warned about. */
  readonly warnings: readonly string[];
  readonly clusters: readonly { readonly cluster: string; readonly endpoints: readonly EndpointReport[] }[];
}

/** How a verdict stands in a line: what fails must catch the eye. */
const words: Readonly<Record<CheckVerdict, string>> = { ok: "ok", warn: "warn", fail: "FAIL" };

/** A report for people: a block an endpoint, a line a finding, and below what is wrong the next step. */
export function reportText({ source, warnings, clusters }: Report): string {
  const blocks = clusters.flatMap(({ cluster, endpoints }) =>
    endpoints.map(({ endpoint, checks }) => [`${cluster} at ${endpoint}`, ...checks.flatMap(lines)].join("\n")),
  );
  const config =
    warnings.length === 0 ? [] : [[source, ...warnings.map((text) => `  warn  ${plainLine(text)}`)].join("\n")];
  const findings = clusters.flatMap(({ endpoints }) => endpoints.flatMap(({ checks }) => checks));
  const count = (verdict: CheckVerdict) => findings.filter((finding) => finding.verdict === verdict).length;
  const summary = `${count("ok")} ok, ${count("warn") + warnings.length} warn, ${count("fail")} FAIL`;
  return [...config, ...blocks, summary].join("\n\n");
}

function lines({ check, verdict, text, next }: CheckResult): string[] {
  const found = `  ${words[verdict].padEnd(4)}  ${check.padEnd(11)}  ${plainLine(text)}`;
  return next === undefined ? [found] : [found, `        next: ${plainLine(next)}`];
}
