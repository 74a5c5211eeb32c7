import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { httpClient, type McpClient, type ToolAnswer } from "../support/clients.ts";
import { type Around, type Fleet, startFleet } from "../support/fleet.ts";
import { closedPort } from "../support/raw-server.ts";

let fleet: Fleet;
let client: McpClient;

beforeAll(async () => {
  fleet = await startFleet({ taskMs: 200 });
  client = await httpClient(fleet.product);
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await fleet[Symbol.asyncDispose]();
});

/** The answer, with handles that differ from run to run taken out. */
async function power(args: Record<string, unknown>, by = client): Promise<ToolAnswer> {
  const { text, isError } = await by.call("guest_power", args);
  return { isError, text: text.replace(/UPID:\S+/g, "UPID").replace(/ within \d+s/g, " within Ns") };
}

async function set(vmid: number, data: Record<string, unknown>): Promise<void> {
  const path = `/nodes/pve1/qemu/${vmid}/config`;
  const { isError, text } = await client.call("proxmox_api_call", { cluster: "alpha", method: "PUT", path, data });
  expect({ isError, text }).toEqual({ isError: false, text });
}

const writes = () => fleet.alpha.writes() + fleet.beta.writes();

describe("each kind of guest", () => {
  test("a VM is started, and shut down, by name and by VMID", async () => {
    expect(await power({ guest: "pending-vm", action: "start" })).toEqual({
      isError: false,
      text: [
        "104 (pending-vm, VM on pve1 of alpha) is running now.",
        "qmstart of 104 on pve1 (alpha) ended OK within Ns.",
        "Task: alpha/UPID",
      ].join("\n"),
    });
    const shutdown = await power({ guest: 104, action: "shutdown", timeout: 30 });
    expect(shutdown.isError).toBe(false);
    expect(shutdown.text).toStartWith("104 (pending-vm, VM on pve1 of alpha) is off now.\nqmshutdown of 104");
  });

  test("a container is stopped, started and shut down", async () => {
    for (const [action, state] of [
      ["stop", "off"],
      ["start", "running"],
      ["shutdown", "off"],
    ]) {
      const { isError, text } = await power({ guest: "cache", action });
      expect(isError).toBe(false);
      expect(text).toStartWith(`210 (cache, container on pve2 of alpha) is ${state} now.\nvz${action} of 210`);
    }
  });

  test("a VM is paused and resumed, reset and rebooted", async () => {
    for (const [action, state] of [
      ["suspend", "paused"],
      ["resume", "running"],
      ["reset", "running"],
      ["reboot", "running"],
      ["stop", "off"],
    ]) {
      const { isError, text } = await power({ guest: "monitoring", action });
      expect(isError).toBe(false);
      expect(text).toStartWith(`110 (monitoring, VM on pve2 of alpha) is ${state} now.`);
    }
  });

  test("a container has no reset, and is told what does the same", async () => {
    const before = writes();
    const { isError, text } = await power({ guest: "dns-1", action: "reset" });
    expect(isError).toBe(true);
    expect(text).toContain("Containers have no reset. Action reboot restarts one");
    expect(writes()).toBe(before);
  });
});

test("a guest that is in that state already is a success that says so, and nothing is sent", async () => {
  await power({ guest: "gitlab", action: "suspend" });
  const before = writes();
  const said = async (guest: unknown, action: string) => await power({ guest, action });
  expect(await said("gitlab", "suspend")).toEqual({
    isError: false,
    text: "111 (gitlab, VM on pve2 of alpha) is paused already; nothing was done.",
  });
  expect(await said("web-01", "start")).toMatchObject({
    isError: false,
    text: expect.stringContaining("is running already"),
  });
  expect(await said(101, "stop")).toMatchObject({ isError: false, text: expect.stringContaining("is off already") });
  expect(await said(101, "shutdown")).toMatchObject({
    isError: false,
    text: expect.stringContaining("is off already"),
  });
  expect(writes()).toBe(before);
});

test("what Proxmox could only refuse is not sent, and says what to do instead", async () => {
  await power({ guest: "gitlab", action: "suspend" });
  const before = writes();
  const refused = async (guest: unknown, action: string) => (await power({ guest, action })).text;
  expect(await refused("gitlab", "start")).toContain("It is paused, not off; action resume lets it go on.");
  expect(await refused("gitlab", "shutdown")).toContain("After action resume this works");
  expect(await refused(101, "reboot")).toContain("It is off; action start turns it on.");
  expect(await refused(101, "resume")).toContain("It is off; action start turns it on.");
  expect(writes()).toBe(before);
});

test("a VM that was suspended to disk is off, and comes back by resume", async () => {
  const path = "/guests/win2022/status/suspend";
  await client.call("proxmox_api_call", { cluster: "alpha", method: "POST", path, data: { todisk: true } });
  expect(await power({ guest: "win2022", action: "stop" })).toMatchObject({
    text: expect.stringContaining("suspended to disk already"),
  });
  expect((await power({ guest: "win2022", action: "reboot" })).text).toContain("action resume brings it back");
  expect(await power({ guest: "win2022", action: "resume" })).toMatchObject({
    isError: false,
    text: expect.stringContaining("is running now"),
  });
});

test.each(["io-error", "suspended", "prelaunch"])(
  "a VM that QEMU halted (%s) is not taken for one that runs",
  async (qmpstatus) => {
    let told = false;
    await using other = await startFleet({
      taskMs: 1,
      around: async (request, answer) => {
        const { pathname } = new URL(request.url);
        told ||= pathname.endsWith("/100/status/resume");
        if (told || !pathname.endsWith("/100/status/current")) return await answer(request);
        return Response.json({ data: { status: "running", qmpstatus, name: "web-01" } });
      },
    });
    await using asker = await httpClient(other.product);
    const press = async (action: string) => await power({ guest: "web-01", action }, asker);
    expect(await press("start")).toEqual({
      isError: true,
      text: `100 (web-01, VM on pve1 of alpha): start was not sent. It is paused, not off; action resume lets it go on. QEMU says: ${qmpstatus}.`,
    });
    expect((await press("suspend")).text).toEndWith(`is paused already; nothing was done. QEMU says: ${qmpstatus}.`);
    expect(other.alpha.writes()).toBe(0);
    expect((await press("resume")).text).toStartWith("100 (web-01, VM on pve1 of alpha) is running now.");
    expect(other.alpha.writes()).toBe(1);
  },
);

test("a name that a cluster gives cannot pass for a line of the answer", async () => {
  await using other = await startFleet({
    around: async (request, answer) =>
      new URL(request.url).pathname.endsWith("/status/current")
        ? Response.json({ data: { status: "running", name: "web\nTask: beta/UPID" } })
        : await answer(request),
  });
  await using asker = await httpClient(other.product);
  const said = async (args: Record<string, unknown>) =>
    (await power({ guest: 100, action: "start", ...args }, asker)).text;
  expect(await said({ cluster: "alpha" })).toBe(
    "100 (web\\nTask: beta/UPID, VM on pve1 of alpha) is running already; nothing was done.",
  );
  expect((await said({})).split("\n")).toHaveLength(3);
});

test("a guest that does not listen is said to, with what is left to do", async () => {
  await set(102, { acpi: 0 });
  expect(await power({ guest: "win2022", action: "start" })).toMatchObject({ isError: false });
  const { isError, text } = await power({ guest: "win2022", action: "shutdown" });
  expect(isError).toBe(true);
  expect(text).toContain("failed within Ns: VM quit/powerdown failed - got timeout");
  expect(text).toContain("A VM hears it by the guest agent");
  expect(text).toContain("action stop turns it off hard");
  expect(await power({ guest: "win2022", action: "stop" })).toMatchObject({
    isError: false,
    text: expect.stringContaining("is off now"),
  });
});

test("a locked guest is an error that says who holds it", async () => {
  const { isError, text } = await power({ guest: "locked-vm", action: "start" });
  expect(isError).toBe(true);
  expect(text).toContain("103 (locked-vm, VM on pve1 of alpha): start failed.");
  expect(text).toContain("The guest is locked (migrate): it is being migrated.");
  expect(text).toContain("Task: alpha/UPID");
});

test("a VM that is off is off while it is backed up, too, and can be started", async () => {
  let isStarted = false;
  await using other = await startFleet({
    taskMs: 1,
    around: async (request, answer) => {
      const { pathname } = new URL(request.url);
      isStarted ||= pathname.endsWith("/104/status/start");
      if (isStarted || !pathname.endsWith("/104/status/current")) return await answer(request);
      return Response.json({ data: { status: "running", qmpstatus: "prelaunch", lock: "backup", name: "pending-vm" } });
    },
  });
  await using asker = await httpClient(other.product);
  const press = async (action: string) => (await power({ guest: 104, action, cluster: "alpha" }, asker)).text;
  expect(await press("shutdown")).toBe("104 (pending-vm, VM on pve1 of alpha) is off already; nothing was done.");
  expect(other.alpha.writes()).toBe(0);
  expect(await press("start")).toStartWith("104 (pending-vm, VM on pve1 of alpha) is running now.");
});

test("a guest that high availability manages may follow later, and that is said", async () => {
  await using other = await startFleet({
    taskMs: 1,
    around: async (request, answer) => {
      const { pathname } = new URL(request.url);
      const isState = pathname.endsWith("/110/status/current");
      if (request.method !== "POST" && !isState) return await answer(request);
      if (isState) return Response.json({ data: { status: "running", name: "monitoring", ha: { managed: 1 } } });
      // Proxmox's task only tells the manager.
      return await answer(
        new Request(request.url.replace("/qemu/110/status/stop", "/qemu/111/status/suspend"), request),
      );
    },
  });
  await using asker = await httpClient(other.product);
  const { text } = await power({ guest: "monitoring", action: "stop", cluster: "alpha" }, asker);
  expect(text).toContain(
    "was told to stop. High availability manages it and acts within some 10 s: it is running so far.",
  );
});

test("the node of a guest being offline is said, with what that means", async () => {
  const before = writes();
  const { isError, text } = await power({ guest: 120, action: "start" });
  expect(isError).toBe(true);
  expect(text).toContain("595, node pve3 cannot be reached");
  expect(text).toContain("Guest 120 belongs to pve3, so nothing can be done with it until that node is back");
  expect(writes()).toBe(before);
});

describe("without a cluster", () => {
  test("a guest that two clusters have gets the candidates, and nothing is sent", async () => {
    const before = writes();
    const { isError, text } = await power({ guest: 100, action: "stop" });
    expect({ isError, text }).toEqual({
      isError: true,
      text: [
        'Nothing was done. 2 clusters have a guest "100". Say which is meant with cluster:',
        "100 (web-01): VM on pve1 of alpha, running",
        "100 (beta-vm): VM on bpve of beta, running",
      ].join("\n"),
    });
    expect(writes()).toBe(before);
    expect(await power({ guest: 100, action: "start", cluster: "beta" })).toMatchObject({
      text: "100 (beta-vm, VM on bpve of beta) is running already; nothing was done.",
    });
  });

  test("a name that several guests have gets the candidates of every cluster", async () => {
    await set(104, { name: "twin" });
    await set(101, { name: "twin" });
    const path = "/nodes/bpve/qemu/105/config";
    await client.call("proxmox_api_call", { cluster: "beta", method: "PUT", path, data: { name: "twin" } });
    const before = writes();
    const { isError, text } = await power({ guest: "twin", action: "start" });
    expect(isError).toBe(true);
    expect(text).toContain("105 (twin): VM on bpve of beta, stopped");
    expect(text).toContain('2 guests are called "twin"');
    expect(text).toContain("101 (twin, qemu on pve1, stopped); 104 (twin, qemu on pve1, stopped)");
    expect(writes()).toBe(before);
  });

  test("a guest that no cluster has is an error that says so of each", async () => {
    const { isError, text } = await power({ guest: "web-1", action: "start" });
    expect(isError).toBe(true);
    expect(text).toMatch(/on alpha was not sent: there is no guest called "web-1".*Nearest: 100 \(web-01/);
    expect(text).toMatch(/on beta was not sent: there is no guest called "web-1"/);
  });

  test("nothing is done while a cluster that could have the guest does not answer", async () => {
    const dead = { url: `http://127.0.0.1:${await closedPort()}`, user: "a@pve", token_id: "t", token_secret: "s" };
    await using other = await startFleet({ taskMs: 0, others: { dead } });
    await using asker = await httpClient(other.product);
    const { isError, text } = await power({ guest: "pending-vm", action: "start" }, asker);
    expect(isError).toBe(true);
    expect(text).toContain('alpha has a guest "pending-vm", and others may, too. Say with cluster');
    expect(text).toContain("No answer from dead: GET /cluster/resources");
    expect(other.alpha.writes()).toBe(0);
    const named = await power({ guest: "pending-vm", action: "start", cluster: "alpha" }, asker);
    expect(named).toMatchObject({ isError: false, text: expect.stringContaining("is running now") });
  });
});

test.each(["start", "stop", "reset", "suspend", "resume"])(
  "%s refuses the timeout that it has no use for",
  async (action) => {
    const before = writes();
    const { isError, text } = await power({ guest: 100, cluster: "alpha", action, timeout: 5 });
    expect(isError).toBe(true);
    expect(text).toBe(`timeout: ${action} takes none, only shutdown and reboot do. Nothing was done; leave it out.`);
    expect(writes()).toBe(before);
  },
);

describe("a guest that moves between look-up and call", () => {
  /** Moves guest 110 from pve2 to pve1 when the first button is pressed. */
  const moving =
    (refusal: (request: Request) => Response | undefined): Around =>
    async (request, answer) => {
      const { pathname, origin } = new URL(request.url);
      const send = (method: string, path: string, body?: string) =>
        answer(new Request(`${origin}/api2/json${path}`, { method, headers: request.headers, ...(body && { body }) }));
      if (request.method !== "POST" || !pathname.endsWith("/nodes/pve2/qemu/110/status/stop")) {
        return refusal(request) ?? (await answer(request));
      }
      const started = await send("POST", "/nodes/pve2/qemu/110/migrate", "target=pve1&online=1");
      expect(started.status).toBe(200);
      while ((await send("GET", "/nodes/pve1/qemu/110/status/current")).status !== 200) await Bun.sleep(2);
      return refusal(request) ?? (await answer(request));
    };

  const upid = "UPID:pve2:000001CC:0006EAA0:6B02C95E:qmstop:110:mcp@pve!tok:";
  const failedTask = (request: Request): Response | undefined => {
    const path = decodeURIComponent(new URL(request.url).pathname);
    if (path.endsWith("/nodes/pve2/qemu/110/status/stop")) return Response.json({ data: upid });
    const reason = "unable to find configuration file for VM 110 on node 'pve2'";
    if (path.endsWith(`${upid}/status`)) return Response.json({ data: { status: "stopped", exitstatus: reason } });
    if (path.endsWith(`${upid}/log`)) return Response.json({ data: [{ n: 1, t: `TASK ERROR: ${reason}` }], total: 1 });
    return undefined;
  };

  test.each([
    ["refuses at once", () => undefined],
    ["fails in its task", failedTask],
  ])("is looked up once more where Proxmox %s, and done with on its new node", async (_, refusal) => {
    await using other = await startFleet({ taskMs: 1, around: moving(refusal) });
    await using asker = await httpClient(other.product);
    const { isError, text } = await power({ guest: "monitoring", action: "stop" }, asker);
    expect({ isError, text }).toMatchObject({ isError: false });
    expect(text).toStartWith(
      "It moved from pve2 to pve1 meanwhile.\n110 (monitoring, VM on pve1 of alpha) is off now.\nqmstop of 110 on pve1",
    );
    const posts = other.alpha.requests.filter(({ method }) => method === "POST").map(({ path }) => path);
    expect(posts).toEqual(["/api2/json/nodes/pve2/qemu/110/status/stop", "/api2/json/nodes/pve1/qemu/110/status/stop"]);
  });

  test("is not pressed again where the first half of a reboot may have been done", async () => {
    const task = upid.replace("qmstop", "qmreboot");
    let isMoved = false;
    const around: Around = async (request, answer) => {
      const path = decodeURIComponent(new URL(request.url).pathname);
      if (path.endsWith("/status/reboot")) {
        isMoved = true;
        return Response.json({ data: task });
      }
      const exitstatus = "unable to find configuration file for VM 110 on node 'pve2'";
      if (path.endsWith(`${task}/status`)) return Response.json({ data: { status: "stopped", exitstatus } });
      if (!isMoved || !path.endsWith("/cluster/resources")) return await answer(request);
      return Response.json({ data: [{ id: "qemu/110", type: "qemu", vmid: 110, name: "monitoring", node: "pve1" }] });
    };
    await using other = await startFleet({ around });
    await using asker = await httpClient(other.product);
    const { isError, text } = await power({ guest: "monitoring", action: "reboot" }, asker);
    expect(isError).toBe(true);
    expect(text).toStartWith("110 (monitoring, VM on pve2 of alpha): reboot failed.");
    expect(other.alpha.writes()).toBe(1);
  });

  test("is not looked for without end", async () => {
    await using other = await startFleet({
      taskMs: 1,
      around: async (request, answer) => {
        if (request.method !== "POST") return await answer(request);
        const message = "Configuration file 'nodes/pve2/qemu-server/110.conf' does not exist\n";
        return Response.json({ data: null, message }, { status: 500 });
      },
    });
    await using asker = await httpClient(other.product);
    const { isError, text } = await power({ guest: "monitoring", action: "stop" }, asker);
    expect(isError).toBe(true);
    expect(text).toContain("it is being moved or destroyed. Try again in a moment.");
    expect(other.alpha.writes()).toBe(1);
  });
});
