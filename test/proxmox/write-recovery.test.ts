import { describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { ProxmoxClient } from "../../src/proxmox/client.ts";
import type { Params } from "../../src/proxmox/params.ts";
import { parseUpid } from "../../src/proxmox/upid.ts";
import { until } from "../support/listening.ts";
import { type RawRequest, reply, replyData, startRawServer } from "../support/raw-server.ts";
import { clusterAt, failureOf } from "./clusters.ts";
import { type LossyDemo, lossyDemo, losesAnswers, losesWrites, write } from "./lossy-demo.ts";

const start = "POST /nodes/pve1/qemu/104/status/start";
const stop = "POST /nodes/pve1/qemu/104/status/stop";
const config = "PUT /nodes/pve1/qemu/104/config";
const readConfig = write("GET /nodes/pve1/qemu/104/config");

/** Guests that are in the state that the write needs; each write with the task that it must come to. */
const startsTasks: [write: string, params: Params, type: string, before?: string[]][] = [
  [start, {}, "qmstart"],
  [stop, {}, "qmstop", [start]],
  ["POST /nodes/pve1/qemu/104/status/shutdown", {}, "qmshutdown", [start]],
  ["POST /nodes/pve1/qemu/104/status/reboot", {}, "qmreboot", [start]],
  ["POST /nodes/pve1/qemu/104/status/reset", {}, "qmreset", [start]],
  ["POST /nodes/pve1/qemu/104/status/suspend", {}, "qmpause", [start]],
  ["POST /nodes/pve1/qemu/104/status/resume", {}, "qmresume", [start, "POST /nodes/pve1/qemu/104/status/suspend"]],
  ["POST /nodes/pve1/qemu", { vmid: 900 }, "qmcreate"],
  ["DELETE /nodes/pve1/qemu/104", { purge: true }, "qmdestroy"],
  ["POST /nodes/pve1/qemu/104/snapshot", { snapname: "one" }, "qmsnapshot"],
  ["POST /nodes/pve1/qemu/101/snapshot/before-upgrade/rollback", {}, "qmrollback"],
  ["DELETE /nodes/pve1/qemu/101/snapshot/before-upgrade", {}, "qmdelsnapshot"],
  ["POST /nodes/pve1/qemu/104/clone", { newid: 901 }, "qmclone"],
  ["POST /nodes/pve1/qemu/104/migrate", { target: "pve2" }, "qmigrate"],
  ["POST /nodes/pve1/qemu/104/template", {}, "qmtemplate"],
  ["PUT /nodes/pve1/qemu/101/resize", { disk: "scsi0", size: "+1G" }, "resize"],
  ["POST /nodes/pve1/vzdump", { vmid: "104", storage: "backups" }, "vzdump"],
  ["POST /nodes/pve1/vzdump", { vmid: "101,104", storage: "backups" }, "vzdump"],
];

test.each(startsTasks)(
  "%s %j whose answer is lost is answered with its task",
  async (line, params, type, before = []) => {
    const lossy = lossyDemo();
    const client = lossy.client();
    for (const step of before) await settled(lossy, step);
    lossy.lose(losesAnswers);
    const answer = await client.request(write(line, params));
    expect(parseUpid(String(answer.data))?.type).toBe(type);
    expect(answer.recovered).toStartWith("the answer was lost (an unexpected Error stopped it at https://alpha:8006)");
    expect(answer.recovered).toContain(`, but it was done: pve1's task log has one ${type}`);
    expect(lossy.done.filter((each) => each === line)).toHaveLength(1);
    expect(lossy.asked.filter((each) => each === line)).toHaveLength(1);
  },
);

test("a write that never arrived is looked for until it cannot come any more, and is then said to be not done", async () => {
  const lossy = lossyDemo();
  const client = lossy.client();
  lossy.lose(losesWrites);
  const began = performance.now();
  const lost = await failureOf(client, write(start));
  expect(performance.now() - began).toBeGreaterThan(290);
  expect(lost).toMatchObject({ kind: "unreachable", sent: "no" });
  expect(lost.describe()).toEndWith(
    "; not done: pve1's task log has no qmstart or hastart of 104 by mcp@pve!tok 0 s later\nIt can be sent again.",
  );
  await client.request(readConfig);
  const change = await failureOf(client, write(config, { description: "new" }));
  expect(change).toMatchObject({ sent: "no" });
  expect(change.message).toEndWith(
    "not done: GET /nodes/pve1/qemu/104/config has the digest that it had before 0 s later",
  );
  expect(lossy.asked.filter((line) => !line.startsWith("GET "))).toEqual([start, config]);
});

test("a read that overlaps a write is not what the next write is compared with", async () => {
  const digests = ["before", "between", "before"];
  let puts = 0;
  let held: (() => void) | undefined;
  await using server = await startRawServer((socket, request) => {
    if (request.method === "PUT") {
      puts++;
      return puts === 1 ? replyData(null)(socket, request) : socket.destroy();
    }
    if (!request.target.endsWith("/config")) return replyData({ status: "running" })(socket, request);
    const answer = replyData({ digest: digests[puts], net0: "virtio=BC:24:11:00:00:01,bridge=vmbr0" });
    if (held !== undefined) return answer(socket, request);
    held = () => answer(socket, request);
  });
  const client = new ProxmoxClient(clusterAt([server.url]), { lookUpMs: 300 });
  const overlapping = client.request(readConfig);
  await until(() => held !== undefined);
  await client.request(write(config, { net0: "virtio,bridge=vmbr1" }));
  held?.();
  await overlapping;
  // It restores what was there at first, in other words, and its answer is lost.
  const lost = await failureOf(client, write(config, { net0: "virtio,bridge=vmbr0" }));
  expect(lost.sent).toBe("maybe");
  expect(lost.describe()).not.toContain("not done");
});

describe("a task is not taken for a lost write's own", () => {
  /** Somebody else does the same; then a write of ours gets lost on its way. */
  async function outcome(theirs: string, ours: string, apartMs: number, token?: string) {
    const lossy = lossyDemo();
    await settled(lossy, theirs, token);
    lossy.pass(apartMs);
    lossy.lose(losesWrites);
    return await failureOf(lossy.client(), write(ours));
  }

  test("that began before it was sent, by the node's own clock", async () => {
    expect(await outcome(start, start, 3_000)).toMatchObject({ sent: "no" });
  });

  test("that works on another guest, does something else, or was started with another token", async () => {
    const other = "POST /nodes/pve1/qemu/100/status/start";
    expect(await outcome(other, start, 0)).toMatchObject({ sent: "no" });
    const none = expect.stringContaining("So far pve1's task log has no qmstart or hastart of 104 by mcp@pve!tok;");
    // Unknown all the same: nobody asked for it here, so it could be ours under a name of its own.
    expect(await outcome(stop, start, 0)).toMatchObject({ sent: "maybe", hint: none });
    expect(await outcome(start, start, 0, lossyDemo().demo.tokens["op"])).toMatchObject({ sent: "no" });
  });

  test("that was answered to another request of this server", async () => {
    const lossy = lossyDemo();
    const client = lossy.client();
    await client.request(write(start));
    lossy.lose(losesWrites);
    expect(await failureOf(client, write(start))).toMatchObject({ sent: "no" });
    lossy.lose(losesAnswers);
    const [first, second] = [await client.request(write(start)), await client.request(write(start))];
    expect(first.data).not.toBe(second.data);
  });

  test("that was answered to a client which came after it, when the configuration was read anew", async () => {
    const lossy = lossyDemo();
    const old = lossy.client();
    const next = lossy.client({ writes: old.writes });
    let seen = 0;
    lossy.lose((line) => (line === start && seen++ === 0 ? "request" : undefined));
    const [lost, done] = await Promise.all([failureOf(old, write(start)), next.request(write(start))]);
    expect(parseUpid(String(done.data))?.type).toBe("qmstart");
    expect(lost.sent).toBe("no");
    expect(lossy.done).toEqual([start]);
  });

  test("while another request for the same may have started it: both are unknown, and the task is named", async () => {
    const lossy = lossyDemo();
    const client = lossy.client();
    let seen = 0;
    lossy.lose((line) => (line === start ? (seen++ === 0 ? "answer" : "request") : undefined));
    const errors = await Promise.all([failureOf(client, write(start)), failureOf(client, write(start))]);
    for (const error of errors) {
      expect(error.sent).toBe("maybe");
      expect(error.hint).toMatch(/^Unknown: .*UPID:pve1:.*:qmstart:104:mcp@pve!tok:/s);
    }
    expect(lossy.done).toEqual([start]);
    // Even later a task may be the lost one's.
    lossy.lose(losesAnswers);
    const third = await failureOf(client, write(start));
    expect(third.hint).toMatch(/several tasks fit|a task fits/i);
  });

  test("where two fit: both are named", async () => {
    const lossy = lossyDemo();
    lossy.lose((line) => {
      if (line !== start) return undefined;
      // Somebody with the same token does the same at the same moment.
      void demoRequest(lossy, start);
      return "answer";
    });
    const error = await failureOf(lossy.client(), write(start));
    expect(error).toMatchObject({ kind: "unreachable", sent: "maybe" });
    const [, ...named] =
      /Several tasks fit, and nobody can tell which is its own: (UPID:\S+:), (UPID:\S+:)\./.exec(error.hint ?? "") ??
      [];
    expect(new Set(named).size).toBe(2);
  });
});

test("a token that may not read the node's clock goes by the date of the answers", async () => {
  const lossy = lossyDemo();
  const token = lossy.demo.tokens["op"] ?? "";
  lossy.lose(losesAnswers);
  const client = lossy.client({ token });
  const answer = await client.request(write(start));
  expect(parseUpid(String(answer.data))).toMatchObject({ type: "qmstart", user: "operator@pve!tok" });
  // With clocks that may be apart, a task of a moment ago may be another's, and none is never sure.
  await settled(lossy, stop, token);
  lossy.pass(2_000);
  lossy.lose(losesWrites);
  const around = await failureOf(lossy.client({ token }), write(stop));
  expect(around.hint).toMatch(/may have begun before it was sent: the token may not read .*: UPID:pve1:.*:qmstop:104:/);
  lossy.pass(20_000);
  const none = await failureOf(lossy.client({ token }), write(stop));
  expect(none).toMatchObject({ sent: "maybe" });
  expect(none.hint).toContain("So far pve1's task log has no qmstop or hastop of 104 by operator@pve!tok;");
});

describe("a change of values", () => {
  test("is done when all of them can be read again, deleted ones too", async () => {
    const lossy = lossyDemo();
    const client = lossy.client();
    lossy.lose(losesAnswers);
    const params = { description: "new", cores: 2, onboot: true, tags: ["b", "a"].join(","), delete: ["boot"] };
    const answer = await client.request(write(config, params));
    expect(answer).toMatchObject({ data: null, recovered: expect.stringContaining("shows all that was sent") });
    expect(lossy.done).toEqual([config]);
  });

  test("is unknown when the configuration changed, and not into the same words", async () => {
    const lossy = lossyDemo();
    const client = lossy.client();
    await client.request(readConfig);
    lossy.lose(losesAnswers);
    const error = await failureOf(client, write(config, { net1: "virtio,bridge=vmbr0" }));
    expect(error).toMatchObject({ sent: "maybe" });
    expect(error.hint).toContain("was changed since, and does not show all that was sent in the same words.");
    expect(lossy.done).toEqual([config]);
  });

  test("is unknown when nobody knows how it was before, and not done when the request itself said so", async () => {
    const lossy = lossyDemo();
    const client = lossy.client();
    const { digest } = (await lossy.client().request(readConfig)).data as { digest: string };
    lossy.lose(losesWrites);
    const unknown = await failureOf(client, write(config, { description: "new" }));
    expect(unknown).toMatchObject({ sent: "maybe" });
    expect(unknown.hint).toContain("does not show all that was sent; it may still be carried out late.");
    expect(await failureOf(client, write(config, { description: "new", digest }))).toMatchObject({ sent: "no" });
  });

  test("is never done by what was read while it was under way", async () => {
    const lossy = lossyDemo();
    const client = lossy.client();
    lossy.lose((line) => {
      if (line === config) setTimeout(() => void client.request(readConfig), 10);
      return line === config ? "answer" : undefined;
    });
    // The network card gets an address, so its value cannot be compared.
    const error = await failureOf(client, write(config, { net1: "virtio,bridge=vmbr0" }));
    expect(error.sent).toBe("maybe");
    expect(lossy.done).toEqual([config]);
  });

  test("is unknown where another change of the same guest was under way", async () => {
    const lossy = lossyDemo();
    const client = lossy.client();
    await client.request(readConfig);
    lossy.lose((line) => (line === config ? "request" : undefined));
    const error = failureOf(client, write(config, { description: "new" }));
    await client.request(write(stop));
    expect(await error).toMatchObject({
      sent: "maybe",
      hint: expect.stringContaining("has the digest that it had before"),
    });
  });

  test("is unknown while the daemon that carries it out is not seen at work", async () => {
    const lossy = lossyDemo();
    const client = lossy.client();
    await client.request(readConfig);
    lossy.lose((line) => (line === config || line.endsWith("/status/current") ? "request" : undefined));
    const error = await failureOf(client, write(config, { description: "new" }));
    expect(error.sent).toBe("maybe");
    expect(error.hint).toContain("has the digest that it had before; it may still be carried out late.");
  });
});

test.each(["silence", "596"])("after %s a write is unknown, for it may be carried out late", async (ending) => {
  const lossy = lossyDemo();
  const answer = async ({ method, target, headers, body }: RawRequest) =>
    await lossy.demo.fetch(new Request(`http://demo${target}`, { method, headers, ...(body && { body }) }));
  const pass = async (socket: Socket, request: RawRequest) => {
    const response = await answer(request);
    reply(response.status, response.statusText, await response.text())(socket, request);
  };
  await using front = await startRawServer((socket, request) => {
    if (request.method === "GET") {
      void pass(socket, request);
      return;
    }
    setTimeout(() => void answer(request), 600);
    if (ending === "596") reply(596, "Connection timed out", "")(socket, request);
  });
  const client = lossy.client({ lookUpMs: 400, timeoutMs: 150, url: front.url });
  await client.request(readConfig);
  const error = await failureOf(client, write(config, { description: ending }));
  expect(error).toMatchObject({ kind: ending === "596" ? "node-timeout" : "timeout", sent: "maybe" });
  expect(error.hint).toContain("Unknown: it may have been carried out.");
  await Bun.sleep(700);
  expect((await client.request(readConfig)).data).toMatchObject({ description: ending });
});

test("a caller that gives up ends the search, and one that gave up before begins none", async () => {
  const lossy = lossyDemo();
  const client = lossy.client({ lookUpMs: 60_000 });
  lossy.lose(losesWrites);
  const given = new AbortController();
  const lost = failureOf(client, { ...write(start), signal: given.signal });
  await until(() => lossy.asked.some((line) => line.endsWith("/tasks")));
  given.abort();
  expect(await lost).toMatchObject({ kind: "unreachable", sent: "maybe" });
  const asked = lossy.asked.length;
  await Bun.sleep(400);
  expect(lossy.asked).toHaveLength(asked);

  await using silent = await startRawServer((socket, request) => {
    if (request.method === "GET") replyData([])(socket, request);
  });
  const quiet = new ProxmoxClient(clusterAt([silent.url]));
  expect(await failureOf(quiet, { ...write(start), signal: AbortSignal.timeout(30) })).toMatchObject({
    kind: "aborted",
  });
  expect(silent.requests).toHaveLength(1);
});

test("a write that starts no known task and sets no values is in doubt at once", async () => {
  const lossy = lossyDemo();
  lossy.lose(losesAnswers);
  const error = await failureOf(lossy.client({ lookUpMs: 60_000 }), write("POST /pools", { poolid: "new" }));
  expect(error).toMatchObject({ sent: "maybe" });
  expect(lossy.asked).toEqual(["POST /pools"]);
});

test("a read of a moment ago does not answer for a write that was found again", async () => {
  const lossy = lossyDemo();
  const client = lossy.client();
  const resources = write("GET /cluster/resources");
  const stateOf = async () => {
    const rows = (await client.request(resources)).data as { vmid?: number; status: string }[];
    return rows.find(({ vmid }) => vmid === 104)?.status;
  };
  expect(await stateOf()).toBe("stopped");
  lossy.lose(losesAnswers);
  await client.request(write(start));
  await Bun.sleep(10);
  expect(await stateOf()).toBe("running");
});

/** Does something past the client under test, and lets its task end. */
async function settled(lossy: LossyDemo, line: string, token?: string): Promise<void> {
  await demoRequest(lossy, line, token);
  await Bun.sleep(10);
}

async function demoRequest({ demo }: LossyDemo, line: string, token = demo.tokens["admin"]): Promise<void> {
  const [method = "", path] = line.split(" ");
  const headers = { authorization: `PVEAPIToken=${token}` };
  const { status } = await demo.fetch(new Request(`http://demo/api2/json${path}`, { method, headers }));
  if (status !== 200) throw new Error(`${line}: ${status}`);
}
