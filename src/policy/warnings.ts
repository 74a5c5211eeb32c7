import type { Config } from "../config/types.ts";
import { rows } from "./classes/index.ts";
import { covers } from "./pattern.ts";

/**
 * Patterns of `allow` and `deny` that cover no endpoint that this server knows: most likely a slip, and a deny that
 * holds nothing is worse than none. A warning, for a newer Proxmox may have what they mean.
 */
export function idlePatterns({ clusters, source }: Pick<Config, "clusters" | "source">): string[] {
  return clusters.flatMap(({ name, policy }) =>
    (["allow", "deny"] as const).flatMap((key) =>
      (policy[key] ?? [])
        .filter((pattern) => !rows.some(({ endpoint }) => mayMean(pattern, endpoint)))
        .map((pattern) => `${source}, ${name}, ${key}: "${pattern}" covers no endpoint of Proxmox VE that is known.`),
    ),
  );
}

/** Whether a pattern over real paths or templates can cover a request to an endpoint: a variable may be any value. */
function mayMean(pattern: string, endpoint: string): boolean {
  const [method = "", template = ""] = endpoint.split(" ");
  const path = template.split("/").filter((segment) => segment !== "");
  const space = pattern.indexOf(" ");
  const parts = pattern
    .slice(space + 1)
    .split("/")
    .filter((segment) => segment !== "");
  const filled = path.map((segment, index) => {
    const part = parts[index];
    // A real value stands where the template has a variable.
    return /^\{.*\}$/.test(segment) && part !== undefined && !part.includes("*") ? part : segment;
  });
  return covers(pattern, method, filled);
}
