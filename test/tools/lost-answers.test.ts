import { afterAll, beforeAll, expect, test } from "bun:test";
import { httpClient, type McpClient } from "../support/clients.ts";
import { type Fleet, startFleet } from "../support/fleet.ts";

let fleet: Fleet;
let client: McpClient;

beforeAll(async () => {
  // The nodes' clocks are a day behind this machine's, and no answer to a write arrives.
  fleet = await startFleet({
    now: () => Date.now() - 86_400_000,
    taskMs: 50,
    around: async (request, answer) => {
      const answered = await answer(request);
      if (request.method !== "GET") throw new Error("the connection broke");
      return answered;
    },
  });
  client = await httpClient(fleet.product);
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await fleet[Symbol.asyncDispose]();
});

const lost =
  /\[the answer was lost \(\S+ closed the connection without an answer\), but it was done: pve1's task log has one qmst\w+ of 104 by mcp@pve!tok since it was sent, taken for its own\]$/m;

test("a button whose answer was lost is pressed once, and its task is waited for", async () => {
  const started = await client.call("guest_power", { cluster: "alpha", guest: "104", action: "start" });
  expect(started.isError).toBe(false);
  expect(started.text).toStartWith(
    "104 (pending-vm, VM on pve1 of alpha) is running now.\nqmstart of 104 on pve1 (alpha) ended OK",
  );
  expect(started.text).toMatch(lost);
  const path = "/nodes/pve1/qemu/104/status/stop";
  const stopped = await client.call("proxmox_api_call", { cluster: "alpha", method: "POST", path });
  expect(stopped.isError).toBe(false);
  expect(stopped.text).toStartWith("qmstop of 104 on pve1 (alpha) ended OK");
  expect(stopped.text).toMatch(lost);
  expect(fleet.alpha.writes()).toBe(2);
});

test("a change whose answer was lost is told to be done", async () => {
  const change = { cluster: "alpha", method: "PUT", path: "/nodes/pve1/qemu/104/config", data: { description: "new" } };
  const { text, isError } = await client.call("proxmox_api_call", change);
  expect(isError).toBe(false);
  expect(JSON.parse(text)).toMatchObject({ data: null, note: expect.stringContaining("but it was done") });
});
