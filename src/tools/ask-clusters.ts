import { failureText, ToolFailure } from "./failure.ts";
import type { ToolContext } from "./tool.ts";

/** What some clusters answered, and why others did not. */
export interface ClustersAnswer<T> {
  readonly answers: readonly { readonly cluster: string; readonly value: T }[];
  /** A line for each cluster that gave no answer; empty when all did. */
  readonly missing: readonly string[];
}

/**
 * Asks one cluster, or all of them at once (`undefined` or `*`). Among several, one that fails does not lose the
 * others' answers.
 * @throws {ToolFailure} with every reason when none answers; one cluster's own error when it was the only one asked.
 */
export async function askClusters<T>(
  { proxmox, signal }: ToolContext,
  cluster: string | undefined,
  ask: (cluster: string) => Promise<T>,
): Promise<ClustersAnswer<T>> {
  const [only, ...others] = cluster === undefined || cluster === "*" ? proxmox.names : [cluster];
  if (only === undefined) return { answers: [], missing: [] };
  if (others.length === 0) return { answers: [{ cluster: only, value: await ask(only) }], missing: [] };
  const answers: { cluster: string; value: T }[] = [];
  const missing: string[] = [];
  await Promise.all(
    [only, ...others].map(async (name) => {
      try {
        answers.push({ cluster: name, value: await ask(name) });
      } catch (error) {
        const reason = failureText(error);
        if (reason === undefined || signal.aborted) throw error;
        missing.push(`No answer from ${name}: ${reason}`);
      }
    }),
  );
  if (answers.length === 0) throw new ToolFailure(missing.sort().join("\n"));
  const order = (name: string) => proxmox.names.indexOf(name);
  return { answers: answers.sort((a, b) => order(a.cluster) - order(b.cluster)), missing: missing.sort() };
}
