import { expect, test } from "bun:test";
import { SdkError, SdkErrorCode } from "@modelcontextprotocol/server";
import { RunningCalls } from "../../src/mcp/running-calls.ts";
import { local } from "../../src/policy/callers/caller.ts";
import { Cancellation } from "../../src/proxmox/cancellation.ts";

test("a call that uses a cluster only after it was removed ends then", async () => {
  const calls = new RunningCalls();
  const { promise, resolve } = Promise.withResolvers<void>();
  const call = calls.run(local, new AbortController().signal, async ({ use, signal }) => {
    use("kept");
    await promise;
    use("kept");
    expect(signal.aborted).toBe(false);
    use("gone");
  });
  const removed = (_: unknown, clusters: Iterable<string>) =>
    [...clusters].includes("gone") ? "gone is gone" : undefined;
  expect(calls.cancel(removed)).toBe(0);
  resolve();
  await expect(call).rejects.toThrow(new Cancellation("gone is gone"));
});

test("a connection that ends while the server stops does not end its calls; a cancellation does", async () => {
  const calls = new RunningCalls();
  const clients = [new AbortController(), new AbortController()];
  const signals: AbortSignal[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const running = clients.map((client) =>
    calls.run(local, client.signal, async ({ signal }) => {
      signals.push(signal);
      await promise;
    }),
  );
  calls.stop();
  clients[0]?.abort(new SdkError(SdkErrorCode.ConnectionClosed, "Connection closed"));
  clients[1]?.abort("enough");
  expect(signals.map(({ aborted }) => aborted)).toEqual([false, true]);
  expect(calls.size).toBe(2);
  resolve();
  await Promise.all(running);
  await calls.settled();
  expect(calls.size).toBe(0);
});
