import { describe, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { ProxmoxClient } from "../../../src/proxmox/client.ts";
import { encodeParams, type Params } from "../../../src/proxmox/params.ts";
import { parseUpid } from "../../../src/proxmox/tasks/upid.ts";
import { until } from "../../support/listening.ts";
import { type RawRequest, reply, replyData, startRawServer } from "../../support/raw-server.ts";
import { clusterAt, failureOf } from "../clusters.ts";
import { type LossyDemo, losesAnswers, losesWrites, lossyDemo, write } from "./lossy-demo.ts";

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

test("a write that never arrived is never said to be not done: the answer is which read tells, and when", async () => {
  const lossy = lossyDemo();
  const client = lossy.client();
  await client.request(readConfig);
  lossy.lose(losesWrites);
  const lost = await failureOf(client, write(start));
  expect(lost).toMatchObject({ kind: "unreachable", sent: "maybe" });
  expect(lost.hint).toBe(
    "Unknown: it may have been carried out. So far pve1's task log has no qmstart or hastart of 104 by mcp@pve!tok; it may still be carried out. " +
      "Check before you send it again. Wait 60 s (Proxmox waits for one lock after the other, and may carry it out late), then " +
      "GET /nodes/pve1/tasks with source=all and vmid=104: a qmstart or hastart begun after it was sent may be its own. " +
      "If it happens again, it is a fault of proxmox-mcp: report it with these words.",
  );
  const change = await failureOf(client, write(config, { description: "new" }));
  expect(change.sent).toBe("maybe");
  expect(change.hint).toContain("then GET /nodes/pve1/qemu/104/config: the values of description as sent mean done.");
  expect(lossy.asked.filter((line) => !line.startsWith("GET "))).toEqual([start, config]);
});

test.each<[line: string, params: Params, expected: string]>([
  ["POST /nodes/pve1/qemu/104/clone", { newid: 901 }, "GET /nodes/pve1/qemu/901/config: if guest 901 exists"],
  ["POST /nodes/pve1/qemu/104/snapshot", { snapname: "one" }, "GET /nodes/pve1/qemu/104/snapshot: a snapshot one with"],
  ["POST /nodes/pve1/qemu/104/migrate", { target: "pve2" }, "GET /cluster/resources with type=vm: node pve2"],
  ["DELETE /nodes/pve1/qemu/104", {}, "GET /nodes/pve1/qemu/104/config: an error that it does not exist"],
  [
    "PUT /nodes/pve1/qemu/101/resize",
    { disk: "scsi0", size: "+1G" },
    "GET /nodes/pve1/qemu/101/config: compare the size of scsi0",
  ],
  ["POST /pools", { poolid: "new" }, "GET /pools, if there is one: what was to be made is listed there"],
  ["DELETE /pools/prod", {}, "GET /pools/prod: if it is gone, it was deleted"],
])("%s %j that got lost names the read that tells", async (line, params, expected) => {
  const lossy = lossyDemo();
  lossy.lose(losesWrites);
  const error = await failureOf(lossy.client({ lookUpMs: 100 }), write(line, params));
  expect(error.sent).toBe("maybe");
  expect(error.hint).toContain(expected);
});

test.each([
  ["a change that waits for two locks, one after the other", config, { description: "late" }],
  ["a task that begins after the search", start, {}],
])("%s is unknown, and takes effect", async (_, line, params) => {
  const lossy = lossyDemo();
  const client = lossy.client({ lookUpMs: 200 });
  await client.request(readConfig);
  lossy.lose((each) => (each === line ? 500 : undefined));
  const error = await failureOf(client, write(line, params));
  expect(error.sent).toBe("maybe");
  expect(lossy.done).toEqual([]);
  await until(() => lossy.done.length > 0);
  expect(lossy.done).toEqual([line]);
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

/** Writes, and what another process with the same token does at the same moment: same guest, same kind of task. */
const lookalikes: [ours: string, params: Params, theirs: string, others: Params, before?: string[]][] = [
  ["POST /nodes/pve1/qemu/104/clone", { newid: 641 }, "POST /nodes/pve1/qemu/104/clone", { newid: 642 }],
  ["POST /nodes/pve1/qemu/101/clone", { newid: 641 }, "POST /nodes/pve1/qemu/101/clone", { newid: 642 }],
  [
    "POST /nodes/pve1/qemu/101/snapshot",
    { snapname: "one" },
    "POST /nodes/pve1/qemu/101/snapshot",
    { snapname: "two" },
  ],
  [
    "DELETE /nodes/pve1/qemu/101/snapshot/before-upgrade",
    {},
    "DELETE /nodes/pve1/qemu/101/snapshot/other",
    {},
    ["POST /nodes/pve1/qemu/101/snapshot?snapname=other"],
  ],
  [
    "POST /nodes/pve1/qemu/101/snapshot/before-upgrade/rollback",
    {},
    "POST /nodes/pve1/qemu/101/snapshot/other/rollback",
    {},
    ["POST /nodes/pve1/qemu/101/snapshot?snapname=other"],
  ],
  [
    "PUT /nodes/pve1/qemu/101/resize",
    { disk: "scsi0", size: "+1G" },
    "PUT /nodes/pve1/qemu/101/resize",
    { disk: "scsi1", size: "+1G" },
  ],
  [
    "PUT /nodes/pve1/qemu/101/resize",
    { disk: "scsi0", size: "+1G" },
    "PUT /nodes/pve1/qemu/101/resize",
    { disk: "scsi0", size: "+2G" },
  ],
  [
    "POST /nodes/pve1/vzdump",
    { vmid: "101,104", storage: "backups" },
    "POST /nodes/pve1/vzdump",
    { vmid: "101,104", storage: "backups", compress: "zstd" },
  ],
  ["POST /nodes/pve1/qemu", { vmid: 900, name: "ours" }, "POST /nodes/pve1/qemu", { vmid: 900, name: "theirs" }],
  ["DELETE /nodes/pve1/qemu/104", { purge: true }, "DELETE /nodes/pve1/qemu/104", {}],
  ["DELETE /nodes/pve1/qemu/104", {}, "DELETE /nodes/pve1/qemu/104", { purge: true }],
];

describe("another process with the same token does alike", () => {
  test.each(lookalikes)("%s %j is not done by %s %j", async (line, params, theirs, others, before = []) => {
    const lossy = lossyDemo();
    for (const step of before) await settled(lossy, step);
    lossy.lose((each) => {
      if (each.startsWith("GET ")) return undefined;
      void demoRequest(lossy, theirs, undefined, others);
      return "request";
    });
    const error = await failureOf(lossy.client({ lookUpMs: 200 }), write(line, params));
    expect(error).toMatchObject({ kind: "unreachable", sent: "maybe" });
    expect(lossy.done).toEqual([]);
  });

  test.each(lookalikes.slice(0, 8))("%s %j is told from %s %j", async (line, params, theirs, others, before = []) => {
    const lossy = lossyDemo();
    for (const step of before) await settled(lossy, step);
    let foreign: unknown;
    lossy.lose((each) => {
      if (each.startsWith("GET ")) return undefined;
      // Long enough after ours that no lock of ours is in the way.
      setTimeout(async () => {
        foreign = await demoRequest(lossy, theirs, undefined, others);
      }, 20);
      return "answer";
    });
    const answer = await lossy.client({ lookUpMs: 200 }).request(write(line, params));
    expect(answer.recovered).toContain(", and it shows what was sent");
    expect(parseUpid(String(foreign))).toBeDefined();
    expect(answer.data).not.toBe(foreign);
  });
});

test("a start is not taken for its own while another process is seen to use the token", async () => {
  const lossy = lossyDemo();
  const client = lossy.client();
  await client.request(readConfig);
  // Start times are whole seconds: only what began in a later one is surely not of before this server.
  await Bun.sleep(2_100);
  await settled(lossy, "POST /nodes/pve1/qemu/100/status/reset");
  lossy.lose(losesAnswers);
  const error = await failureOf(client, write(start));
  expect(error.hint).toMatch(
    /another process uses the token too \(UPID:\S+:qmreset:100:\S+\), .*: UPID:\S+:qmstart:104:/,
  );
  // A task of before this server began may be its predecessor's.
  const next = lossyDemo();
  await settled(next, "POST /nodes/pve1/qemu/100/status/reset");
  next.pass(5_000);
  next.lose(losesAnswers);
  const answer = await next.client().request(write(start));
  expect(answer.recovered).toEndWith(" since it was sent, taken for its own");
});

describe("a task is not taken for a lost write's own", () => {
  /** Somebody else does the same; then a write of ours gets lost on its way. */
  async function outcome(theirs: string, ours: string, apartMs: number, token?: string) {
    const lossy = lossyDemo();
    await settled(lossy, theirs, token);
    lossy.pass(apartMs);
    lossy.lose(losesWrites);
    const error = await failureOf(lossy.client({ lookUpMs: 100 }), write(ours));
    expect(error.sent).toBe("maybe");
    return error.hint ?? "";
  }
  const none = "So far pve1's task log has no qmstart or hastart of 104 by mcp@pve!tok;";

  test("that began before it was sent, by the node's own clock", async () => {
    expect(await outcome(start, start, 3_000)).toContain(none);
  });

  test("that works on another guest, does something else, or was started with another token", async () => {
    expect(await outcome("POST /nodes/pve1/qemu/100/status/start", start, 0)).toContain(none);
    expect(await outcome(stop, start, 0)).toContain(none);
    expect(await outcome(start, start, 0, lossyDemo().demo.tokens["op"])).toContain(none);
  });

  test("that was answered to another request of this server", async () => {
    const lossy = lossyDemo();
    const client = lossy.client({ lookUpMs: 200 });
    await client.request(write(start));
    lossy.lose(losesWrites);
    expect((await failureOf(client, write(start))).hint).toContain(none);
    const next = lossyDemo();
    const other = next.client();
    next.lose(losesAnswers);
    const first = await other.request(write(start));
    expect(parseUpid(String(first.data))?.type).toBe("qmstart");
    next.lose(losesWrites);
    expect((await failureOf(other, write(start))).hint).toContain(none);
  });

  test("that was answered to a client which came after it, when the configuration was read anew", async () => {
    const lossy = lossyDemo();
    const old = lossy.client();
    const next = lossy.client({ writes: old.writes });
    let seen = 0;
    lossy.lose((line) => (line === start && seen++ === 0 ? "request" : undefined));
    const [lost, done] = await Promise.all([failureOf(old, write(start)), next.request(write(start))]);
    expect(parseUpid(String(done.data))?.type).toBe("qmstart");
    expect(lost.hint).toContain(none);
    expect(lossy.done).toEqual([start]);
  });

  test("whose parameters nothing shows: it is named", async () => {
    const lossy = lossyDemo();
    await settled(lossy, start);
    lossy.lose(losesAnswers);
    const error = await failureOf(
      lossy.client(),
      write("POST /nodes/pve1/qemu/104/status/shutdown", { forceStop: true }),
    );
    expect(error.sent).toBe("maybe");
    expect(error.hint).toMatch(
      /A task fits, but does not show all that was sent, and may be of another process .*: UPID:pve1:\S+:qmshutdown:104:/,
    );
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
      /Several tasks fit, and it cannot be told which is its own: (UPID:\S+:), (UPID:\S+:)\./.exec(error.hint ?? "") ??
      [];
    expect(new Set(named).size).toBe(2);
  });
});

test("a token that may not read the node's clock goes by the date of the answers", async () => {
  const lossy = lossyDemo();
  const token = lossy.demo.tokens["op"] ?? "";
  const client = lossy.client({ token });
  await client.request(write("GET /version"));
  lossy.lose(losesAnswers);
  const answer = await client.request(write(start));
  expect(parseUpid(String(answer.data))).toMatchObject({ type: "qmstart", user: "operator@pve!tok" });
  // With clocks that may be apart, a task of a moment ago may be another's.
  await settled(lossy, stop, token);
  lossy.pass(2_000);
  lossy.lose(losesWrites);
  const next = lossy.client({ token });
  await next.request(write("GET /version"));
  const near = await failureOf(next, write(stop));
  expect(near.hint).toMatch(/may have begun before it was sent: the token may not read .*: UPID:pve1:.*:qmstop:104:/);
  lossy.pass(20_000);
  const last = lossy.client({ token, lookUpMs: 100 });
  await last.request(write("GET /version"));
  const none = await failureOf(last, write(stop));
  expect(none.hint).toContain("So far pve1's task log has no qmstop or hastop of 104 by operator@pve!tok;");
});

test("a token that may not read the node's clock, and read nothing before, dates no task", async () => {
  const lossy = lossyDemo();
  lossy.lose(losesAnswers);
  const error = await failureOf(lossy.client({ token: lossy.demo.tokens["op"] ?? "" }), write(start));
  expect(error.hint).toMatch(/The clocks of the cluster were set .*, or cannot be read, .* UPID:pve1:.*:qmstart:104:/);
});

describe("clocks that are set", () => {
  const hour = 3_600_000;

  test("a task from the future is not taken for its own", async () => {
    const lossy = lossyDemo();
    const client = lossy.client({ lookUpMs: 100 });
    lossy.step(hour);
    await settled(lossy, start);
    lossy.step(-hour);
    await client.request(readConfig);
    lossy.lose(losesWrites);
    expect((await failureOf(client, write(start))).sent).toBe("maybe");
  });

  test.each([hour, -hour])("a step of %i ms between a write and the search leaves it unknown", async (ms) => {
    const lossy = lossyDemo();
    lossy.lose((line) => {
      if (line === start) setTimeout(() => lossy.step(ms), 20);
      return line === start ? "answer" : undefined;
    });
    expect((await failureOf(lossy.client(), write(start))).sent).toBe("maybe");
    expect(lossy.done).toEqual([start]);
  });

  test.each([
    ["by the time since boot", false],
    ["by the date of an earlier answer", true],
  ])("an old task that a step moves into the time in question is not taken for its own, %s", async (_, hasRead) => {
    const lossy = lossyDemo();
    await settled(lossy, start);
    lossy.pass(hour);
    const client = lossy.client({ lookUpMs: 200 });
    if (hasRead) await client.request(readConfig);
    lossy.lose((line) => {
      if (line === start) lossy.step(-hour);
      return line === start ? "request" : undefined;
    });
    const error = await failureOf(client, write(start));
    expect(error.sent).toBe("maybe");
    expect(error.hint).toContain("The clocks of the cluster were set since it was sent, or cannot be read");
    expect(lossy.done).toEqual([]);
  });
});

describe("a change of values", () => {
  test("is done when all of them can be read again, deleted ones too, and could not before", async () => {
    const lossy = lossyDemo();
    const client = lossy.client();
    await client.request(readConfig);
    lossy.lose(losesAnswers);
    const params = { description: "new", cores: 2, onboot: true, tags: ["b", "a"].join(","), delete: ["boot"] };
    const answer = await client.request(write(config, params));
    expect(answer).toMatchObject({
      data: null,
      recovered: expect.stringContaining("shows all that was sent, and did not before"),
    });
    expect(lossy.done).toEqual([config]);
  });

  test("is done when Proxmox completed what was sent", async () => {
    const lossy = lossyDemo();
    const client = lossy.client();
    await client.request(readConfig);
    lossy.lose(losesAnswers);
    const answer = await client.request(write(config, { net1: "virtio,bridge=vmbr0" }));
    expect(answer.recovered).toContain("shows all that was sent, and did not before");
  });

  test("is done when the cluster log has it, whatever was there before", async () => {
    const lossy = lossyDemo();
    const client = lossy.client();
    await client.request(write("GET /version"));
    lossy.lose(losesAnswers);
    const answer = await client.request(write(config, { description: "new", cores: 2 }));
    expect(answer.recovered).toContain(
      "the cluster log has this change since it was sent, and GET /nodes/pve1/qemu/104/config shows it",
    );
  });

  test("is unknown, and no fault of this server, when the cluster log cannot be understood", async () => {
    await using server = await startRawServer((socket, request) => {
      if (request.method !== "GET") return socket.destroy();
      // Number() of such an object throws.
      const entry = { node: "pve1", user: "mcp@pve!agent", msg: "update", pid: 1, time: { toString: 1, valueOf: 1 } };
      const data = request.target.includes("/cluster/log") ? [entry] : { cores: 2 };
      return reply(200, "OK", JSON.stringify({ data }), { date: new Date().toUTCString() })(socket, request);
    });
    const client = new ProxmoxClient(clusterAt([server.url]), { lookUpMs: 100 });
    await client.request(write("GET /version"));
    const error = await failureOf(client, write(config, { cores: 2 }));
    expect(error.sent).toBe("maybe");
    expect(error.hint).toContain("then GET /nodes/pve1/qemu/104/config: the values of cores as sent mean done.");
    expect(server.requests.some(({ target }) => target.includes("/cluster/log"))).toBe(true);
  });

  test("is not done by values that were there before", async () => {
    const lossy = lossyDemo();
    const client = lossy.client({ lookUpMs: 100 });
    await demoRequest(lossy, config, undefined, { description: "same" });
    lossy.pass(10_000);
    lossy.lose(losesWrites);
    const unread = await failureOf(client, write(config, { description: "same" }));
    expect(unread.hint).toContain("shows all that was sent, but may have done so before");
    const other = lossy.client({ lookUpMs: 100 });
    await other.request(readConfig);
    const read = await failureOf(other, write(config, { description: "same" }));
    expect(read.hint).toContain("shows all that was sent, and did so before: nothing needs to be sent again for that");
  });

  test("is not done by another request of this server that set the same", async () => {
    const lossy = lossyDemo();
    const client = lossy.client({ lookUpMs: 150 });
    await client.request(readConfig);
    let seen = 0;
    lossy.lose((line) => (line === config && seen++ === 0 ? "request" : undefined));
    const error = failureOf(client, write(config, { description: "twin" }));
    await client.request(write(config, { description: "twin", cores: 2 }));
    expect((await error).hint).toContain("shows all that was sent, but another request of this server set the same.");
  });

  test("is unknown at once when part of it can never be read", async () => {
    const lossy = lossyDemo();
    const client = lossy.client({ lookUpMs: 60_000 });
    await client.request(readConfig);
    lossy.lose(losesAnswers);
    const error = await failureOf(client, write(config, { revert: "cores" }));
    expect(error.hint).toContain("does not show all that was sent, and never will: part of it cannot be read.");
  });

  test("is never done by what was read while it was under way", async () => {
    const lossy = lossyDemo();
    const client = lossy.client({ lookUpMs: 100 });
    lossy.lose((line) => {
      if (line === config) setTimeout(() => void client.request(readConfig), 10);
      return line === config ? "request" : undefined;
    });
    const error = await failureOf(client, write(config, { description: "new" }));
    expect(error.sent).toBe("maybe");
    expect(lossy.done).toEqual([]);
  });
});

test.each([
  [500, "can't lock file '/var/log/pve/tasks/.active.lock' - got timeout"],
  [599, "Garbled response headers"],
])("Proxmox's %i %s does not say that nothing was done", async (status, text) => {
  await using server = await startRawServer((socket, request) => {
    reply(request.method === "GET" ? 500 : status, text, "")(socket, request);
  });
  const client = new ProxmoxClient(clusterAt([server.url]), { lookUpMs: 0 });
  expect((await failureOf(client, write(start))).sent).toBe("maybe");
  const other = "can't lock file '/var/lock/qemu-server/lock-104.conf' - got timeout";
  await using refusing = await startRawServer(reply(500, other, ""));
  const refused = await failureOf(new ProxmoxClient(clusterAt([refusing.url]), { lookUpMs: 0 }), write(start));
  expect(refused.sent).toBe("answered");
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

async function demoRequest(
  { demo }: LossyDemo,
  line: string,
  token = demo.tokens["admin"],
  params: Params = {},
): Promise<unknown> {
  const [method = "", path = ""] = line.split(" ");
  const headers = { authorization: `PVEAPIToken=${token}` };
  const query = encodeParams(params);
  const url = `http://demo/api2/json${path}${query === "" ? "" : `?${query}`}`;
  const response = await demo.fetch(new Request(url, { method, headers }));
  if (response.status !== 200) throw new Error(`${line}: ${response.status}`);
  return ((await response.json()) as { data: unknown }).data;
}
