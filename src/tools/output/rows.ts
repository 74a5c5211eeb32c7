import type { GuardedAnswer } from "../../policy/guarded-request.ts";
import { ToolFailure } from "../failure.ts";

/**
 * The rows of a list that Proxmox answered, each with a text under `key`.
 * @throws {ToolFailure} when the answer is something else: then it is no Proxmox that answers, or a very new one.
 */
export function rowsOf<Row>({ cluster, data, endpoint }: GuardedAnswer, key: keyof Row & string): readonly Row[] {
  const isRow = (row: unknown) =>
    typeof row === "object" && row !== null && typeof (row as Record<string, unknown>)[key] === "string";
  if (Array.isArray(data) && data.every(isRow)) return data as readonly Row[];
  throw new ToolFailure(
    `${cluster} (${endpoint}) answered with something else than a list whose rows have "${key}". Is it a Proxmox VE of a version that this server knows? list_clusters shows it.`,
  );
}
