import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { join } from "node:path";
import { setStage } from "../policy/stage.ts";
import { httpClient } from "../support/clients.ts";
import { configFile } from "../support/config-file.ts";
import { until } from "../support/listening.ts";
import { privateFolder } from "../support/private-folder.ts";
import { cleanEnvironment, productCommand } from "../support/product.ts";

const start = { method: "POST", path: "/nodes/pve1/qemu/104/status/start" };

test("under systemd the audit goes to a file in its logs folder, for its owner alone, and not to stderr", async () => {
  await using logs = await privateFolder();
  await using stage = await setStage({ env: { LOGS_DIRECTORY: `${logs.path}:/elsewhere`, MCP_LOG_LEVEL: "debug" } });
  await using client = await httpClient({ url: stage.product.url });
  await client.call("proxmox_api_call", start);
  const file = join(logs.path, "audit.jsonl");
  const lines = (await Bun.file(file).text()).trim().split("\n");
  expect(lines.map((line) => JSON.parse(line).audit)).toEqual(["sent", "ended"]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(stage.product.stderr()).not.toContain("/nodes/pve1");
});

test("audit_log wins over systemd's logs folder", async () => {
  await using logs = await privateFolder();
  await using stage = await setStage({ env: { LOGS_DIRECTORY: logs.path }, top: { audit_log: "own.jsonl" } });
  await using client = await httpClient({ url: stage.product.url });
  await client.call("proxmox_api_call", start);
  expect(await Bun.file(join(stage.config.folder, "own.jsonl")).text()).toContain('"audit":"sent"');
  expect(await Bun.file(join(logs.path, "audit.jsonl")).exists()).toBe(false);
});

test("a reload moves the audit from systemd's logs folder to the file that is named now", async () => {
  await using logs = await privateFolder();
  await using stage = await setStage({ env: { LOGS_DIRECTORY: logs.path } });
  await using client = await httpClient({ url: stage.product.url });
  const content = (await Bun.file(stage.config.path).json()) as object;
  await stage.config.write({ ...content, audit_log: "later.jsonl" });
  process.kill(stage.product.pid, "SIGHUP");
  await until(() => stage.product.stderr().includes("SIGHUP: now with"), 5000);
  await client.call("proxmox_api_call", start);
  expect(await Bun.file(join(stage.config.folder, "later.jsonl")).text()).toContain('"audit":"sent"');
  expect(await Bun.file(join(logs.path, "audit.jsonl")).text()).toBe("");
});

/** What a server says at start whose stderr is the journal, which is played by a file. */
async function startedInJournal(top: Record<string, unknown>, env: Record<string, string>, isJournal = true) {
  const cluster = { url: "pve1.invalid", user: "a@pve", token_id: "t", token_secret: "s" };
  await using config = await configFile({ clusters: { one: cluster }, ...top }, { journal: "" });
  const journal = join(config.folder, "journal");
  const { dev, ino } = statSync(journal, { bigint: true });
  // A child of a service inherits the variable, but may have another stderr.
  const stream = isJournal ? `${dev}:${ino}` : `${dev}:${ino + 1n}`;
  const child = Bun.spawn([...productCommand(), "stdio", "--config", config.path], {
    env: cleanEnvironment({ JOURNAL_STREAM: stream, ...env }),
    stdin: "ignore",
    stdout: "ignore",
    stderr: Bun.file(journal),
  });
  expect(await child.exited).toBe(0);
  return await Bun.file(journal).text();
}

test("an audit that goes to the journal is warned about, with what to set", async () => {
  await using logs = await privateFolder();
  const unset = await startedInJournal({}, {});
  expect(unset).toContain("[warn] The audit goes to the journal.");
  expect(unset).toContain('Set "audit_log" to a file, or add LogsDirectory=proxmox-mcp to the unit.');
  const explicit = await startedInJournal({ audit_log: "stderr" }, {});
  expect(explicit).toContain('Change "audit_log" to a file, or add LogsDirectory=proxmox-mcp to the unit');
  const beside = await startedInJournal({ audit_log: "stderr" }, { LOGS_DIRECTORY: logs.path });
  expect(beside).toContain(`Remove "audit_log", and the audit goes to ${logs.path}/audit.jsonl.`);
});

test("an audit that does not go to the journal is not warned about", async () => {
  await using logs = await privateFolder();
  expect(await startedInJournal({}, { LOGS_DIRECTORY: logs.path })).not.toContain("journal");
  expect(await startedInJournal({ audit_log: "a.jsonl" }, {})).not.toContain("journal");
  expect(await startedInJournal({}, {}, false)).not.toContain("journal");
});
