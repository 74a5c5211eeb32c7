import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { httpClient, type McpClient } from "../support/clients.ts";
import { type Fleet, startFleet } from "../support/fleet.ts";
import { startProduct } from "../support/product.ts";
import { replyData, startRawServer } from "../support/raw-server.ts";

const upidOf = (text: string) => /UPID:\S+/.exec(text)?.[0] ?? "";

/** Answers with what differs from run to run taken out. */
const plain = (text: string) => text.replace(/UPID:\S+/g, "UPID").replace(/within \d+s/g, "within Ns");

let fleet: Fleet;
let client: McpClient;

beforeAll(async () => {
  fleet = await startFleet({ taskMs: 100 });
  client = await httpClient(fleet.product);
});

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await fleet[Symbol.asyncDispose]();
});

async function call(name: string, args: Record<string, unknown> = {}, by = client): Promise<string> {
  const { text, isError } = await by.call(name, args);
  expect({ isError, text }).toEqual({ isError: false, text });
  return text;
}

async function refused(name: string, args: Record<string, unknown> = {}, by = client): Promise<string> {
  const { text, isError } = await by.call(name, args);
  expect({ isError, text }).toEqual({ isError: true, text });
  return text;
}

const post = (path: string, data = {}) => ({ cluster: "alpha", method: "POST", path, data });

describe("proxmox_api_call", () => {
  test("waits a moment for the task that it starts, and says how it ended", async () => {
    expect(plain(await call("proxmox_api_call", post("/guests/104/status/start")))).toBe(
      "qmstart of 104 on pve1 (alpha) ended OK within Ns.\nTask: alpha/UPID\nPath: /nodes/pve1/qemu/104/status/start",
    );
  });

  test("answers a task that failed as an error with the lines that tell why", async () => {
    const text = await refused("proxmox_api_call", post("/nodes/pve1/qemu/111/migrate", { target: "pve3" }));
    expect(text).toContain("there is no guest 111");
    const failed = await refused("proxmox_api_call", post("/guests/104/migrate", { target: "pve3", online: true }));
    expect(plain(failed)).toStartWith(
      "qmigrate of 104 on pve1 (alpha) failed within Ns: Can't connect to destination address using public key\nIts log:\n",
    );
    expect(failed).toContain("starting migration of VM 104 to node 'pve3'");
  });

  test("gives the handle of a task that takes longer, and its log so far", async () => {
    await using slow = await startFleet({ taskMs: 300_000 });
    await using asker = await httpClient(slow.product);
    const began = performance.now();
    const dump = post("/nodes/pve1/vzdump", { vmid: "200", storage: "backups" });
    const text = await call("proxmox_api_call", dump, asker);
    expect(performance.now() - began).toBeWithin(6500, 9500);
    expect(text).toMatch(/^vzdump of 200 on pve1 \(alpha\) is still running, \d+s after its start\.$/m);
    expect(text).toContain("Its log ends in: INFO: creating vzdump archive");
    expect(text).toContain(`Task: alpha/${upidOf(text)}`);
    const running = /^1 task on 2 clusters: 1 running\.\n.*\nrunning\tvzdump\t200\tpve1\t.*\d+s so far\talpha\/UPID/;
    expect(await call("list_tasks", { status: "running" }, asker)).toMatch(running);
    // What was started later has ended already; what runs stands first all the same.
    const later = await slow.send("POST", "/nodes/pve1/qemu/104/status/start", {});
    await slow.send("DELETE", `/nodes/pve1/tasks/${later}`);
    expect((await call("list_tasks", { node: "pve1" }, asker)).split("\n")[2]).toStartWith("running\tvzdump\t200\t");
  }, 20_000);

  test("never loses that a task was started, even where nobody may read how it gets on", async () => {
    const around = async (request: Request, answer: (request: Request) => Promise<Response>) => {
      if (!new URL(request.url).pathname.includes("/tasks/")) return await answer(request);
      return Response.json(
        { data: null, message: "Permission check failed (/nodes/pve1, Sys.Audit)" },
        { status: 403 },
      );
    };
    await using other = await startFleet({ taskMs: 1, around });
    await using asker = await httpClient(other.product);
    const text = await call("proxmox_api_call", post("/guests/104/status/start"), asker);
    expect(text).toStartWith("qmstart of 104 on pve1 (alpha) was started; how it gets on cannot be read: GET /nodes");
    expect(text).toContain("lacks Sys.Audit on /nodes/pve1");
    expect(text).toMatch(/^Task: alpha\/UPID:pve1:\S+:qmstart:104:mcp@pve!tok:$/m);
  });
});

describe("wait_for_task", () => {
  test("takes a handle alone, a UPID with its cluster, and a UPID that one cluster knows", async () => {
    const upid = upidOf(await call("proxmox_api_call", post("/guests/104/status/reset")));
    const expected = /^qmreset of 104 on pve1 \(alpha\) ended OK/;
    for (const args of [
      { task: `alpha/${upid}` },
      { task: upid, cluster: "alpha" },
      { task: upid },
      { task: upid.replace(/:$/, "") },
      { task: ` alpha/${upid}\n`, cluster: "alpha" },
      { task: `alpha/${upid}`, cluster: "*" },
      { task: upid, cluster: "*" },
    ]) {
      expect(await call("wait_for_task", args)).toMatch(expected);
    }
  });

  test("refuses what names no task, two clusters, or a task that nobody knows", async () => {
    const upid = "UPID:pve1:00000001:00000001:60000000:qmstart:100:root@pam:";
    expect(await refused("wait_for_task", { task: "qmstart" })).toContain("A handle is cluster/UPID");
    expect(await refused("wait_for_task", { task: `beta/${upid}`, cluster: "alpha" })).toContain("Leave one out");
    expect(await refused("wait_for_task", { task: `gamma/${upid}` })).toContain('"alpha", "beta"');
    expect(await refused("wait_for_task", { task: upid })).toStartWith("No cluster knows this task.");
    expect(await refused("wait_for_task", { task: `alpha/${upid}` })).toContain("this node knows no such task");
    expect(await refused("wait_for_task", { task: upid, timeout: 46 })).toContain("timeout");
  });

  test("tells of a cluster that could not be asked whether it knows the task", async () => {
    const text = await refused("wait_for_task", { task: "UPID:pve3:00000001:00000001:60000000:qmstart:100:root@pam:" });
    expect(text).toContain("No answer from alpha: GET /nodes/pve3/tasks/");
    expect(text).not.toContain("No answer from beta");
  });

  test("asks no cluster for longer than 5 s whether it knows the task, and waits for the one that does", async () => {
    await using silent = await startRawServer(() => undefined);
    const credentials = { user: "mcp@pve", token_id: "agent", token_secret: "s" };
    await using other = await startFleet({ taskMs: 100, others: { gamma: { url: silent.url, ...credentials } } });
    await using asker = await httpClient(other.product);
    const upid = await other.send("POST", "/nodes/pve1/qemu/100/status/reset", {});
    const began = performance.now();
    const { text } = await asker.call("wait_for_task", { task: String(upid) });
    expect(text).toStartWith("qmreset of 100 on pve1 (alpha) ended OK");
    expect(performance.now() - began).toBeWithin(4000, 9000);
  }, 30_000);

  test("finds the task of a cluster whose first endpoint is silent", async () => {
    await using silent = await startRawServer(() => undefined);
    await using knowing = await startRawServer(replyData({ status: "stopped", exitstatus: "OK" }));
    const credentials = { user: "mcp@pve", token_id: "agent", token_secret: "s" };
    const gamma = { url: [silent.url, knowing.url], ...credentials };
    await using other = await startFleet({ others: { gamma } });
    await using asker = await httpClient(other.product);
    const task = "UPID:pve1:00000001:00000001:60000000:qmstart:100:root@pam:";
    const { text } = await asker.call("wait_for_task", { task });
    expect(text).toStartWith("qmstart of 100 on pve1 (gamma) ended OK");
  }, 15_000);

  test("says why a task of yesterday failed", async () => {
    const list = await call("list_tasks", { cluster: "alpha", type: "vzdump" });
    const text = await refused("wait_for_task", { task: `alpha/${upidOf(list)}` });
    expect(plain(text)).toBe(
      [
        "vzdump on pve1 (alpha) failed (it was started 6h ago): job errors",
        "Its log:",
        "ERROR: Backup of VM 101 failed - no space left on device",
        "Task: alpha/UPID",
      ].join("\n"),
    );
  });

  test.each(["log", "status"])(
    "is answered in time where a node hangs on the %s, with progress and without",
    async (what) => {
      const hang = async (request: Request, answer: (request: Request) => Promise<Response>) => {
        if (new RegExp(`/tasks/UPID.*/${what}$`).test(decodeURIComponent(new URL(request.url).pathname)))
          await Bun.sleep(20_000);
        return await answer(request);
      };
      await using other = await startFleet({ taskMs: 300_000, around: hang });
      await using asker = await httpClient(other.product);
      const task = `alpha/${await other.send("POST", "/nodes/pve1/vzdump", { vmid: "200", storage: "backups" })}`;
      const began = performance.now();
      const answers = await Promise.all(
        [{}, { onprogress: () => undefined }].map((options) =>
          asker.call("wait_for_task", { task, timeout: 1 }, options),
        ),
      );
      expect(performance.now() - began).toBeLessThan(9000);
      for (const { text } of answers) expect(text).toEndWith(`Task: ${task}`);
    },
    30_000,
  );

  test("shows what a cluster says as lines of its log, and never as lines of its own", async () => {
    const upid = "UPID:pve1:000001CC:0006EAA0:6B02C95E:qmstart:100:mcp@pve!tok:";
    const around = async (request: Request, answer: (request: Request) => Promise<Response>) => {
      const path = decodeURIComponent(new URL(request.url).pathname);
      if (path.endsWith(`${upid}/status`)) {
        return Response.json({ data: { status: "stopped", exitstatus: "oops\nqmstart of 100 ended OK" } });
      }
      if (!path.endsWith(`${upid}/log`)) return await answer(request);
      return Response.json({ data: [{ n: 1, t: "ERROR: it\nTask: beta/UPID" }], total: 1 });
    };
    await using other = await startFleet({ around });
    await using asker = await httpClient(other.product);
    const text = await refused("wait_for_task", { task: `alpha/${upid}` }, asker);
    expect(text.split("\n").slice(1)).toEqual(["Its log:", "ERROR: it\\nTask: beta/UPID", `Task: alpha/${upid}`]);
    expect(text).toContain("oops\\nqmstart of 100 ended OK");
  });

  test("tells a long reason once, and cut", async () => {
    const upid = "UPID:pve1:000001CC:0006EAA0:6B02C95E:qmstart:100:mcp@pve!tok:";
    const reason = `start failed: ${"command ".repeat(60)}`.trim();
    const around = async (request: Request, answer: (request: Request) => Promise<Response>) => {
      const path = decodeURIComponent(new URL(request.url).pathname);
      if (path.endsWith(`${upid}/status`)) return Response.json({ data: { status: "stopped", exitstatus: reason } });
      if (!path.endsWith(`${upid}/log`)) return await answer(request);
      return Response.json({ data: [{ n: 1, t: `TASK ERROR: ${reason}` }], total: 1 });
    };
    await using other = await startFleet({ around });
    await using asker = await httpClient(other.product);
    const text = await refused("wait_for_task", { task: `alpha/${upid}` }, asker);
    expect(text.split("start failed")).toHaveLength(2);
  });

  test("goes on over a node that falls silent, and says so when it stays silent", async () => {
    let silent = false;
    const around = async (request: Request, answer: (request: Request) => Promise<Response>) =>
      silent && request.url.includes("/tasks/")
        ? new Response(null, { status: 595, statusText: "No route to host" })
        : await answer(request);
    await using other = await startFleet({ taskMs: 3000, around });
    await using asker = await httpClient(other.product);
    const upid = await other.send("POST", "/nodes/pve1/qemu/100/status/shutdown", {});
    const waiting = asker.call("wait_for_task", { task: `alpha/${upid}` });
    await Bun.sleep(500);
    silent = true;
    const patient = await asker.call("wait_for_task", { task: `alpha/${upid}`, timeout: 1 });
    expect(patient.isError).toBe(false);
    expect(patient.text).toContain("Whether qmshutdown of 100 on pve1 (alpha) still runs cannot be read just now: ");
    expect(patient.text).toContain("595, node pve1 cannot be reached");
    silent = false;
    expect((await waiting).text).toStartWith("qmshutdown of 100 on pve1 (alpha) ended OK");
  }, 15_000);
});

describe("list_tasks", () => {
  test("shows the recent ones of all clusters, one request to each", async () => {
    const before = fleet.alpha.requests.length + fleet.beta.requests.length;
    const text = await call("list_tasks");
    expect(fleet.alpha.requests.length + fleet.beta.requests.length - before).toBe(2);
    expect(text).toMatch(/^\d+ tasks on 2 clusters: .*\d+ failed/);
    expect(text).toContain("status\ttype\tid\tnode\tuser\tstarted\ttook\ttask\n");
    expect(text).toMatch(
      /^job errors\tvzdump\t\tbpve\troot@pam\t6h ago \(\d{4}-\d\d-\d\dT\d\d:\d\dZ\)\tunder 1s\tbeta\/UPID:bpve:/m,
    );
    expect(text).toContain("Looked at each node's last tasks only");
  });

  test("finds a guest's by name and by VMID, in the nodes' logs, and says which node was not looked at", async () => {
    await call("guest_power", { guest: "proxy", action: "stop" });
    for (const guest of ["proxy", "201", 201]) {
      const text = await call("list_tasks", { guest });
      expect(text).toMatch(/^OK\tvzstop\t201\tpve1\t/m);
      expect(text).not.toMatch(/\tqmstart\t/);
      expect(text).toContain("pve3 of alpha is offline: its tasks were not looked at.");
      expect(text).toContain("see type vzdump without guest");
    }
    expect(await refused("list_tasks", { guest: "nobody" })).toContain('there is no guest called "nobody"');
  });

  test("narrows by result, node, user, type, and time", async () => {
    const failed = await call("list_tasks", { status: "failed", since: "1d" });
    expect(failed).toContain("job errors\tvzdump");
    expect(failed).not.toMatch(/^OK\t/m);
    expect(await call("list_tasks", { since: "1h", type: "vzdump" })).toStartWith("No such tasks on 2 clusters.");
    expect(await call("list_tasks", { since: "2020-01-01", type: "vzdump" })).toContain("2 tasks on 2 clusters");
    const byUser = await call("list_tasks", { user: "root@pam", node: "bpve" });
    expect(byUser).toStartWith("2 tasks on 2 clusters");
    expect(byUser).not.toContain("pve1");
    expect(await call("list_tasks", { user: "ROOT@pam", type: "vzdump" })).toContain("2 tasks on 2 clusters");
    expect(await call("list_tasks", { status: "running" })).toBe(
      "No such tasks on 2 clusters. Without Sys.Audit a token sees its own tasks only.",
    );
    expect(await call("list_tasks", { user: "root@pam", limit: 1 })).toStartWith("First 1 of 4 tasks on 2 clusters: ");
  });

  test("waits 8 s for a frozen node, and shows what the others have", async () => {
    const around = async (request: Request, answer: (request: Request) => Promise<Response>) => {
      if (new URL(request.url).pathname.endsWith("/nodes/pve2/tasks")) await Bun.sleep(30_000);
      return await answer(request);
    };
    await using other = await startFleet({ around });
    await using asker = await httpClient(other.product);
    const began = performance.now();
    const text = await call("list_tasks", { type: "vzdump" }, asker);
    expect(performance.now() - began).toBeWithin(7000, 12_000);
    expect(text).toStartWith("2 tasks on 2 clusters: 2 failed.");
    expect(text).toContain("No tasks from pve2 of alpha: ");
  }, 20_000);

  test("counts among the failed none that ended with warnings", async () => {
    const asked: string[] = [];
    const around = async (request: Request, answer: (request: Request) => Promise<Response>) => {
      asked.push(request.url);
      return await answer(request);
    };
    await using other = await startFleet({ around });
    await using asker = await httpClient(other.product);
    await call("list_tasks", { status: "failed", type: "vzdump" }, asker);
    const filters = asked.flatMap((url) => new URL(url).searchParams.get("statusfilter") ?? []);
    expect(new Set(filters)).toEqual(new Set(["error,unknown"]));
    expect(asked.filter((url) => new URL(url).searchParams.has("errors"))).toEqual([]);
  });

  test("says of a node or a VMID that there is none, and not that it has no tasks", async () => {
    for (const status of ["all", "running"]) {
      expect(await refused("list_tasks", { node: "pve-1", status })).toBe(
        'No node looked at is called "pve-1". Did you mean "pve1"? Nodes: pve1, pve2, pve3, bpve.',
      );
    }
    expect(await call("list_tasks", { node: "pve3" })).toContain("pve3 of alpha is offline");
    for (const guest of [5, "000100", 99_999_999_999]) {
      expect(await refused("list_tasks", { guest })).toContain("is no VMID; those are from 100 to 999999999.");
    }
  });

  test("takes a time without a zone for UTC, as it writes them, wherever the server is", async () => {
    await using tokyo = await startProduct(["--config", fleet.config.path], { TZ: "Asia/Tokyo" });
    await using asker = await httpClient(tokyo);
    const list = async (since: string) => await call("list_tasks", { since, type: "vzdump", node: "bpve" }, asker);
    const [, started = ""] = /\((\d{4}-\d\d-\d\dT\d\d:\d\d)Z\)/.exec(await list("1w")) ?? [];
    const later = new Date(Date.parse(`${started}Z`) + 60_000).toISOString().slice(0, 16);
    for (const form of [started, `${started}Z`, started.replace("T", " "), `${started}+00:00`, `${later}+09:00`]) {
      expect(await list(form)).toStartWith("1 task on 2 clusters");
    }
    for (const form of [later, `${later}Z`]) expect(await list(form)).toStartWith("No such tasks");
  });

  test("gives as many rows as there is room for, and always says what was not looked at", async () => {
    const row = (index: number) => ({
      upid: `UPID:pve1:${(4096 + index).toString(16).toUpperCase().padStart(8, "0")}:0006EAA0:6B02C95E:vzdump:100:root@pam:`,
      endtime: 0x6b02c95f,
      status: "x".repeat(500),
    });
    const around = async (request: Request, answer: (request: Request) => Promise<Response>) =>
      new URL(request.url).pathname.endsWith("/nodes/pve1/tasks")
        ? Response.json({ data: Array.from({ length: 200 }, (_, index) => row(index)), total: 4000 })
        : await answer(request);
    await using other = await startFleet({ around });
    await using asker = await httpClient(other.product);
    const text = await call("list_tasks", { since: "1w", limit: 200 }, asker);
    const [, shown] = /^First (\d+) of 400\d tasks on 2 clusters: /.exec(text) ?? [];
    expect(Number(shown)).toBeWithin(100, 200);
    expect(text.match(/\/UPID:/g)).toHaveLength(Number(shown));
    expect(text).toEndWith("pve3 of alpha is offline: its tasks were not looked at.");
    expect(text).not.toContain("Cut here");
  });

  test("is led astray by no answer: times without end, nodes without number", async () => {
    const upid = "UPID:pve1:000001CC:0006EAA0:6B02C95E:qmstart:100:mcp@pve!tok:";
    const nodes = Array.from({ length: 3000 }, (_, index) => ({ node: `n${index}`, status: "online" }));
    const lies = (data: unknown) => `{"data":${JSON.stringify(data).replaceAll('"endless"', "1e308")}}`;
    const around = async (request: Request, answer: (request: Request) => Promise<Response>) => {
      const { pathname } = new URL(request.url);
      if (pathname.endsWith("/cluster/tasks")) return new Response(lies([{ upid, endtime: "endless", status: "OK" }]));
      return pathname.endsWith("/nodes") ? new Response(lies(nodes)) : await answer(request);
    };
    await using other = await startFleet({ around });
    await using asker = await httpClient(other.product);
    expect(await call("list_tasks", {}, asker)).toMatch(/^3 tasks on 2 clusters: /);
    const before = other.alpha.requests.length;
    const text = await call("list_tasks", { since: "1w" }, asker);
    expect(other.alpha.requests.length - before).toBe(65);
    expect(text).toContain("alpha lists 2936 more nodes: their tasks were not looked at.");
  });

  test("refuses a time that is none, saying how to write one", async () => {
    expect(await refused("list_tasks", { since: "yesterday" })).toContain("since: write 30m, 2h, 3d, 1w, or a date");
  });

  test("loses no node's tasks to another that does not answer", async () => {
    const around = async (request: Request, answer: (request: Request) => Promise<Response>) =>
      new URL(request.url).pathname.endsWith("/nodes/pve2/tasks")
        ? new Response(null, { status: 596, statusText: "Connection timed out" })
        : await answer(request);
    await using other = await startFleet({ around });
    await using asker = await httpClient(other.product);
    const text = await call("list_tasks", { since: "1w" }, asker);
    expect(text).toContain("4 tasks on 2 clusters");
    expect(text).toContain("No tasks from pve2 of alpha: GET /nodes/pve2/tasks on alpha: 596");
  });
});
