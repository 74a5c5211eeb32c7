import type { z } from "zod";
import { attempt } from "../error.ts";
import { exposed, readSecret } from "../files/file.ts";
import { Secret } from "../secret.ts";
import { readAuthorities } from "../server/certificate.ts";
import type { ClusterConfig, TlsMode } from "../types.ts";
import { didYouMean, found } from "../wording.ts";
import { clusterKeys, clusterSchema } from "./schema.ts";
import type { Variables } from "./variables.ts";

/** Something wrong at a place, which the reader of the source turns into a line with file and line number. */
export interface Mistake {
  readonly path: readonly PropertyKey[];
  readonly text: string;
}

/** What reading one cluster gave: mistakes, or a cluster. */
export interface ClusterReading {
  readonly cluster: ClusterConfig | undefined;
  readonly mistakes: readonly Mistake[];
  readonly warnings: readonly string[];
}

/**
 * Judges one cluster and reads the files that it names, relative to `folder`. All mistakes are given at once.
 * `raw` has the keys of {@link clusterSchema}, with variables already replaced.
 */
export function readCluster(name: string, raw: unknown, folder: string, env: Variables): ClusterReading {
  if (!isObject(raw)) {
    const text = `must be an object with the keys of a cluster (${clusterKeys.join(", ")}); found ${found(raw)}.`;
    return { cluster: undefined, mistakes: [{ path: [], text }], warnings: [] };
  }
  const parsed = clusterSchema.safeParse(raw);
  const mistakes = [...(parsed.error?.issues ?? []).flatMap(wordIssue), ...contradictions(raw)];
  const refuse = (key: string) => (text: string) => mistakes.push({ path: [key], text });

  const secret = readSecretKeys(raw, folder, refuse);
  const caFile = raw["ca_file"];
  const authorities = isPath(caFile) ? attempt(() => readAuthorities(caFile, folder), refuse("ca_file")) : undefined;

  if (!parsed.success || secret === undefined || mistakes.length > 0) {
    return { cluster: undefined, mistakes, warnings: [] };
  }
  const tls = tlsMode(parsed.data, authorities);
  const cluster = {
    name,
    endpoints: parsed.data.url,
    user: parsed.data.user,
    tokenId: parsed.data.token_id.slice(parsed.data.token_id.indexOf("!") + 1),
    tokenSecret: secret.secret,
    tls,
    timeoutMs: parsed.data.timeout_ms ?? 30_000,
    policy: {
      access: parsed.data.access ?? "guarded",
      consentFallback: parsed.data.consent_fallback ?? "code",
      allow: parsed.data.allow,
      deny: parsed.data.deny ?? [],
      protect: parsed.data.protect ?? [],
    },
  };
  const exposure = secret.file === undefined ? undefined : exposed(secret.file, env);
  const warnings = [exposure, unverified(cluster)].filter((warning) => warning !== undefined);
  return { cluster, mistakes, warnings };
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The lines for unknown keys, with the nearest one and all valid ones. */
export function unknownKeys(
  path: readonly PropertyKey[],
  keys: readonly string[],
  known: readonly string[],
): Mistake[] {
  return keys.map((key) => ({
    path: [...path, key],
    text: `unknown key.${didYouMean(key, known)} Valid: ${known.join(", ")}.`,
  }));
}

function wordIssue(issue: z.core.$ZodIssue): Mistake[] {
  if (issue.code === "unrecognized_keys") return unknownKeys(issue.path, issue.keys, clusterKeys);
  return [{ path: issue.path, text: issue.message }];
}

function isPath(value: unknown): value is string {
  return typeof value === "string" && value !== "" && !value.includes("\0");
}

function readSecretKeys(
  raw: Readonly<Record<string, unknown>>,
  folder: string,
  refuse: (key: string) => (text: string) => void,
) {
  const { token_secret: secret, token_secret_file: path } = raw;
  if (isPath(path)) return attempt(() => readSecret(path, folder), refuse("token_secret_file"));
  return typeof secret === "string" ? { secret: new Secret(secret), file: undefined } : undefined;
}

/** Pairs of keys that cannot both hold. They are judged by what stands there, so that other mistakes hide none. */
function contradictions(raw: Readonly<Record<string, unknown>>): Mistake[] {
  const has = (key: string) => raw[key] !== undefined;
  const off = raw["verify_ssl"] === false || raw["verify_ssl"] === "false";
  const plain = [raw["url"]].flat().some((url) => typeof url === "string" && /^http:/i.test(url));
  const mistakes: Mistake[] = [];
  const refuse = (key: string, text: string) => mistakes.push({ path: [key], text });

  if (has("token_secret") && has("token_secret_file")) {
    refuse("token_secret_file", 'stands beside "token_secret"; keep exactly one of them.');
  } else if (!("token_secret" in raw) && !("token_secret_file" in raw)) {
    refuse("token_secret", 'is missing: give "token_secret" or "token_secret_file".');
  }
  for (const key of ["ca_file", "fingerprint"].filter(has)) {
    if (off) refuse(key, 'would never be checked, since "verify_ssl" is false; remove one of the two.');
    if (plain) refuse(key, 'would never be checked, since "url" is http://; remove one of the two.');
  }
  if (has("ca_file") && has("fingerprint")) {
    refuse("fingerprint", 'stands beside "ca_file": a certificate is judged by one of them, never by both; keep one.');
  }
  const [owner, id] = typeof raw["token_id"] === "string" ? splitAtMark(raw["token_id"]) : [];
  if (id !== undefined && owner !== raw["user"]) {
    refuse("token_id", 'names another owner before its "!" than "user"; write here only what stands after the "!".');
  }
  return mistakes;
}

function splitAtMark(text: string): string[] {
  const mark = text.indexOf("!");
  return mark < 0 ? [] : [text.slice(0, mark), text.slice(mark + 1)];
}

function tlsMode(
  parsed: z.infer<typeof clusterSchema>,
  authorities: { ca: string; file: string } | undefined,
): TlsMode {
  if (parsed.verify_ssl === false) return { mode: "off" };
  if (authorities !== undefined) return { mode: "ca", ...authorities };
  if (parsed.fingerprint !== undefined) return { mode: "fingerprint", fingerprints: parsed.fingerprint };
  return { mode: "verify" };
}

function unverified(cluster: ClusterConfig): string | undefined {
  if (cluster.tls.mode !== "off" || cluster.endpoints.every((endpoint) => endpoint.startsWith("http:")))
    return undefined;
  return (
    `Cluster ${cluster.name} accepts any certificate (verify_ssl is false), so an attacker between this server and it can ` +
    'take its token. Better: "ca_file" with a copy of its /etc/pve/pve-root-ca.pem, or "fingerprint" with the ' +
    "SHA-256 fingerprint of its certificate."
  );
}
