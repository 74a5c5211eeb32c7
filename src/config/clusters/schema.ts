import { z } from "zod";
import { attempt } from "../error.ts";
import { isVisibleAscii } from "../files/file.ts";
import { accessLevels } from "../types.ts";
import { didYouMean, found } from "../wording.ts";
import { endpointForms, parseEndpoint } from "./endpoint.ts";
import { parseFingerprint } from "./fingerprint.ts";
import { checkPattern, checkProtect } from "./pattern.ts";

/** A cluster's name: what tools take as `cluster`. `*` can be none. */
export const clusterName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** A caller's name: what stands in the audit. */
export const callerName = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/;

type Payload<T> = z.core.ParsePayload<T>;

/** The one wording of a wrong type or a missing key; the value itself is never in it. */
const must = (valid: string) => ({
  error: ({ input }: { input?: unknown }) =>
    input === undefined ? `is missing: it must be ${valid}.` : `must be ${valid}; found ${found(input)}.`,
});

function complain(payload: Payload<unknown>, message: string, path: PropertyKey[] = []): void {
  payload.issues.push({ code: "custom", input: payload.value, message, path });
}

/** Reads one text or a list of texts, each by itself, so that every wrong one is named by its place. */
function readEach<T>(payload: Payload<unknown>, value: string | readonly string[], read: (text: string) => T): T[] {
  return [value].flat().flatMap((text, index) => {
    const path = typeof value === "string" ? [] : [index];
    const result = attempt(
      () => ({ read: read(text) }),
      (problem) => complain(payload, problem, path),
    );
    return result === undefined ? [] : [result.read];
  });
}

const oneOrMore = (valid: string) => z.union([z.string(), z.array(z.string()).min(1, must(valid))], must(valid));

const url = oneOrMore(`${endpointForms}, or a list of those: the nodes of one cluster`)
  .transform((value, payload) => {
    const endpoints = readEach(payload, value, parseEndpoint);
    for (const [index, endpoint] of endpoints.entries()) {
      if (endpoints.indexOf(endpoint) !== index) {
        complain(payload, "names the same node twice.", [index]);
      }
    }
    return endpoints;
  })
  .describe(
    "Where the API answers: host, host:port, https://host:port/prefix, IPv6 in brackets. A list names several nodes " +
      "of the same cluster; when one is down the next is asked. The port is 8006 unless written, 443 too.",
  );

const user = z
  .string(must('the token\'s owner with realm, such as "mcp@pve"'))
  .check((payload) => {
    const text = payload.value;
    if (text.includes("!")) {
      complain(payload, 'holds a "!": write what stands before it here, and what stands after it in "token_id".');
    } else if (!isVisibleAscii(text) || /[=:/]/.test(text)) {
      complain(payload, 'must be visible ASCII without spaces, "=", ":" and "/".');
    } else if (!/^.+@[A-Za-z][A-Za-z0-9._-]*$/.test(text)) {
      complain(payload, 'must end in its realm, as in "mcp@pve" or "root@pam".');
    }
  })
  .describe('The user that owns the API token, with realm: "mcp@pve".');

const tokenId = z
  .string(must('the API token\'s name, such as "agent" in mcp@pve!agent'))
  .check((payload) => {
    // What stands before a "!" is compared with "user" where both are known.
    const text = payload.value.slice(payload.value.indexOf("!") + 1);
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text)) {
      complain(payload, 'must be the token\'s name: letters, digits, . _ -, such as "agent" in mcp@pve!agent.');
    }
  })
  .describe('The API token\'s name: "agent" in mcp@pve!agent.');

const tokenSecret = z
  .string(must("the API token's secret"))
  .check((payload) => {
    const text = payload.value;
    if (text === "") complain(payload, "is empty.");
    else if (!isVisibleAscii(text)) complain(payload, "must be visible ASCII without spaces.");
    else if (/^PVEAPIToken=|^[^=!@]+@[^=!]+![^=]+=/.test(text)) {
      complain(payload, 'holds the whole token; only what stands after "=" goes here.');
    }
  })
  .describe(
    `The API token's secret. \${NAME} is taken from the environment, here and in every text; $\${ writes a literal \${. ` +
      "Give this or token_secret_file.",
  );

const filePath = (valid: string) =>
  z
    .string(must(valid))
    .min(1, must(valid))
    .refine((text) => !text.includes("\0"), { error: "must be a path." });

const fingerprint = oneOrMore("a SHA-256 fingerprint of 64 hex digits, or a list of those")
  .transform((value, payload) => [...new Set(readEach(payload, value, parseFingerprint))])
  .describe(
    "SHA-256 fingerprint of the certificate, or a list for several nodes. Compared before the token leaves this " +
      "machine; no authority is asked. Not together with ca_file or verify_ssl false.",
  );

const oneOf = <const T extends readonly [string, ...string[]]>(words: T) =>
  z.enum(words, {
    error: ({ input }) =>
      `must be one of ${words.join(", ")}; found ${found(input)}.${typeof input === "string" ? didYouMean(input, words) : ""}`,
  });

const list = (valid: string, check: (text: string) => void) => {
  const item = z.string(must("a text")).check((payload) => {
    readEach(payload, payload.value, check);
  });
  return z.array(item, must(valid));
};

const milliseconds = "a whole number of milliseconds from 1 to 3600000";

/** One cluster as it may stand in the file. Everything that can be judged without reading other files is judged. */
export const clusterSchema = z
  .strictObject({
    url,
    user,
    token_id: tokenId,
    token_secret: tokenSecret.optional(),
    token_secret_file: filePath("the path of a file with the API token's secret")
      .describe("A file that holds the API token's secret; relative to this file's folder. Give this or token_secret.")
      .optional(),
    verify_ssl: z
      .union([z.boolean(), z.enum(["true", "false"])], must("true or false"))
      .transform((value) => value === true || value === "true")
      .describe(
        "false accepts any certificate from anybody, and is warned about at every start. Better: ca_file or fingerprint. " +
          "Default: true.",
      )
      .optional(),
    ca_file: filePath("the path of a PEM file with certificates")
      .describe(
        "Trust only this authority: a copy of the cluster's /etc/pve/pve-root-ca.pem; relative to this file's folder. " +
          "Default: the system's authorities.",
      )
      .optional(),
    fingerprint: fingerprint.optional(),
    access: oneOf(accessLevels)
      .describe(
        "What may be done there. read-only: reads. guarded: reads and changes; what destroys or exposes asks a human. " +
          "full: all that the token may, and nothing asks. Default: guarded.",
      )
      .optional(),
    consent_fallback: oneOf(["code", "two-step", "deny"])
      .describe(
        "How guarded asks where a client cannot ask its human. code: what cannot be undone, extends rights or runs programs " +
          "needs a code that a human reads with `proxmox-mcp consents`, the rest as two-step. two-step: the call is repeated " +
          "with a value from its first answer, which a model can do alone. deny: refused. Default: code.",
      )
      .optional(),
    allow: list('a list of patterns such as "GET /nodes/**"', checkPattern)
      .min(1, "is empty, which would refuse everything; remove the key to allow what access allows.")
      .describe(
        'Only these calls: "METHOD /path", METHOD one of GET POST PUT DELETE *, where * is one segment and ** many. ' +
          "All else is refused. What access refuses stays refused.",
      )
      .optional(),
    deny: list('a list of patterns such as "DELETE /**"', checkPattern)
      .describe("Never these calls, whatever access and allow say; patterns as in allow.")
      .optional(),
    protect: list('a list such as ["vmid:100-199", "tag:prod"]', checkProtect)
      .describe(
        "Guests and nodes that nothing may change, whatever else is set: vmid:100, vmid:100-199, tag:prod, pool:infra, " +
          "node:pve1 (with the guests on it), name:db-*.",
      )
      .optional(),
    timeout_ms: z
      .int(must(milliseconds))
      .min(1, `must be ${milliseconds}.`)
      .max(3_600_000, `must be ${milliseconds}.`)
      .describe("How long one request to Proxmox may take, in milliseconds. Default: 30000.")
      .optional(),
  })
  .meta({
    description: "One Proxmox VE cluster, or one single node.",
    oneOf: [{ required: ["token_secret"] }, { required: ["token_secret_file"] }],
  });

/** The keys that a cluster may have. */
export const clusterKeys: readonly string[] = Object.keys(clusterSchema.shape);

const wholeNumber = (what: string, most: number) => {
  const valid = `a whole number of ${what} from 1 to ${most}`;
  return z.int(must(valid)).min(1, `must be ${valid}.`).max(most, `must be ${valid}.`);
};

/** One caller as it may stand in the file. */
export const callerSchema = z
  .strictObject({
    token_sha256: z
      .string(must("the SHA-256 of the caller's token, 64 hex digits"))
      .regex(/^[0-9a-fA-F]{64}$/, "must be 64 hex digits: the SHA-256 of the token, never the token itself.")
      .transform((text) => text.toLowerCase())
      .describe("The SHA-256 of the caller's bearer token; `proxmox-mcp token new NAME` makes both."),
    access: oneOf(accessLevels)
      .describe("The most that this caller may, whatever a cluster allows. Default: full, which limits nothing.")
      .optional(),
    clusters: z
      .array(z.string(must("a cluster's name")), must("a list of clusters' names"))
      .min(1, "is empty, which would leave nothing; remove the key for all clusters.")
      .describe("The clusters that exist for this caller; of others it is never told. Default: all.")
      .optional(),
    requests_per_minute: wholeNumber("requests", 1_000_000)
      .describe(
        "Maximum requests of this caller in a minute: each of its messages counts, a tool call or one of the protocol, " +
          "and each request to Proxmox that a call sends. What exceeds it is not sent, and the answer says so; " +
          "polling a task that is waited for counts but is never refused. Default: 3000.",
      )
      .optional(),
    parallel_calls: wholeNumber("calls", 10_000)
      .describe("So many calls of tools may run at once; one more is an error that says so. Default: 20.")
      .optional(),
  })
  .meta({ description: "A caller with its own token." });

/** The keys that a caller may have. */
export const callerKeys: readonly string[] = Object.keys(callerSchema.shape);

const file = z
  .strictObject({
    $schema: z.string().describe("Where this schema is, for editors. Not read by the server.").optional(),
    clusters: z
      .record(z.string().regex(clusterName), clusterSchema)
      .meta({ description: "The clusters, by the name that tools take as `cluster`.", minProperties: 1 }),
    callers: z
      .record(z.string().regex(callerName), callerSchema)
      .meta({
        minProperties: 1,
        description:
          "Who may call, by name, in addition to clients that send MCP_AUTH_TOKEN. If set, every client needs a token, on loopback too.",
      })
      .optional(),
    audit_log: z
      .string()
      .min(1)
      .describe(
        "Where each call that is more than a read is written down, and each refusal: a file (made with mode 600; relative " +
          "to this file's folder), or stderr. While a file cannot be written nothing is changed anywhere. Default: " +
          "audit.jsonl in the folder that systemd gives (LogsDirectory=), else stderr.",
      )
      .optional(),
    seal_key_file: z
      .string()
      .min(1)
      .describe(
        "A file with the key that signs session ids, at least 32 characters; relative to this file's folder. " +
          "Default: a key derived from the clusters' token secrets.",
      )
      .optional(),
  })
  .meta({ title: "proxmox-mcp: clusters.json" });

/** The keys of the file's top level. */
export const fileKeys: readonly string[] = Object.keys(file.shape);

/** The JSON Schema of `clusters.json` in its canonical form, clusters by name. */
export function clustersJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(file, { io: "input", target: "draft-7" });
}
