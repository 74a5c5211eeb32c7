import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ProxmoxError } from "../../../src/proxmox/errors/proxmox-error.ts";
import {
  decisiveLines,
  explainTask,
  readLog,
  resultOf,
  type Send,
  TaskError,
  type TaskId,
} from "../../../src/proxmox/tasks/task.ts";
import { parseUpid } from "../../../src/proxmox/tasks/upid.ts";
import { waitForTask } from "../../../src/proxmox/tasks/wait-for-task.ts";

const upid = "UPID:pve1:000001CC:0006EAA0:6B02C95E:qmstart:100:mcp@pve!tok:";
const task: TaskId = { upid, ...(parseUpid(upid) as Omit<TaskId, "upid">) };
const signal = new AbortController().signal;

/** Answers one after the other, the last one over and over; an error is thrown. */
function answers(...data: unknown[]): { send: Send; asked: () => number } {
  let asked = 0;
  const send: Send = async ({ path }) => {
    if (path.at(-1) === "log") return { data: [], total: 0 };
    const next = data[Math.min(asked, data.length - 1)];
    asked += 1;
    if (next instanceof Error) throw next;
    return { data: next };
  };
  return { send, asked: () => asked };
}

const attempted = { method: "GET", path: "/nodes/pve1/tasks", cluster: "alpha" };
const running = { status: "running" };
const offline = new ProxmoxError(attempted, { kind: "node-offline", sent: "answered", what: "595, pve1 is off" });
const unknown = new ProxmoxError(attempted, {
  kind: "not-found",
  sent: "answered",
  what: "400, this node knows no such task",
  details: { subject: { type: "task", id: upid } },
});

describe("waiting", () => {
  const wait = (send: Send, timeoutMs = 2000) => waitForTask(send, task, { signal, timeoutMs });

  test("ends when the task does, and tells how", async () => {
    const ok = answers(running, running, { status: "stopped", exitstatus: "OK" });
    expect(await wait(ok.send)).toEqual({ running: false, exitstatus: "OK", result: "ok", seenRunning: true });
    const failed = answers({ status: "stopped", exitstatus: "VM 100 already running" });
    expect(await wait(failed.send)).toMatchObject({ result: "failed", seenRunning: false });
    const mute = answers({ status: "stopped" });
    expect(await wait(mute.send)).toMatchObject({ exitstatus: "unexpected status", result: "failed" });
  });

  test("goes on while the task's node is offline, and is told the end when it comes back", async () => {
    const { send } = answers(running, offline, offline, { status: "stopped", exitstatus: "OK" });
    expect(await wait(send)).toMatchObject({ running: false, result: "ok" });
  });

  test("says at the deadline that the node does not answer", async () => {
    const { send, asked } = answers(running, offline);
    expect(await wait(send, 500)).toEqual({ running: true, trouble: offline });
    expect(asked()).toBeGreaterThan(2);
  });

  test("looks again at the deadline itself, and ever more seldom before it", async () => {
    const { send, asked } = answers(running);
    const began = performance.now();
    expect(await wait(send, 1000)).toEqual({ running: true });
    expect(performance.now() - began).toBeWithin(990, 1500);
    expect(asked()).toBeWithin(4, 7);
  });

  test("with no time at all is one look", async () => {
    const { send, asked } = answers(running);
    expect(await wait(send, 0)).toEqual({ running: true });
    expect(asked()).toBe(1);
  });

  test("tells a task that vanished from one that never was", async () => {
    expect(await wait(answers(running, unknown).send)).toEqual({ running: "vanished" });
    await expect(wait(answers(unknown).send)).rejects.toBe(unknown);
  });

  test("ends at once when it is aborted", async () => {
    const { send, asked } = answers(running);
    const controller = new AbortController();
    const waiting = waitForTask(send, task, { signal: controller.signal, timeoutMs: 60_000 });
    setTimeout(() => controller.abort(new Error("enough")), 50);
    await expect(waiting).rejects.toThrow();
    const before = asked();
    await Bun.sleep(300);
    expect(asked()).toBe(before);
  });

  test.each([null, "x", [], { status: "stopping" }])("refuses an answer that is no task's state: %p", async (data) => {
    await expect(wait(answers(data).send)).rejects.toThrow(TaskError);
  });
});

describe("a task's log", () => {
  const logOf = (lines: readonly string[]): Send => {
    return async ({ params = {} }) => {
      const start = Number(params["start"]);
      const rows = lines.map((t, index) => ({ n: index + 1, t })).slice(start, start + Number(params["limit"]));
      return { data: rows, total: lines.length };
    };
  };

  test("gives its last lines, however long it is and whatever was known of it", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(60), fc.integer({ min: 1, max: 20 }), fc.nat(60), async (length, last, seen) => {
        const lines = Array.from({ length }, (_, index) => `line ${index}`);
        const known = Math.min(seen, length);
        const log = await readLog(logOf(lines), task, last, { known, signal });
        expect(log).toEqual({ lines: lines.slice(-last), total: length });
      }),
    );
  });

  test("is empty where Proxmox says that it is", async () => {
    const send: Send = async () => ({ data: [{ n: 1, t: "no content" }], total: 1 });
    expect(await readLog(send, task, 5, { signal })).toEqual({ lines: [], total: 0 });
  });

  test("of a failed backup comes down to the lines that tell why", () => {
    const lines = [
      "INFO: starting new backup job: vzdump 100 101 --mode snapshot",
      "INFO: Starting Backup of VM 101 (qemu)",
      "INFO: 25% of data transferred",
      "ERROR: Backup of VM 101 failed - no space left on device",
      "INFO: Starting Backup of VM 102 (qemu)",
      "INFO: Finished Backup of VM 102 (00:00:02)",
      "INFO: Backup job finished with errors",
      "TASK ERROR: job errors",
    ];
    expect(decisiveLines(lines)).toEqual([
      "ERROR: Backup of VM 101 failed - no space left on device",
      "INFO: Backup job finished with errors",
      "TASK ERROR: job errors",
    ]);
  });

  test("without a word of trouble gives its last lines, and all behind TASK ERROR", () => {
    expect(decisiveLines(["a", "b", "", "c", "d", "TASK ERROR: first", "second"])).toEqual([
      "b",
      "c",
      "d",
      "TASK ERROR: first",
      "second",
    ]);
    expect(decisiveLines([])).toEqual([]);
  });

  test("never comes down to more than it holds, in another order, or without its last word", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom<string>("ok", "failed", "", "TASK ERROR: x", "TASK OK")), (lines) => {
        const found = decisiveLines(lines, 4);
        expect(found.length).toBeLessThanOrEqual(8);
        let at = -1;
        for (const line of found) {
          at = lines.indexOf(line, at + 1);
          expect(at).toBeGreaterThanOrEqual(0);
        }
        if (lines.at(-1)?.startsWith("TASK")) expect(found).toContain(lines.at(-1) as string);
      }),
    );
  });
});

test("an exitstatus is OK, a number of warnings, or a failure", () => {
  expect(["OK", "WARNINGS: 3", "WARNINGS: x", "ok", "", "unexpected status"].map(resultOf)).toEqual([
    "ok",
    "warnings",
    ...Array(4).fill("failed"),
  ]);
});

test("a task's reason is read as the same words of an answer are", () => {
  expect(explainTask(task, "VM is locked (backup)")).toMatchObject({ kind: "locked" });
  expect(explainTask(task, "VM is locked (backup)").hint).toContain("GET /nodes/pve1/tasks with source=active");
  for (const text of [
    "Configuration file 'nodes/pve1/qemu-server/100.conf' does not exist",
    "unable to find configuration file for VM 100 on node 'pve1'",
  ]) {
    expect(explainTask(task, text)).toMatchObject({ kind: "not-found", details: { subject: { type: "guest" } } });
  }
  expect(explainTask(task, "VM quit/powerdown failed - got timeout").hint).toContain("guest agent");
  expect(explainTask(task, "unexpected status").hint).toContain("without saying how");
  expect(explainTask(task, "anything else")).toEqual({ kind: "failed" });
});
