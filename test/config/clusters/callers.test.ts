import { expect, test } from "bun:test";
import { parseClusters } from "../../../src/config/clusters/clusters.ts";
import { ConfigError } from "../../../src/config/error.ts";

const keys = { url: "10.0.0.1:8006", user: "root@pam", token_id: "mcp", token_secret: "s" };
const [first, second] = ["ab".repeat(32), "CD".repeat(32)];

function read(top: Readonly<Record<string, unknown>>, env = {}) {
  const text = JSON.stringify({ clusters: { prod: keys, lab: keys }, ...top }, undefined, 1);
  return parseClusters(text, { source: "clusters.json", folder: "/etc/x", env });
}

function refusal(top: Readonly<Record<string, unknown>>): string {
  try {
    return `accepted: ${JSON.stringify(read(top))}`;
  } catch (error) {
    return error instanceof ConfigError ? error.message : `not a ConfigError: ${error}`;
  }
}

test("callers arrive with their defaults, and nobody is there where the file says nothing", () => {
  expect(read({}).callers).toEqual([]);
  const chat = {
    token_sha256: second,
    access: "read-only",
    clusters: ["lab"],
    requests_per_minute: 5,
    parallel_calls: 1,
  };
  expect(read({ callers: { ops: { token_sha256: first }, chat } }).callers).toEqual([
    {
      name: "ops",
      tokenSha256: first,
      access: "full",
      clusters: undefined,
      requestsPerMinute: 3000,
      parallelCalls: 20,
    },
    {
      name: "chat",
      tokenSha256: second.toLowerCase(),
      access: "read-only",
      clusters: ["lab"],
      requestsPerMinute: 5,
      parallelCalls: 1,
    },
  ]);
});

test("every mistake of callers is told, and no token is repeated", () => {
  const token = "my-secret-token";
  const callers = {
    local: { token_sha256: first },
    "a b": { token_sha256: first },
    chat: { token_sha256: token, acess: "full", access: "all", clusters: ["labb"], requests_per_minute: 0 },
    none: 7,
    empty: { token_sha256: second, clusters: [], parallel_calls: "many" },
    missing: {},
  };
  const text = refusal({ callers });
  expect(text).not.toContain(token);
  expect(text).toMatchInlineSnapshot(`
    "clusters.json has 12 mistakes:
      line 17, callers.local: is a name that this server gives to callers without an entry; choose another.
      line 20, callers."a b": is not a valid name for a caller: letters, digits, . _ @ -, at most 63, the first a letter or digit.
      line 21, callers."a b".token_sha256: is the token of another caller too; each needs its own.
      line 24, callers.chat.token_sha256: must be 64 hex digits: the SHA-256 of the token, never the token itself.
      line 25, callers.chat.acess: unknown key. Did you mean "access"? Valid: token_sha256, access, clusters, requests_per_minute, parallel_calls.
      line 26, callers.chat.access: must be one of read-only, guarded, full; found a text.
      line 28, callers.chat.clusters[0]: is none of the clusters. Did you mean "lab"? There are: prod, lab.
      line 30, callers.chat.requests_per_minute: must be a whole number of requests from 1 to 1000000.
      line 32, callers.none: must be an object with the keys of a caller (token_sha256, access, clusters, requests_per_minute, parallel_calls); found a number.
      line 35, callers.empty.clusters: is empty, which would leave nothing; remove the key for all clusters.
      line 36, callers.empty.parallel_calls: must be a whole number of calls from 1 to 10000; found a text.
      line 38, callers.missing.token_sha256: is missing: it must be the SHA-256 of the caller's token, 64 hex digits."
  `);
});

test.each([[{}], [[]], ["x"], [null]])("callers that are %p are refused", (callers) => {
  expect(refusal({ callers })).toContain("clusters.json has 1 mistake");
});

test("audit_log is stderr or a file, relative to the folder of clusters.json, with variables", () => {
  expect(read({}).auditLog).toBeUndefined();
  expect(read({ audit_log: "stderr" }).auditLog).toBe("stderr");
  expect(read({ audit_log: "audit.jsonl" }).auditLog).toBe("/etc/x/audit.jsonl");
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the configuration's own variable
  expect(read({ audit_log: "${LOGS}/a" }, { LOGS: "/var/log" }).auditLog).toBe("/var/log/a");
  expect(refusal({ audit_log: "" })).toContain("audit_log");
  expect(refusal({ audit_log: 7 })).toContain("audit_log: must be stderr, or the path of a file; found a number.");
});
