import { expect, test } from "bun:test";
import { SchemaCache } from "../../src/apidoc/cache/schema-cache.ts";
import { embeddedDemo } from "../../src/cli/demo.ts";
import { openFleet } from "../../src/cli/runtime.ts";
import { noAudit } from "../../src/policy/audit/audit.ts";
import { CallLimits } from "../../src/policy/callers/limits.ts";
import { noCodeDisplay } from "../../src/policy/consent/code-display.ts";
import { Consents } from "../../src/policy/consent/consents.ts";
import { AnswerMemory } from "../../src/proxmox/answers/answer-memory.ts";
import { Redactor } from "../../src/redact/redactor.ts";

test("a configuration that is read anew keeps what was sent to its clusters, for a write may be under way", () => {
  const consents = new Consents(noCodeDisplay);
  const around = {
    library: new SchemaCache(),
    consents,
    audit: noAudit,
    limits: new CallLimits(() => embeddedDemo().config),
    redactor: new Redactor(),
    answerMemory: new AnswerMemory(),
  };
  const before = openFleet(embeddedDemo(), around);
  const after = openFleet(embeddedDemo(), around, before.clusters);
  for (const name of ["alpha", "beta"]) {
    expect(after.clusters.pick(name).client).not.toBe(before.clusters.pick(name).client);
    expect(after.clusters.pick(name).client.writes).toBe(before.clusters.pick(name).client.writes);
  }
  expect(after.clusters.pick("alpha").client.writes).not.toBe(after.clusters.pick("beta").client.writes);
});
