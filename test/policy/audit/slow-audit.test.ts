import { expect, test } from "bun:test";
import { embeddedDemo } from "../../../src/cli/demo.ts";
import type { Audit, AuditEntry } from "../../../src/policy/audit/audit.ts";
import { guarded } from "../../support/guarded.ts";

const { config, fetchOf } = embeddedDemo();

/** A cluster behind an audit that takes its lines when it likes. */
function behind(write: Audit["write"]) {
  let writes = 0;
  const fetch = async (request: Request) => {
    if (request.method !== "GET") writes += 1;
    return (await fetchOf("alpha")?.(request)) ?? new Response();
  };
  const audit = { write, reopen: () => undefined, close: async () => undefined };
  const proxmox = guarded(config.clusters, { audit, optionsOf: () => ({ fetch }) });
  return { proxmox, writes: () => writes };
}

const path = ["nodes", "pve1", "qemu", "104", "config"];

test("a write waits for its audit line, without blocking anything else, and is given up with its call", async () => {
  const lines: AuditEntry[] = [];
  const gate = Promise.withResolvers<void>();
  const { proxmox, writes } = behind(async (entry) => {
    lines.push(entry);
    await gate.promise;
  });
  const kept = proxmox.request("alpha", { method: "PUT", path, params: { cores: 2 } });
  const cancel = new AbortController();
  const given = proxmox.request("alpha", { method: "PUT", path, params: { cores: 4 }, signal: cancel.signal });
  expect((await proxmox.request("alpha", { method: "GET", path: ["version"] })).data).toMatchObject({
    version: expect.any(String),
  });
  expect(lines.map(({ event }) => event)).toEqual(["sent", "sent"]);
  expect(writes()).toBe(0);
  cancel.abort(new Error("enough"));
  await expect(given).rejects.toThrow("enough");
  gate.resolve();
  await kept;
  expect(writes()).toBe(1);
  // The line of the one that was given up may be written yet, so it has an end, too.
  expect(lines.map(({ event, outcome, params }) => [event, outcome, params?.["cores"]])).toEqual([
    ["sent", undefined, 2],
    ["sent", undefined, 4],
    ["ended", "failed", 4],
    ["ended", "done", 2],
  ]);
});
