import type { Config } from "../config/types.ts";
import { rows } from "./endpoint-classes/index.ts";
import { covers } from "./pattern.ts";

/**
 * Warnings about patterns of `allow` and `deny` that match no known endpoint: most likely a typo, and a deny that matches
 * nothing gives false safety. Only warnings, since a newer Proxmox may have such an endpoint.
 */
export function idlePatterns({ clusters, source }: Pick<Config, "clusters" | "source">): string[] {
  return clusters.flatMap(({ name, policy }) =>
    (["allow", "deny"] as const).flatMap((key) =>
      (policy[key] ?? [])
        .filter((pattern) => !rows.some(({ endpoint }) => mayMean(pattern, endpoint)))
        .map((pattern) => `${source}, ${name}, ${key}: "${pattern}" matches no known Proxmox VE endpoint.`),
    ),
  );
}

/** Whether a pattern over real paths or templates can match a request to an endpoint: a variable may be any value. */
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
    // The pattern has a literal value where the template has a variable.
    return /^\{.*\}$/.test(segment) && part !== undefined && !part.includes("*") ? part : segment;
  });
  return covers(pattern, method, filled);
}
