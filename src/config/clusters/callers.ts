import { resolve } from "node:path";
import { attempt } from "../error.ts";
import type { CallerConfig } from "../types.ts";
import { didYouMean, found } from "../wording.ts";
import { isObject, type Mistake, unknownKeys } from "./cluster.ts";
import { callerKeys, callerName, callerSchema } from "./schema.ts";
import { expandVariables, type Variables } from "./variables.ts";

/** Names of callers without an entry: clients with `MCP_AUTH_TOKEN`, clients without a token, and the stdio client. */
const ownNames = ["default", "anonymous", "local"];

/**
 * A caller without limits in its entry. The health of a cluster of 50 nodes takes some 500 requests: 7, and 10 per node
 * (measured on the demo).
 */
const defaults = { access: "full", requestsPerMinute: 3000, parallelCalls: 20 } as const;

/** Reads `callers`; each mistake is added to `mistakes`. `clusters` are the names of those that there are. */
export function readCallers(value: unknown, clusters: readonly string[], mistakes: Mistake[]): CallerConfig[] {
  if (value === undefined) return [];
  if (!isObject(value)) {
    mistakes.push({ path: ["callers"], text: `must be an object, callers by name; found ${found(value)}.` });
    return [];
  }
  if (Object.keys(value).length === 0) {
    mistakes.push({
      path: ["callers"],
      text: "is empty; remove the key, or add a caller: `proxmox-mcp token new NAME`.",
    });
  }
  const callers = Object.entries(value).flatMap(([name, raw]) => readCaller(name, raw, clusters, mistakes));
  for (const [index, { name, tokenSha256 }] of callers.entries()) {
    const first = callers.findIndex((other) => other.tokenSha256 === tokenSha256);
    if (first === index) continue;
    const text = "is the token of another caller too; each needs its own.";
    mistakes.push({ path: ["callers", name, "token_sha256"], text });
  }
  return callers;
}

function readCaller(name: string, raw: unknown, clusters: readonly string[], mistakes: Mistake[]): CallerConfig[] {
  const path = ["callers", name];
  const refuse = (text: string, ...more: PropertyKey[]) => mistakes.push({ path: [...path, ...more], text });
  if (ownNames.includes(name)) refuse("is a name that this server gives to callers without an entry; choose another.");
  else if (!callerName.test(name)) {
    refuse("is not a valid name for a caller: letters, digits, . _ @ -, at most 63, the first a letter or digit.");
  }
  if (!isObject(raw)) {
    refuse(`must be an object with the keys of a caller (${callerKeys.join(", ")}); found ${found(raw)}.`);
    return [];
  }
  const parsed = callerSchema.safeParse(raw);
  for (const issue of parsed.error?.issues ?? []) {
    if (issue.code === "unrecognized_keys") mistakes.push(...unknownKeys(path, issue.keys, callerKeys));
    else refuse(issue.message, ...issue.path);
  }
  const named: readonly unknown[] = Array.isArray(raw["clusters"]) ? raw["clusters"] : [];
  for (const [index, cluster] of named.entries()) {
    if (typeof cluster !== "string" || clusters.includes(cluster)) continue;
    refuse(
      `is none of the clusters.${didYouMean(cluster, clusters)} There are: ${clusters.join(", ")}.`,
      "clusters",
      index,
    );
  }
  if (parsed.data === undefined) return [];
  const { token_sha256, access, clusters: own, requests_per_minute, parallel_calls } = parsed.data;
  return [
    {
      name,
      tokenSha256: token_sha256,
      access: access ?? defaults.access,
      clusters: own,
      requestsPerMinute: requests_per_minute ?? defaults.requestsPerMinute,
      parallelCalls: parallel_calls ?? defaults.parallelCalls,
    },
  ];
}

/** Reads `audit_log`: `stderr`, or the path of a file, which is opened only by the audit. */
export function readAuditLog(
  value: unknown,
  { folder, env }: { readonly folder: string; readonly env: Variables },
  mistakes: Mistake[],
): string | undefined {
  if (value === undefined) return undefined;
  const refuse = (text: string) => mistakes.push({ path: ["audit_log"], text });
  if (typeof value !== "string" || value === "" || value.includes("\0")) {
    refuse(`must be stderr, or the path of a file; found ${found(value)}.`);
    return undefined;
  }
  const text = attempt(() => expandVariables(value, env), refuse);
  return text === undefined || text === "stderr" ? text : resolve(folder, text);
}
