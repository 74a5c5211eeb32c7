import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { maskParams } from "../../../src/policy/redaction/redact-parameters.ts";
import { clicking, httpClient, sseClient, typing } from "../../support/clients.ts";
import { configFile } from "../../support/config-file.ts";
import { until } from "../../support/listening.ts";
import { runProduct, startProduct } from "../../support/product.ts";
import { reply, replyData, startRawServer } from "../../support/raw-server.ts";
import { type Stage, setStage } from "../stage.ts";

type Line = Readonly<Record<string, unknown>>;

/** Parameters of an endpoint that nothing is known of. */
const maskAll = (params: Parameters<typeof maskParams>[0]) => maskParams(params, "POST /unknown");

async function linesOf(path: string): Promise<Line[]> {
  const text = await Bun.file(path).text();
  return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Line]));
}

/** A line as a story tells it, without what differs from run to run. */
function told(
  { audit, caller, class: name, method, path, rule, outcome, consent, upid, params }: Line,
  vmid: string,
): string {
  const how = (consent as { how?: string } | undefined)?.how;
  return [
    `${caller} ${audit}: ${method} ${path}`,
    params === undefined ? "" : JSON.stringify(params),
    `[${name} by ${rule}]`,
    how === undefined ? "" : `consent: ${how}`,
    outcome === undefined ? "" : `-> ${outcome}`,
    upid === undefined ? "" : `(${String(upid).split(":")[5]})`,
  ]
    .filter((part) => part !== "")
    .join(" ")
    .replaceAll(vmid, "VMID");
}

describe("a scripted afternoon", () => {
  let stage: Stage;
  let file: string;

  beforeAll(async () => {
    stage = await setStage({
      loses: ({ method, url }) => method === "POST" && url.endsWith("/status/suspend"),
      top: { audit_log: "audit.jsonl" },
      policy: { deny: ["DELETE /access/**"], protect: ["tag:prod"] },
    });
    file = join(stage.config.folder, "audit.jsonl");
  });

  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  });

  test("reads as a story without gaps, and holds no secret", async () => {
    const vmid = await stage.makeGuest("story", { agent: "1" });
    const path = `/nodes/pve1/qemu/${vmid}`;
    await using asker = await httpClient({ url: stage.product.url, human: typing("story") });
    await using refuser = await sseClient({ url: stage.product.url, human: clicking("decline") });
    await using blind = await httpClient({ url: stage.product.url });
    const call = (client: typeof asker, method: string, to: string, data: Record<string, unknown> = {}, more = {}) =>
      client.call("proxmox_api_call", { method, path: to, data, ...more });
    await call(asker, "GET", "/nodes");
    await call(asker, "GET", `${path}/config`);
    await call(asker, "PUT", `${path}/config`, { memory: 512, description: "\n\u001b" });
    await call(asker, "PUT", `${path}/config`, { cipassword: "canary-1" });
    await call(asker, "POST", `${path}/status/start`);
    await call(refuser, "POST", `${path}/status/reset`);
    await call(refuser, "DELETE", "/access/users/x@pve");
    await call(refuser, "DELETE", "/guests/web-01");
    await call(asker, "PUT", `${path}/config`, { memry: 512 });
    await call(asker, "POST", `${path}/agent/set-user-password`, { username: "root", password: "canary-2" });
    const two = await call(blind, "POST", `${path}/status/stop`);
    const consent = /consent: "([^"]+)"/.exec(two.text)?.[1];
    await call(blind, "POST", `${path}/status/stop`, {}, { consent });
    await call(blind, "POST", `${path}/status/stop`);
    await call(asker, "POST", `${path}/status/start`);
    await call(asker, "POST", `${path}/status/suspend`);
    await call(asker, "POST", `${path}/status/stop`);
    await call(asker, "DELETE", path, { purge: true });
    await Bun.sleep(50);
    const lines = await linesOf(file);
    const story = lines.map((line) => told(line, vmid));
    expect(`\n${story.join("\n")}\n`).toMatchInlineSnapshot(`
      "
      anonymous sent: PUT /nodes/pve1/qemu/VMID/config {"memory":512,"description":"\\n\\u001b"} [change by PUT /nodes/{node}/qemu/{vmid}/config]
      anonymous ended: PUT /nodes/pve1/qemu/VMID/config {"memory":512,"description":"\\n\\u001b"} [change by PUT /nodes/{node}/qemu/{vmid}/config] -> done
      anonymous asked: PUT /nodes/pve1/qemu/VMID/config {"cipassword":"[masked]"} [destructive by guest-access]
      anonymous sent: PUT /nodes/pve1/qemu/VMID/config {"cipassword":"[masked]"} [destructive by guest-access] consent: human
      anonymous ended: PUT /nodes/pve1/qemu/VMID/config {"cipassword":"[masked]"} [destructive by guest-access] -> done
      anonymous sent: POST /nodes/pve1/qemu/VMID/status/start [change by POST /nodes/{node}/qemu/{vmid}/status/start]
      anonymous ended: POST /nodes/pve1/qemu/VMID/status/start [change by POST /nodes/{node}/qemu/{vmid}/status/start] -> done (qmstart)
      anonymous asked: POST /nodes/pve1/qemu/VMID/status/reset [destructive by POST /nodes/{node}/qemu/{vmid}/status/reset]
      anonymous refused: POST /nodes/pve1/qemu/VMID/status/reset [destructive by declined]
      anonymous refused: DELETE /access/users/x@pve [destructive by deny]
      anonymous refused: DELETE /nodes/pve1/qemu/100 [destructive by protect]
      anonymous refused: PUT /nodes/pve1/qemu/VMID/config {"memry":512} [change by schema]
      anonymous refused: POST /nodes/pve1/qemu/VMID/agent/set-user-password {"username":"root","password":"[masked]"} [destructive by schema]
      anonymous asked: POST /nodes/pve1/qemu/VMID/status/stop [destructive by POST /nodes/{node}/qemu/{vmid}/status/stop]
      anonymous sent: POST /nodes/pve1/qemu/VMID/status/stop [destructive by POST /nodes/{node}/qemu/{vmid}/status/stop] consent: two-step
      anonymous ended: POST /nodes/pve1/qemu/VMID/status/stop [destructive by POST /nodes/{node}/qemu/{vmid}/status/stop] -> done (qmstop)
      anonymous refused: POST /nodes/pve1/qemu/VMID/status/stop [destructive by no-effect]
      anonymous sent: POST /nodes/pve1/qemu/VMID/status/start [change by POST /nodes/{node}/qemu/{vmid}/status/start]
      anonymous ended: POST /nodes/pve1/qemu/VMID/status/start [change by POST /nodes/{node}/qemu/{vmid}/status/start] -> done (qmstart)
      anonymous sent: POST /nodes/pve1/qemu/VMID/status/suspend [change by POST /nodes/{node}/qemu/{vmid}/status/suspend]
      anonymous ended: POST /nodes/pve1/qemu/VMID/status/suspend [change by POST /nodes/{node}/qemu/{vmid}/status/suspend] -> done (qmpause)
      anonymous asked: POST /nodes/pve1/qemu/VMID/status/stop [destructive by POST /nodes/{node}/qemu/{vmid}/status/stop]
      anonymous sent: POST /nodes/pve1/qemu/VMID/status/stop [destructive by POST /nodes/{node}/qemu/{vmid}/status/stop] consent: human
      anonymous ended: POST /nodes/pve1/qemu/VMID/status/stop [destructive by POST /nodes/{node}/qemu/{vmid}/status/stop] -> done (qmstop)
      anonymous asked: DELETE /nodes/pve1/qemu/VMID {"purge":true} [destructive by DELETE /nodes/{node}/qemu/{vmid}]
      anonymous sent: DELETE /nodes/pve1/qemu/VMID {"purge":true} [destructive by DELETE /nodes/{node}/qemu/{vmid}] consent: human
      anonymous ended: DELETE /nodes/pve1/qemu/VMID {"purge":true} [destructive by DELETE /nodes/{node}/qemu/{vmid}] -> done (qmdestroy)
      "
    `);
    const text = JSON.stringify(lines);
    expect(text).not.toMatch(/canary|eyJ/);
    for (const line of lines) {
      expect(Date.parse(String(line["time"]))).toBeGreaterThan(Date.now() - 60_000);
      expect(line).toMatchObject({ client: "proxmox-mcp-tests 1.0.0", cluster: "alpha" });
      expect(String(line["id"])).toMatch(/^[0-9a-f]{8}$/);
    }
    // Whatever was sent has an end, under the same id.
    const sent = lines.filter(({ audit }) => audit === "sent").map(({ id }) => id);
    expect(lines.filter(({ audit }) => audit === "ended").map(({ id }) => id)).toEqual(sent);
  });

  test("the file is its owner's alone, and one line is one event whatever the values hold", async () => {
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await using client = await httpClient({ url: stage.product.url });
    const data = { description: "hidden \u200b\u2028\u202e\u{e0041}" };
    await client.call("proxmox_api_call", { method: "PUT", path: "/nodes/pve1/qemu/104/config", data });
    const raw = await Bun.file(file).text();
    expect(raw).toContain('"hidden \\u200b\\u2028\\u202e\\udb40\\udc41"');
    expect((await linesOf(file)).at(-1)?.["params"]).toEqual(data);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(raw).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f]|\p{Cf}/u);
  });

  test("SIGHUP opens it anew, so that it can be rotated away", async () => {
    await using client = await httpClient({ url: stage.product.url });
    await rename(file, `${file}.1`);
    process.kill(stage.product.pid, "SIGHUP");
    await until(() => stage.product.stderr().includes("SIGHUP: now with"), 5000);
    const before = (await linesOf(`${file}.1`)).length;
    await client.call("proxmox_api_call", { method: "PUT", path: "/nodes/pve1/qemu/104/config", data: { cores: 2 } });
    expect((await linesOf(file)).map(({ audit }) => audit)).toEqual(["sent", "ended"]);
    expect(await linesOf(`${file}.1`)).toHaveLength(before);
  });

  test("while it cannot be written nothing is changed, and reads go on", async () => {
    await using client = await httpClient({ url: stage.product.url });
    await rename(file, `${file}.2`);
    await mkdir(file);
    process.kill(stage.product.pid, "SIGHUP");
    await until(() => (stage.product.stderr().match(/SIGHUP: now with/g)?.length ?? 0) > 1, 5000);
    const writes = stage.demo.writes();
    const change = { method: "PUT", path: "/nodes/pve1/qemu/104/config", data: { cores: 1 } };
    const { text, isError } = await client.call("proxmox_api_call", change);
    expect({ isError, writes: stage.demo.writes() }).toEqual({ isError: true, writes });
    expect(text).toContain(`audit_log: ${file} cannot be opened (EISDIR), and what cannot be written down is not done`);
    expect((await client.call("proxmox_api_call", { path: "/nodes" })).isError).toBe(false);
  });
});

test("an answer that is lost is written down as unknown", async () => {
  await using proxmox = await startRawServer((socket, request) => {
    if (request.method === "POST") reply(502, "Bad Gateway", "<h1>Bad Gateway</h1>")(socket, request);
    else replyData([])(socket, request);
  });
  const cluster = { url: proxmox.url, user: "mcp@pve", token_id: "t", token_secret: "s", timeout_ms: 3000 };
  await using config = await configFile({ clusters: { only: cluster }, audit_log: "a.jsonl" });
  await using product = await startProduct(["--config", config.path]);
  await using client = await httpClient(product);
  const { text } = await client.call("proxmox_api_call", { method: "POST", path: "/nodes/pve1/qemu/100/status/start" });
  expect(text).toContain("may have been carried out");
  const lines = await linesOf(join(config.folder, "a.jsonl"));
  expect(lines.map(({ audit, outcome }) => [audit, outcome])).toEqual([
    ["sent", undefined],
    ["ended", "unknown"],
  ]);
});

test("without audit_log a server writes it to stderr, and a command of somebody at a terminal nowhere", async () => {
  await using stage = await setStage();
  await using client = await httpClient({ url: stage.product.url });
  await client.call("proxmox_api_call", { method: "POST", path: "/nodes/pve1/qemu/104/status/start" });
  await until(() => stage.product.stderr().includes('"audit":"ended"'));
  const quiet = await runProduct([
    "call",
    "set",
    "/nodes/pve1/qemu/104/config",
    "cores=2",
    "--config",
    stage.config.path,
  ]);
  expect(quiet.stderr).not.toContain("audit");
  const content = (await Bun.file(stage.config.path).json()) as object;
  await stage.config.write({ ...content, audit_log: "calls.jsonl" });
  await runProduct(["call", "set", "/nodes/pve1/qemu/104/config", "cores=1", "--config", stage.config.path]);
  const lines = await linesOf(join(stage.config.folder, "calls.jsonl"));
  expect(lines.map(({ audit, caller }) => [audit, caller])).toEqual([
    ["sent", "local"],
    ["ended", "local"],
  ]);
});

test("an audit that cannot be opened keeps the server from starting", async () => {
  await using config = await configFile({
    clusters: { one: { url: "pve1.invalid", user: "a@pve", token_id: "t", token_secret: "s" } },
    audit_log: "no/such/folder/a.jsonl",
  });
  const { code, stderr } = await runProduct(["serve", "--config", config.path, "--port", "0"]);
  expect({ code, says: stderr.includes("cannot be opened (ENOENT)") }).toEqual({ code: 2, says: true });
});

test("secrets among parameters are masked, whatever they are called, and the rest is told", () => {
  const masked = maskAll({
    password: "p",
    "new-password": "p",
    cipassword: "p",
    key: "k",
    "encryption-key": "k",
    token: "t",
    secret: ["name=a,value=b"],
    data: "d",
    certificates: "-----BEGIN PRIVATE KEY-----\nAAAA",
    tokenid: "agent",
    content: "iso,backup",
    memory: 512,
    hotplug: true,
    cipher: "aes",
    description: `server=x,password=hunter2,token=abc ${"y".repeat(300)}`,
    url: "https://me:pw@example.com/x",
    command: ["echo", "hello"],
  });
  expect(Object.values(masked).filter((value) => value === "[masked]")).toHaveLength(8);
  expect(masked["certificates"]).toBe("-----BEGIN PRIVATE KEY-----[masked]");
  expect(masked).toMatchObject({ tokenid: "agent", content: "iso,backup", memory: 512, command: ["echo", "hello"] });
  expect(masked["url"]).toBe("https://[masked]@example.com/x");
  expect(masked["description"]).toBe(`server=x,password=[masked],token=[masked] ${"y".repeat(300)}`);
});

test("what is run or written is kept whole, also where it looks like a secret: the deed may be in it", () => {
  const deed = {
    command: ["sh", "-c", "token=$(rm -rf /)"],
    args: "-x password=$(reboot)",
    "input-data": "key=1; halt",
  };
  const file = { content: "ssh-ed25519 AAAA me\n".repeat(50), sshkeys: "ssh-ed25519%20AAAA%20token%3D1" };
  expect(maskAll({ ...deed, ...file })).toEqual({ ...deed, ...file });
});

test("a long text is masked in one pass: each of these took a pattern with a nested repetition for ever", () => {
  const hostile = ["pass".repeat(100_000), "a=".repeat(200_000), "x://".repeat(100_000), "-".repeat(400_000)];
  for (const text of hostile) expect(maskAll({ description: text })).toEqual({ description: text });
});

test("tickets, codes, headers, environments and the token of another cluster are secrets, too", () => {
  const masked = maskAll({
    "target-endpoint": "apitoken=PVEAPIToken=root@pam!mig=s3cr3t,host=192.0.2.1",
    vncticket: "PVEVNC:s3cr3t",
    "tfa-challenge": "s3cr3t",
    code: "s3cr3t",
    keys: "s3cr3t",
    "otel-headers": "s3cr3t",
    env: "DB=s3cr3t",
    commands: '[{"args":{"password":"s3cr3t"}}]',
    url: "https://example.com/hook?access_token=s3cr3t",
  });
  expect(JSON.stringify(masked)).not.toContain("s3cr3t");
  expect(masked["target-endpoint"]).toBe("apitoken=PVEAPIToken=root@pam!mig=[masked],host=192.0.2.1");
});

test("no value of a secret parameter survives in any form", () => {
  const names = fc.constantFrom("password", "cipassword", "key", "token", "secret", "data", "env");
  fc.assert(
    fc.property(names, fc.string({ minLength: 4 }), (name, value) => {
      expect(maskAll({ [name]: value })).toEqual({ [name]: "[masked]" });
    }),
  );
});
